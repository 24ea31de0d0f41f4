"""The spool itself: what is on the card, changed in transactions, with its state in memory beside it.

Every change runs in one transaction. If it fails, nothing has happened: the state in memory is read anew from the
card before the next call. States in which the files may be found at opening, and what is done:

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
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import msgspec

from contract.messages import (
    MAX_RECORDS,
    MAX_SETTLED_RANGES,
    ClosedEpoch,
    DeviceColumn,
    HaveStream,
    Incarnation,
    LaneAccount,
    Loss,
    Range,
)
from contract.ranges import Ranges
from contract.topics import LANES, Lane
from edge.clock import random_hex as system_random_hex
from edge.errors import ClosedSpool, CorruptCard, DiskFull, EdgeError, PanicLaneFull, RecordError
from edge.spool import salvage, schema, tables
from edge.spool.boots import Boots
from edge.spool.checksum import checksum, sound
from edge.spool.lane import BootRow, LaneState, coarser
from edge.spool.losses import Losses
from edge.spool.records import (
    MAX_GROUP,
    MAX_GROUP_BYTES,
    Appended,
    Opening,
    OverduePanic,
    Quotas,
    Row,
    Run,
    Sample,
    Usage,
    check_event,
    encode_sample,
)
from edge.spool.schema import DONE, GONE, NUMBER, RECORDS, cost
from edge.sqlite import Card, Database, FileCard
from edge.timeline import Source, Stamp, Sync, Timeline

log = logging.getLogger(__name__)

RING_MS = 72 * 3_600_000
"""How long settled panic and event records stay."""

MARK_MS = 3_600_000
"""How often it is noted how far a lane is settled; the ring's hours are counted in these."""

SYNC_KEPT_MS = 3_600_000
"""Sync rows stay this much longer than the oldest record that they time: a record may be accepted late."""

CHECK_BYTES = 32 * 1024 * 1024
"""A spool that uses no more than this is checked whole at opening; a fuller one, all but its telemetry."""

_EVICT_ROWS = 512
_EVICT_MORE_BYTES = (0, 16 * 1024, 128 * 1024)
_PRUNE_ROWS = 2000
_FRAME_ROW_BYTES = 14
"""What a record takes in a frame beside its body, at most: alias or error, time offset, punctuation."""

_QUARANTINED = ".quarantined"


