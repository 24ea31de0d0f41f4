"""States in which the files may be found at opening, and what is done:

==================  ====================  ===========================================================
spool               quarantined file      meaning
==================  ====================  ===========================================================
there, readable     any                   normal; the log's committed part is recovered by SQLite
there, damaged      any                   set aside (over an older one), made anew, panic and event carried over
not there           there                 a quarantine was interrupted: carry over again
not there           not there             a new card
==================  ====================  ===========================================================

``.new`` is a spool that was not finished; it is thrown away.
"""

from __future__ import annotations

import logging

from contract.topics import LANES, Lane
from edge.errors import CorruptCard, DiskFull, EdgeError
from edge.spool import salvage, schema
from edge.spool.records import (
    Opening,
)
from edge.spool.state import RING_MS, CardState
from edge.sqlite import Database

log = logging.getLogger(__name__)

CHECK_BYTES = 32 * 1024 * 1024
"""A spool that uses no more than this is checked whole at opening; a fuller one, all but its telemetry."""

_QUARANTINED = ".quarantined"


class Opened(CardState):
    """Opens, makes and quarantines the spool's files."""

    def open(self, boot: str, mono_ms: int) -> Opening:
        """Open the spool for the running boot: as it is, or made anew.

        Raises:
            DiskFull: there is no room to make it, or to give it its log back.
            CardError: the card does not answer, or another process has the spool.
        """
        self._boot = boot
        self._reset()
        self._card.remove(self._path + ".new")
        if self._card.size(self._path) is None:
            if self._card.size(self._path + _QUARANTINED) is None:
                self._make(mono_ms, None)
                return Opening("fresh")
            return self._make_from_quarantined("quarantine was interrupted", mono_ms)
        try:
            self._attach(mono_ms)
        except CorruptCard as error:
            return self.quarantine(error.message, mono_ms)
        except BaseException:
            self._drop_connection()
            raise
        return Opening("reopened")

    def close(self) -> None:
        """Write what is only in memory, and let go of the file. Idempotent."""
        if self._db is None:
            return
        try:
            if self._dirty_rows and not self._stale:
                with self._change():
                    pass
        except EdgeError as error:
            log.warning("spool.close_unsaved error=%r", str(error))
        self._drop_connection()
        try:
            # SQLite removes the log of a file that is closed in order; its space must not go to others.
            self._reserve_log()
        except EdgeError as error:
            log.warning("spool.log_unreserved error=%r", str(error))

    def quarantine(self, reason: str, mono_ms: int) -> Opening:
        """Set the damaged file aside and make a spool with new epochs; panic and event records are carried over.

        Old epochs are told as closed: what is neither carried over nor committed is lost. Older quarantined
        files are removed.
        """
        log.error("spool.quarantine path=%s reason=%r", self._path, reason)
        self._drop_connection()
        aside = self._path + _QUARANTINED
        self._card.remove(aside + "-wal")
        self._card.remove(aside)
        # The file first: without its log it would look sound, only older, and give numbers twice.
        self._card.rename(self._path, aside)
        return self._make_from_quarantined(reason, mono_ms)

    def _make_from_quarantined(self, reason: str, mono_ms: int) -> Opening:
        aside = self._path + _QUARANTINED
        if self._card.size(self._path + "-wal") is not None:
            self._card.rename(self._path + "-wal", aside + "-wal")
        found = salvage.read(self._card, aside)
        self._make(mono_ms, found)
        return Opening("quarantined", reason, found.count)

    def _make(self, mono_ms: int, found: salvage.Found | None) -> None:
        new = self._path + ".new"
        epochs = {lane: self._random_hex(8) for lane in LANES}
        try:
            self._make_file(new, epochs, mono_ms, found)
        except DiskFull:
            if found is None:
                raise
            # The damaged file has given what it had; its space is needed now.
            self._remove_quarantined()
            self._make_file(new, epochs, mono_ms, found)
        self._card.remove(self._path + "-wal")
        self._card.rename(new, self._path)
        self._lives += 1
        self._reset()
        self._attach(mono_ms)

    def _make_file(
        self, new: str, epochs: dict[Lane, str], mono_ms: int, found: salvage.Found | None
    ) -> None:
        self._card.remove(new)
        db = schema.make(self._card, new, self._asked, epochs=epochs, boot=self._boot, mono_ms=mono_ms)
        try:
            if found is not None:
                salvage.write(db, found, ring_from_ms=RING_MS)
            db.execute("PRAGMA journal_mode=WAL")
        finally:
            db.close()

    def _attach(self, mono_ms: int) -> None:
        self._reserve_log()
        self._db = self._card.open(self._path)
        schema.configure(self._db, self._asked)
        self._check(self._db)
        self._load(self._db)
        self._quotas = schema.fitting(self._asked, self._db.execute("PRAGMA page_count")[0][0])
        if not self._boots.known:
            with self._change() as db:
                last = [(lane.boot, lane.mono_ms) for lane in self._lanes.values()]
                self._boots.begin(db, self._boot, mono_ms, last)
                self._save_age(db, self._age[0], mono_ms)
        else:
            self._age = (self._age[0], min(self._age[1], mono_ms))

    def _reserve_log(self) -> None:
        """See that log and reserve have their space; on a full disk the reserve, then a quarantined file, gives way."""
        wal, reserve, n_bytes = self._path + "-wal", self._path + ".reserve", self._asked.wal_bytes
        if (self._card.size(wal) or 0) < n_bytes:
            for give_way in (lambda: self._card.remove(reserve), self._remove_quarantined, None):
                try:
                    self._card.extend(wal, n_bytes)
                    break
                except DiskFull:
                    if give_way is None:
                        raise
                    give_way()
        try:
            if (self._card.size(reserve) or 0) < n_bytes:
                self._card.extend(reserve, n_bytes)
        except DiskFull:
            self._card.remove(reserve)

    def _remove_quarantined(self) -> None:
        self._card.remove(self._path + _QUARANTINED + "-wal")
        self._card.remove(self._path + _QUARANTINED)

    def _check(self, db: Database) -> None:
        """Raise CorruptCard for a file that is damaged or not ours."""
        pages, free = db.execute("PRAGMA page_count")[0][0], db.execute("PRAGMA freelist_count")[0][0]
        if (self._card.size(self._path) or 0) < pages * schema.PAGE_BYTES:
            raise CorruptCard("short", f"{self._path} is shorter than its {pages} pages")
        whole = (pages - free) * schema.PAGE_BYTES <= CHECK_BYTES
        for pragma in ("quick_check",) if whole else tuple(f"quick_check({name})" for name in schema.TABLES):
            answer = db.execute(f"PRAGMA {pragma}")
            if answer != [("ok",)]:
                raise CorruptCard("check", str(answer[:3]))
        found = db.execute("SELECT format FROM card")
        if found != [(schema.FORMAT,)]:
            raise CorruptCard("format", f"format {found!r}, {schema.FORMAT} is read here")
