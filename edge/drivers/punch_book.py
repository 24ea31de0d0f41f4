"""What is remembered of attendance readers, on the card: their stamps, and which scans are in the spool already.

A reader may tell everything it has once more: after a reset, by a pull, or because our answer was lost. A scan is in
the event lane once all the same, even through kill -9: what is about to be appended is written down first, with the
row that it will have, and looked up there at the next start.
"""

from __future__ import annotations

import hmac
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from contract.codec import decode_body
from contract.errors import DecodeError
from edge.drivers.base import EventStore
from edge.drivers.punches import Scan
from edge.errors import CorruptCard, EdgeError
from edge.sqlite import Card, Database, FileCard

log = logging.getLogger(__name__)

KEPT_SCANS = 1_000_000
"""Scans that are remembered, about 40 MB; beyond this the oldest days are forgotten."""

_TABLES = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "CREATE TABLE IF NOT EXISTS book (one INTEGER PRIMARY KEY CHECK (one = 1), secret BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS seen (mark BLOB PRIMARY KEY, day INTEGER NOT NULL) WITHOUT ROWID",
    """CREATE TABLE IF NOT EXISTS pending (
        mark BLOB PRIMARY KEY, event TEXT NOT NULL, row INTEGER NOT NULL, serial TEXT NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS stamp (
        serial TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (serial, name)
    ) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS counted (
        serial TEXT PRIMARY KEY, scans INTEGER NOT NULL, unreadable INTEGER NOT NULL
    ) WITHOUT ROWID""",
)