class Spool:
    """Three lanes of records on the card. Synchronous; one caller at a time; reads no clock.

    CardError means that nothing was changed. CorruptCard means: call `quarantine`.
    """

    def __init__(
        self,
        path: str,
        *,
        quotas: Quotas | None = None,
        card: Card | None = None,
        random_hex: Callable[[int], str] = system_random_hex,
    ) -> None:
        """
        Args:
            path: the file; its neighbours with longer names are the spool's too.
            random_hex: so many random bytes in hex, for epochs; must never repeat, even on a cloned card.
        """
        self._path = path
        self._asked = quotas or Quotas()
        self._quotas = self._asked
        self._card = card or FileCard()
        self._random_hex = random_hex
        self._db: Database | None = None
        self._boot = ""
        self._stale = False
        self._lives = 0
        self._reset()

    def _reset(self) -> None:
        self._lanes: dict[Lane, LaneState] = {}
        self._boots = Boots()
        self._columns: dict[int, DeviceColumn] = {}
        self._column_ids: dict[tuple[str, str, tuple[str, ...]], int] = {}
        self._newest: dict[int, int] = {}
        self._losses = Losses([])
        self._closed: dict[tuple[Lane, str], ClosedEpoch] = {}
        self._marks: dict[Lane, list[tuple[int, int]]] = {}
        self._inc: Incarnation | None = None
        self._age: tuple[int, int] = (0, 0)
        self._ring_from_ms = 0
        self._dirty_rows: set[tuple[Lane, int, int]] = set()
        self._unsaved = Ranges()  # settled samples that only memory knows of
        self._oldest: dict[Lane, tuple[int, int]] = {}
        self._ballast = 0

    # Opening and closing.

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

    def _load(self, db: Database) -> None:
        """Read the state from the card."""
        again = {name: lane.again for name, lane in self._lanes.items()}
        newest, unsaved = self._newest, self._unsaved
        self._reset()
        self._lanes = tables.load_lanes(db)
        for name, lane in self._lanes.items():
            lane.again = again.get(name, Ranges())
            highest = db.execute(RECORDS[name].ends)[0][1] or 0
            if highest > lane.top:
                raise CorruptCard("counter", f"{name} has row {highest}, but its next is {lane.next_row}")
        self._newest = {column: row for column, row in newest.items() if row <= self._lanes["telemetry"].top}
        for first, last in unsaved:
            self._settle_unsaved(first, last)
        self._boots.load(db, self._boot)
        for number, device, kind, quantities in db.execute(
            "SELECT id, device, kind, quantities FROM device_column"
        ):
            self._remember_column(number, DeviceColumn(device, kind, tuple(msgspec.json.decode(quantities))))
        self._losses = Losses(tables.load_losses(db))
        self._closed = tables.load_closed(db)
        self._marks = {lane: [] for lane in LANES}
        for number, age, row in db.execute("SELECT lane, age_ms, row FROM mark ORDER BY lane, age_ms"):
            self._marks[LANES[number]].append((age, row))
        generation, random, age, age_boot, age_mono, self._ring_from_ms = db.execute(
            "SELECT generation, random, age_ms, age_boot, age_mono_ms, ring_from_ms FROM card"
        )[0]
        self._inc = None if generation is None else (generation, random)
        self._age = (age, age_mono if age_boot == self._boot else 0)
        self._ballast = db.execute("SELECT COUNT(*) FROM ballast")[0][0]
        self._stale = False

    def _drop_connection(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            try:
                db.close()
            except EdgeError as error:
                log.warning("spool.close_failed error=%r", str(error))

    def _open_db(self) -> Database:
        """The connection, with the state in memory as the card has it."""
        if self._db is None:
            raise ClosedSpool("closed", "the spool is not open")
        if self._stale:
            self._load(self._db)
        return self._db

    @contextmanager
    def _change(self) -> Iterator[Database]:
        """One transaction. Ranges of rows that changed in memory are written with it."""
        db = self._open_db()
        again = {name: lane.again.copy() for name, lane in self._lanes.items() if lane.again}
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
            self._save_rows(db)
            db.execute("COMMIT")
        except BaseException:
            self._stale = True
            for name, rows in again.items():  # only in memory, so it has to be rolled back here
                self._lanes[name].again = rows
            try:
                db.execute("ROLLBACK")
            except EdgeError:
                pass  # SQLite has rolled back by itself
            raise
        self._dirty_rows.clear()
        self._unsaved = Ranges()

    def _settle_unsaved(self, first: int, last: int) -> None:
        self._add_rows(self._lanes["telemetry"], DONE, first, last)
        self._unsaved.add(first, last)

    def _save_rows(self, db: Database) -> None:
        for lane, kind, number in sorted(self._dirty_rows):
            state = self._lanes[lane]
            pair = (state.done if kind == DONE else state.gone).pair_at(number)
            assert pair is not None
            key = (NUMBER[lane], kind)
            db.execute(
                "DELETE FROM rows WHERE lane = ? AND kind = ? AND first BETWEEN ? AND ?", (*key, *pair)
            )
            db.execute("INSERT INTO rows VALUES (?, ?, ?, ?)", (*key, *pair))

    def _add_rows(self, lane: LaneState, kind: int, first: int, last: int) -> int:
        rows = lane.done if kind == DONE else lane.gone
        new = rows.add(first, last)
        pair = rows.pair_at(first)
        assert pair is not None
        self._dirty_rows.add((lane.lane, kind, pair[0]))
        return new

    def _save_lane(self, db: Database, lane: LaneState) -> None:
        db.execute(
            "UPDATE lane SET epoch = ?, next_row = ?, bytes = ?, boot = ?, mono_ms = ?, refused = ?, lost = ?"
            " WHERE lane = ?",
            (
                lane.epoch,
                lane.next_row,
                lane.bytes,
                lane.boot,
                lane.mono_ms,
                lane.refused,
                lane.lost,
                NUMBER[lane.lane],
            ),
        )

    # Accepting. On return the records are on the disk.

    def append_panic(self, mono_ms: int, body: bytes) -> Appended:
        """Accept one press. Takes the reserved ballast if everything else is full.

        Raises:
            PanicLaneFull: even that is used up.
            RecordError: the body is no event.
            CardError: the card did not take it; try again.
        """
        entries = [(mono_ms, 0, check_event(body))]
        while True:
            try:
                return self._append("panic", entries, 0)
            except PanicLaneFull:
                raise
            except DiskFull as error:
                if not self._give_ballast():
                    raise PanicLaneFull("panic", "no space left for panic", error.hint) from error

    def append_events(self, events: Sequence[tuple[int, bytes]]) -> Appended:
        """Accept events, (mono_ms, body) each; all or none.

        Raises:
            RecordError: a body is no event, or there are none, or too many for one call.
            CardError: the card did not take them; DiskFull when there is no room even after evicting.
        """
        return self._append_evicting("event", [(mono_ms, 0, check_event(body)) for mono_ms, body in events])

    def append_samples(self, samples: Sequence[Sample]) -> Appended:
        """Accept samples; all or none.

        Raises:
            RecordError: a value is no number of the contract, or there are none, or too many for one call.
            CardError: the card did not take them; DiskFull when there is no room even after evicting.
        """
        bodies = [encode_sample(sample) for sample in samples]
        self._open_db()
        entries = [
            (sample.mono_ms, self._column(sample), body) for sample, body in zip(samples, bodies, strict=True)
        ]
        appended = self._append_evicting("telemetry", entries)
        first = self._lanes["telemetry"].top - len(entries) + 1
        for row, (_, column, _) in enumerate(entries, first):
            self._newest[column] = row
        return appended

    def _append_evicting(self, lane: Lane, entries: list[tuple[int, int, bytes]]) -> Appended:
        """Append; where the file has no page left although the account says so, evict whole pages, then more."""
        for extra_bytes in _EVICT_MORE_BYTES:
            try:
                return self._append(lane, entries, extra_bytes)
            except DiskFull as error:
                full = error
        raise full

    def _append(self, name: Lane, entries: list[tuple[int, int, bytes]], extra_bytes: int) -> Appended:
        if not 1 <= len(entries) <= MAX_GROUP or sum(len(body) for _, _, body in entries) > MAX_GROUP_BYTES:
            raise RecordError("group", f"{len(entries)} records in one call", f"append 1 to {MAX_GROUP}")
        with self._change() as db:
            lane = self._lanes[name]
            n_bytes = sum(cost(len(body)) for _, _, body in entries)
            self._make_room(db, lane, n_bytes, extra_bytes)
            first, boot = lane.next_row, self._boots.running.number
            if not lane.boots or lane.boots[-1].boot != boot:
                lane.boots.append(BootRow(first, boot))
                db.execute("INSERT INTO boot_row VALUES (?, ?, ?)", (NUMBER[name], first, boot))
            db.execute_many(
                RECORDS[name].insert,
                [
                    (row, mono_ms, column, checksum(row, mono_ms, column, body), body)
                    for row, (mono_ms, column, body) in enumerate(entries, first)
                ],
            )
            lane.next_row += len(entries)
            lane.bytes += n_bytes
            newest = max(mono_ms for mono_ms, _, _ in entries)
            lane.mono_ms = max(lane.mono_ms, newest) if lane.boot == boot else newest
            lane.boot = boot
            self._save_lane(db, lane)
        epoch, seq = lane.name(first)
        return Appended(name, epoch, seq, seq + len(entries) - 1)

    def _column(self, sample: Sample) -> int:
        key = (sample.device, sample.kind, sample.quantities)
        number = self._column_ids.get(key)
        if number is None:
            if not all(0 < len(name) <= 64 for name in (sample.device, sample.kind, *sample.quantities)):
                raise RecordError("name", f"a name of device {sample.device!r} is empty or over 64 letters")
            number = len(self._columns) + 1
            text = msgspec.json.encode(sample.quantities).decode()
            with self._change() as db:
                db.execute(
                    "INSERT INTO device_column VALUES (?, ?, ?, ?)",
                    (number, sample.device, sample.kind, text),
                )
            self._remember_column(number, DeviceColumn(*key))
        return number

    def _remember_column(self, number: int, column: DeviceColumn) -> None:
        self._columns[number] = column
        self._column_ids[column.device, column.kind, column.quantities] = number

    # Making room.

    def _make_room(self, db: Database, lane: LaneState, n_bytes: int, extra_bytes: int) -> None:
        quota = self._quotas.of(lane.lane)
        over = lane.bytes + n_bytes - quota
        if over > 0 or extra_bytes:
            # Of what is settled some more than needed, so that a full lane does not evict at every commit.
            need = max(over, extra_bytes)
            self._evict(db, lane, need, max(need, quota // 64))
        if lane.bytes + n_bytes > quota:
            if lane.lane == "panic":
                raise PanicLaneFull(
                    "panic", f"{lane.unsettled} presses wait and fill their quota", "restore the link"
                )
            raise DiskFull(
                "quota", f"{n_bytes} bytes do not fit the quota of {lane.lane}", "give it a larger quota"
            )

    def _evict(self, db: Database, lane: LaneState, need: int, wish: int) -> None:
        """Free bytes of a lane: oldest settled first, as many as wished; then oldest unsettled, no more than needed.

        An unsettled press is never evicted.
        """
        before = lane.bytes
        while (missing := wish - (before - lane.bytes)) > 0:
            found = lane.stored(1, lane.top, settled=True)
            if found is None:
                break
            first, last = self._rows_to_free(db, lane, found, missing)
            if lane.lane != "telemetry":
                self._cut_ring(db, lane, last)
            self._delete(db, lane, first, last)
        while lane.lane != "panic" and (missing := need - (before - lane.bytes)) > 0:
            found = lane.stored(1, lane.top, settled=False)
            if found is None:
                break
            first, last = self._rows_to_free(db, lane, found, missing)
            self._declare_lost(db, lane, first, last, "full")
            self._delete(db, lane, first, last)

    def _rows_to_free(self, db: Database, lane: LaneState, run: Range, n_bytes: int) -> Range:
        first, last = run[0], min(run[1], run[0] + _EVICT_ROWS - 1)
        sizes = db.execute(RECORDS[lane.lane].sizes, (first, last))
        for row, size in sizes:
            n_bytes -= cost(size)
            if n_bytes <= 0:
                return first, row
        return first, last

    def _delete(self, db: Database, lane: LaneState, first: int, last: int) -> None:
        sizes = db.execute(RECORDS[lane.lane].sizes, (first, last))
        db.execute(RECORDS[lane.lane].delete, (first, last))
        lane.bytes = max(0, lane.bytes - sum(cost(size) for _, size in sizes))
        lane.again.remove(first, last)
        self._add_rows(lane, GONE, first, last)
        self._save_lane(db, lane)

    def _declare_lost(self, db: Database, lane: LaneState, first: int, last: int, reason: str) -> None:
        """Enter rows as lost, in the transaction that takes them away."""
        times = [self._time_of(db, lane, row) for row in (first, last)]
        known = sorted(time.t_ms for time in times if time is not None)
        start, end = (known[0], known[-1]) if known else (None, None)
        for epoch, low, high in lane.names_of(first, last):
            loss = Loss(lane.lane, epoch, low, high, start, end, reason)
            try:
                changed = self._losses.declare(loss, self._all_done)
            except OverflowError as error:
                raise DiskFull(
                    "losses", "the table of losses is full", "connect the gateway to its hub"
                ) from error
            self._save_losses(db, changed)
        lane.lost += self._add_rows(lane, DONE, first, last)
        lane.again.remove(first, last)
        self._save_lane(db, lane)
        log.warning("spool.lost lane=%s first_row=%d last_row=%d reason=%s", lane.lane, first, last, reason)

    def _all_done(self, lane: Lane, epoch: str, first: int, last: int) -> bool:
        state = self._lanes[lane]
        return all(state.pending(low, high) is None for low, high in state.rows_of(epoch, first, last))

    def _time_of(self, db: Database, lane: LaneState, row: int) -> Stamp | None:
        found = db.execute(RECORDS[lane.lane].one_mono, (row,))
        return self._boots.at(lane.boot_of(row), found[0][0]) if found else None

    def _save_losses(self, db: Database, slots: Iterable[int]) -> None:
        for at in sorted(slots):
            tables.save_loss(db, at, self._losses.slot(at))

    def _cut_ring(self, db: Database, lane: LaneState, row: int) -> None:
        """Note that a settled record leaves the ring before its time: the ring begins behind when it was settled."""
        settled_by = next((age for age, below in self._marks[lane.lane] if row < below), None)
        if settled_by is None:
            settled_by = self._age[0] + max(0, lane.mono_ms - self._age[1])
        if settled_by + RING_MS > self._ring_from_ms:
            self._ring_from_ms = settled_by + RING_MS
            db.execute("UPDATE card SET ring_from_ms = ?", (self._ring_from_ms,))

    def _give_ballast(self) -> bool:
        try:
            with self._change() as db:
                found = db.execute("SELECT MAX(id) FROM ballast")[0][0]
                if found is None:
                    return False
                db.execute("DELETE FROM ballast WHERE id = ?", (found,))
        except DiskFull:
            return False
        self._ballast -= 1
        log.error("spool.ballast_given left=%d", self._ballast)
        return True

    # Time.

    def append_sync(self, mono_ms: int, wall_ms: int, error_ms: int, source: Source) -> Sync:
        """Make a measured time of the running boot durable; earlier boots without a time are laid out with it.

        The row lies behind every record that there is, so no record changes its time once it may have been sent.
        """
        with self._change() as db:
            running = self._boots.running.number
            after = max((lane.mono_ms for lane in self._lanes.values() if lane.boot == running), default=-1)
            return self._boots.add_sync(
                db, mono_ms, wall_ms, max(0, error_ms), source, after_mono_ms=self._after(after)
            )

    def _after(self, newest_mono_ms: int) -> int:
        # A boot without a row yet has sent no record by time: its first row may lie anywhere.
        return newest_mono_ms if self._boots.running.timeline else -1

    @property
    def timeline(self) -> Timeline:
        """The sync rows of the running boot; not to be changed."""
        self._open_db()
        return self._boots.running.timeline

    def at(self, boot_number: int, mono_ms: int) -> Stamp | None:
        """Time of a reading of any boot in the spool; None while the boot has no time."""
        return self._boots.at(boot_number, mono_ms)

    # Sending. Rows are numbers of records in their lane, which stay the same through every change of epoch.

    @property
    def life(self) -> int:
        """Changes when the spool is made anew: row numbers from before mean nothing any more."""
        return self._lives

    def pending(self, lane: Lane, low: int, high: int) -> Range | None:
        """The lowest run of rows in low..high to be sent: unsettled or wanted again, and timed where it must be."""
        return self._lane(lane).pending(low, min(high, self.end(lane) - 1))

    def is_again(self, lane: Lane, row: int) -> bool:
        """Whether a row was receipted once and is wanted again."""
        return row in self._lane(lane).again

    def end(self, lane: Lane) -> int:
        """One above the highest row that may be sent: rows of a boot without a time may not, but for panic."""
        state = self._lane(lane)
        end = state.next_row
        if lane != "panic":
            for mark in reversed(state.boots):
                if self._boots.synced(mark.boot):
                    break
                end = mark.first_row
        return end

    def newest(self, above: int) -> list[int]:
        """Rows above a number that are the newest sample of their device and may be sent, ascending."""
        end = self.end("telemetry")
        return sorted(row for row in self._newest.values() if above < row < end)

    def read_run(self, lane: Lane, first: int, last: int, max_bytes: int) -> Run | None:
        """The first run of records in first..last that is to be sent: of one stream and boot, about max_bytes long.

        A record that is damaged on the card is declared lost, and the run ends before it. At least one record
        is returned if there is any.

        Returns:
            None if nothing of the range is to be sent any more.
        """
        db = self._open_db()
        while (found := self.pending(lane, first, last)) is not None:
            state = self._lanes[lane]
            low = found[0]
            high = min(found[1], state.run_end(low), low + min(MAX_RECORDS, max_bytes // 24 + 1) - 1)
            rows = self._read(db, lane, low, high, max_bytes)
            if rows:
                epoch, seq = state.name(low)
                boot = self._boots.get(state.boot_of(low))
                running = boot is self._boots.running
                return Run(
                    lane, epoch, low, seq, boot.id, boot.number, running, low in state.again, tuple(rows)
                )
            self._lose_damaged(lane, low)
        return None

    def _read(self, db: Database, lane: Lane, low: int, high: int, max_bytes: int) -> list[Row]:
        rows: list[Row] = []
        size = 0
        seen: set[int] = set()
        for row, mono_ms, column, crc, body in db.execute(
            RECORDS[lane].read,
            (low, high),
        ):
            if row != low + len(rows) or not sound(row, mono_ms, column, crc, body):
                break
            size += len(body) + _FRAME_ROW_BYTES
            device = self._columns.get(column)
            if lane == "telemetry":
                if device is None:
                    break
                if column not in seen:
                    seen.add(column)
                    size += (
                        len(device.device)
                        + len(device.kind)
                        + sum(len(q) + 3 for q in device.quantities)
                        + 12
                    )
            if rows and size > max_bytes:
                break
            rows.append(Row(mono_ms, body, device))
        return rows

    def _lose_damaged(self, lane: Lane, row: int) -> None:
        log.error("spool.record_damaged lane=%s row=%d", lane, row)
        with self._change() as db:
            state = self._lanes[lane]
            if row not in state.done:
                self._declare_lost(db, state, row, row, "damaged")
            state.again.remove(row, row)
            self._delete(db, state, row, row)

    def floor(self, lane: Lane, epoch: str) -> int:
        """The lowest seq of a stream that is neither settled nor declared lost."""
        return self._lane(lane).floor(epoch)

    def _lane(self, lane: Lane) -> LaneState:
        self._open_db()
        return self._lanes[lane]

    # What the hub says.

    @property
    def inc(self) -> Incarnation | None:
        """The life of the hub that last said hello; None before any did."""
        self._open_db()
        return self._inc

    def adopt(self, inc: Incarnation) -> None:
        """Make the life of the hub durable."""
        with self._change() as db:
            db.execute("UPDATE card SET generation = ?, random = ?", inc)
        self._inc = inc

    def recall(self, have: Iterable[HaveStream]) -> list[tuple[Lane, str]]:
        """Want again every panic and event record that is in the ring and that the hub does not have.

        Returns:
            (lane, epoch) of which the hub has more than we ever gave: this card is a copy, and the lane needs a
            new epoch.
        """
        ahead: list[tuple[Lane, str]] = []
        streams = list(have)
        for name in LANES[:2]:
            lane = self._lane(name)
            had: dict[str, Ranges] = {}
            for stream in streams:
                if stream.lane == name:
                    had.setdefault(stream.epoch, Ranges()).update(stream.ranges)
            lane.recall(had)
            if lane.again:
                log.warning("spool.recalled lane=%s records=%d", name, lane.again.count)
            if had.get(lane.epoch, Ranges()).top >= lane.next_seq:
                ahead.append((name, lane.epoch))
        return ahead

    def settle(
        self, lane: Lane, epoch: str, ranges: Iterable[Range], *, refused: bool = False
    ) -> list[Range]:
        """Settle seqs of a stream, as its receipt says. Idempotent; seqs that are not ours are ignored.

        A settled sample is written with the next commit: after a power cut it is sent once more, and a commit
        is saved. Panic and event are durable at once, since they must come with ``again`` if ever again.

        Returns:
            The ranges of rows that were to be sent and now are not.
        """
        state = self._lane(lane)
        found = [rows for first, last in ranges for rows in state.rows_of(epoch, first, last)]
        settled = [part for rows in found for part in _pending_within(state, *rows)]
        if not settled:
            return []
        if lane == "telemetry" and not refused:
            for first, last in settled:
                self._settle_unsaved(first, last)
        else:
            with self._change() as db:
                self._settle_rows(state, settled, refused=refused)
                self._save_lane(db, state)
        return settled

    def _settle_rows(self, lane: LaneState, rows: list[Range], *, refused: bool) -> None:
        for first, last in rows:
            new = self._add_rows(lane, DONE, first, last)
            lane.again.remove(first, last)
            if refused:
                lane.refused += new

    def new_epoch(self, lane: Lane, epoch: str, reason: str) -> bool:
        """Leave an epoch: its unsettled records go on, same bodies, dense new seqs, in a new one.

        Returns:
            False if that epoch is not the current one: it was left already.
        """
        state = self._lane(lane)
        if state.epoch != epoch:
            return False
        fresh = self._random_hex(8)
        with self._change() as db:
            pieces, moved = state.moved_to(fresh)
            closed = ClosedEpoch(lane, epoch, state.next_seq, coarser(moved, salvage.MOVED_RANGES), reason)
            tables.insert_closed(db, closed)
            self._closed[lane, epoch] = closed
            state.pieces, state.epoch = pieces, fresh
            self._save_pieces(db, state)
            self._save_lane(db, state)
        log.error("spool.new_epoch lane=%s closed=%s next=%d reason=%s", lane, epoch, closed.next, reason)
        return True

    def _save_pieces(self, db: Database, lane: LaneState) -> None:
        number = NUMBER[lane.lane]
        db.execute("DELETE FROM piece WHERE lane = ?", (number,))
        db.execute_many("INSERT INTO piece VALUES (?, ?, ?, ?)", [(number, *piece) for piece in lane.pieces])

    def forget_losses(self, lane: Lane, epoch: str, ranges: Iterable[Range]) -> None:
        """The hub has recorded these ranges as lost; the records stay lost, only the telling ends."""
        self._open_db()
        changed = self._losses.note(lane, epoch, ranges)
        if changed:
            with self._change() as db:
                self._save_losses(db, changed)

    def forget_closed(self, lane: Lane, epoch: str) -> None:
        """The hub has recorded that the epoch is closed."""
        self._open_db()
        if (lane, epoch) in self._closed:
            with self._change() as db:
                db.execute("DELETE FROM closed WHERE lane = ? AND epoch = ?", (NUMBER[lane], epoch))
                del self._closed[lane, epoch]

    # What the beat says.

    def accounts(self, mono_ms: int) -> dict[Lane, LaneAccount]:
        """The account of every lane.

        Args:
            mono_ms: boot clock now, for the age of the oldest unsettled record.
        """
        accounts = {}
        for name in LANES:
            lane = self._lane(name)
            floor = lane.floor(lane.epoch)
            accounts[name] = LaneAccount(
                epoch=lane.epoch,
                next=lane.next_seq,
                floor=floor,
                settled=lane.settled_above(floor, MAX_SETTLED_RANGES),
                oldest_age_ms=self._oldest_age_ms(lane, mono_ms),
            )
        return accounts

    def _oldest_age_ms(self, lane: LaneState, mono_ms: int) -> int | None:
        found = lane.done.first_gap(1, lane.top)
        if found is None:
            return None
        row = found[0]
        if self._oldest.get(lane.lane, (0, 0))[0] != row:
            stored = self._open_db().execute(RECORDS[lane.lane].one_mono, (row,))
            self._oldest[lane.lane] = (row, stored[0][0] if stored else mono_ms)
        then_ms = self._oldest[lane.lane][1]
        boot, running = lane.boot_of(row), self._boots.running
        if boot == running.number:
            return max(0, mono_ms - then_ms)
        then, now = self._boots.at(boot, then_ms), running.timeline.at(mono_ms)
        if then is None or now is None:  # how long the machine was off is not known yet
            return max(0, mono_ms - running.first_mono_ms)
        return max(0, now.t_ms - then.t_ms)

    def losses(self) -> tuple[Loss, ...]:
        """Lost ranges that the hub has not recorded yet."""
        self._open_db()
        return tuple(self._losses)

    def closed(self) -> tuple[ClosedEpoch, ...]:
        """Closed epochs that the hub has not recorded yet, oldest first."""
        self._open_db()
        return tuple(self._closed.values())

    def usage(self, mono_ms: int) -> Usage:
        """How full the spool is."""
        self._open_db()
        names = (self._path, self._path + "-wal", self._path + ".reserve")
        lanes = self._lanes
        held_ms = min(RING_MS, max(0, self._age_now(mono_ms) - self._ring_from_ms + RING_MS))
        return Usage(
            spool_bytes=sum(self._card.size(name) or 0 for name in names),
            ring_h=round(held_ms / 3_600_000, 2),
            lane_bytes={name: lane.bytes for name, lane in lanes.items()},
            lane_unsettled={name: lane.unsettled for name, lane in lanes.items()},
            refused={name: lane.refused for name, lane in lanes.items()},
            lost={name: lane.lost for name, lane in lanes.items()},
            ballast=self._ballast,
        )

    def overdue_panics(self, mono_ms: int, after_ms: int = 10_000) -> list[OverduePanic]:
        """Presses without a receipt so long after they were accepted, oldest first, at most 64.

        One of an earlier boot counts as overdue: nobody knows for how long the machine was off.
        """
        overdue: list[OverduePanic] = []
        lane = self._lane("panic")
        low = 1
        while len(overdue) < 64 and (found := lane.done.first_gap(low, lane.top)) is not None:
            run = self.read_run("panic", *found, 64 * 1024)
            if run is None:
                break
            for at, row in enumerate(run.rows):
                if not run.running or mono_ms - row.mono_ms >= after_ms:
                    overdue.append(
                        OverduePanic(run.epoch, run.first + at, row.mono_ms, run.running, row.body)
                    )
            low = run.last_row + 1
        return overdue[:64]

    # Housekeeping.

    def tick(self, mono_ms: int) -> None:
        """Write what waits in memory; hourly, note how far the lanes are settled and prune what is 72 h behind.

        To be called about once a minute.
        """
        self._open_db()
        age = self._age_now(mono_ms)
        newest = max((marks[-1][0] for marks in self._marks.values() if marks), default=-MARK_MS)
        if age - newest < MARK_MS:
            if self._dirty_rows:
                with self._change():
                    pass
            return
        with self._change() as db:
            self._save_age(db, age, mono_ms)
            for name in LANES[:2]:
                self._mark(db, self._lanes[name], age)
            self._forget_names(db, mono_ms)

    def _age_now(self, mono_ms: int) -> int:
        """Powered-on time since the spool was made; less than the true age, so that nothing leaves the ring early."""
        return self._age[0] + max(0, mono_ms - self._age[1])

    def _save_age(self, db: Database, age_ms: int, mono_ms: int) -> None:
        self._age = (age_ms, mono_ms)
        db.execute("UPDATE card SET age_ms = ?, age_boot = ?, age_mono_ms = ?", (age_ms, self._boot, mono_ms))

    def _mark(self, db: Database, lane: LaneState, age: int) -> None:
        marks = self._marks[lane.lane]
        pending = lane.pending(1, lane.top)
        marks.append((age, pending[0] if pending else lane.next_row))
        db.execute("INSERT INTO mark VALUES (?, ?, ?)", (NUMBER[lane.lane], *marks[-1]))
        past = [mark for mark in marks if mark[0] + RING_MS <= age]
        if not past:
            return
        below, left = past[-1][1], _PRUNE_ROWS
        while left > 0 and (found := lane.stored(1, below - 1, settled=True)) is not None:
            last = min(found[1], found[0] + left - 1)
            self._delete(db, lane, found[0], last)
            left -= last - found[0] + 1
        if left > 0:  # all of it is pruned; else go on in the next hour
            marks[: len(past)] = []
            db.execute("DELETE FROM mark WHERE lane = ? AND age_ms <= ?", (NUMBER[lane.lane], past[-1][0]))

    def _forget_names(self, db: Database, mono_ms: int) -> None:
        """Drop names, boots and sync rows that no record on the card needs."""
        used: set[int] = set()
        oldest = mono_ms
        running = self._boots.running.number
        for lane in self._lanes.values():
            before = (len(lane.pieces), len(lane.boots))
            lane.forget_pieces()
            if before != (len(lane.pieces), len(lane.boots)):
                self._save_pieces(db, lane)
                db.execute("DELETE FROM boot_row WHERE lane = ?", (NUMBER[lane.lane],))
                db.execute_many(
                    "INSERT INTO boot_row VALUES (?, ?, ?)",
                    [(NUMBER[lane.lane], *mark) for mark in lane.boots],
                )
            used.update(mark.boot for mark in lane.boots)
            own = next((mark.first_row for mark in lane.boots if mark.boot == running), None)
            there = lane.gone.first_gap(own, lane.top) if own is not None else None
            if there is not None:
                found = db.execute(RECORDS[lane.lane].one_mono, (there[0],))
                oldest = min(oldest, found[0][0]) if found else 0
        self._boots.forget(db, used, oldest - SYNC_KEPT_MS)


def _pending_within(lane: LaneState, first: int, last: int) -> Iterator[Range]:
    while (found := lane.pending(first, last)) is not None:
        yield found
        first = found[1] + 1