class PunchBook:
    """Synchronous; one caller at a time. Every method but `close` raises CardError when the card does not do it."""

    def __init__(self, path: Path, *, card: Card | None = None) -> None:
        self._path = path
        self._card = card or FileCard()
        self._db: Database | None = None
        self._secret = b""
        self._doubtful = False

    def open(self, store: EventStore) -> None:
        """Open the book, make it if there is none, and find out what the last process left undecided.

        A damaged book is set aside and a new one made: a reader's repeats are then appended again, under the event
        ids that they had, and the hub knows them by these.
        """
        try:
            self._open(store)
        except CorruptCard as error:
            log.error("punch_book_damaged error=%r", str(error))
            self.close()
            for suffix in ("", "-wal", "-shm"):
                if self._card.size(f"{self._path}{suffix}") is not None:
                    self._card.rename(f"{self._path}{suffix}", f"{self._path}{suffix}.damaged")
            self._open(store)

    def close(self) -> None:
        """Close the book; idempotent."""
        if self._db is None:
            return
        try:
            if not self._doubtful:
                self._db.execute("DELETE FROM pending")
            self._db.close()
        except EdgeError as error:
            log.warning("punch_book_close_failed error=%r", str(error))
        self._db = None

    def stamp(self, serial: str, name: str) -> str | None:
        """How far a table of a reader has been told, in the reader's own word; None while it never was."""
        found = self._opened().execute(
            "SELECT value FROM stamp WHERE serial = ? AND name = ?", (serial, name)
        )
        return str(found[0][0]) if found else None

    def set_stamp(self, serial: str, name: str, value: str) -> None:
        """Note how far a table has been told; only after what it stands for is in the spool."""
        if self.stamp(serial, name) != value:
            self._opened().execute("INSERT OR REPLACE INTO stamp VALUES (?, ?, ?)", (serial, name, value))

    def counted(self, serial: str) -> tuple[int, int]:
        """Scans of a reader that were appended, and lines of it that could not be read, since the book was made."""
        found = self._opened().execute("SELECT scans, unreadable FROM counted WHERE serial = ?", (serial,))
        return (int(found[0][0]), int(found[0][1])) if found else (0, 0)

    def count_unreadable(self, serial: str, n: int) -> None:
        """Note lines that were thrown away."""
        self._count(self._opened(), serial, 0, n)

    def append(self, serial: str, scans: Sequence[Scan], store: EventStore, mono_ms: int) -> int:
        """Put those scans into the event lane that are not there yet. On return all of them are on the card.

        Returns:
            How many were new.

        Raises:
            EdgeError: nothing of it was appended; the same call may succeed later.
        """
        db = self._opened()
        if self._doubtful:
            self._settle(db, store)
        new = {
            mark: each
            for mark, each in ((self._mark(each.source), each) for each in scans)
            if not db.execute("SELECT 1 FROM seen WHERE mark = ?", (mark,))
        }
        if not new:
            return 0
        row = store.next_event_row()
        with _change(db):
            db.execute("DELETE FROM pending")
            db.execute_many(
                "INSERT INTO seen VALUES (?, ?)", [(mark, each.day) for mark, each in new.items()]
            )
            db.execute_many(
                "INSERT INTO pending VALUES (?, ?, ?, ?)",
                [(mark, each.event_id, row + at, serial) for at, (mark, each) in enumerate(new.items())],
            )
            self._count(db, serial, len(new), 0)
        self._doubtful = True
        try:
            store.append_events([(mono_ms, each.body) for each in new.values()])
        except EdgeError:
            with _change(db):
                self._forget(db, [(mark, serial) for mark in new])
            self._doubtful = False
            raise
        self._doubtful = False
        return len(new)

    def _open(self, store: EventStore) -> None:
        db = self._db = self._card.open(str(self._path))
        for sql in _TABLES:
            db.execute(sql)
        self._path.chmod(0o600)
        db.execute("INSERT OR IGNORE INTO book VALUES (1, ?)", (os.urandom(32),))
        self._secret = bytes(db.execute("SELECT secret FROM book")[0][0])
        self._settle(db, store)
        db.execute(
            "DELETE FROM seen WHERE day <= (SELECT day FROM seen ORDER BY day DESC LIMIT 1 OFFSET ?)",
            (KEPT_SCANS,),
        )

    def _settle(self, db: Database, store: EventStore) -> None:
        """Decide what was left undecided: a scan whose row holds another event was never appended."""
        rows = db.execute("SELECT mark, event, row, serial FROM pending")
        never = [
            (bytes(mark), serial) for mark, event, row, serial in rows if not _is_there(store, row, event)
        ]
        with _change(db):
            self._forget(db, never)
            db.execute("DELETE FROM pending")
        self._doubtful = False

    def _forget(self, db: Database, marks: Sequence[tuple[bytes, str]]) -> None:
        db.execute_many("DELETE FROM seen WHERE mark = ?", [(mark,) for mark, _ in marks])
        db.execute_many("DELETE FROM pending WHERE mark = ?", [(mark,) for mark, _ in marks])
        for _, serial in marks:
            self._count(db, serial, -1, 0)

    def _count(self, db: Database, serial: str, scans: int, unreadable: int) -> None:
        db.execute(
            "INSERT INTO counted VALUES (?, ?, ?) ON CONFLICT (serial) DO UPDATE SET"
            " scans = scans + excluded.scans, unreadable = unreadable + excluded.unreadable",
            (serial, scans, unreadable),
        )

    def _mark(self, source: bytes) -> bytes:
        # With a secret of this book's own: it outlives a change of the city's key, and tells nothing without it.
        return hmac.digest(self._secret, source, "sha256")[:16]

    def _opened(self) -> Database:
        if self._db is None:
            raise EdgeError("closed", f"{self._path} is not open")
        return self._db


def _is_there(store: EventStore, row: int, event_id: str) -> bool:
    """Whether the event lane got that event at that row. A row that has left the card was appended long ago."""
    if row >= store.next_event_row():
        return False
    body = store.event_body(row)
    if body is None:
        return True
    try:
        return decode_body(body).id == event_id
    except DecodeError:
        return False


@contextmanager
def _change(db: Database) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        try:
            db.execute("ROLLBACK")
        except EdgeError:
            pass  # SQLite has rolled back by itself
        raise
