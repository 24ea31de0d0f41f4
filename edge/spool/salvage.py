"""What can still be read of a damaged spool: the presses and events that the hub has not proved, and their time.

Samples are not carried over. They are told as lost with their epoch; reading a bulk of damaged pages would keep the
gateway from taking a press.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from contract.messages import ClosedEpoch, Incarnation, Loss
from contract.ranges import Ranges
from contract.topics import LANES, Lane
from edge.errors import CardError, CorruptCard
from edge.spool.boots import UNKNOWN_BOOT
from edge.spool.checksum import checksum, sound
from edge.spool.lane import LaneState, coarser
from edge.spool.schema import NUMBER, RECORDS, cost
from edge.spool.tables import insert_closed, load_closed, load_losses, load_names, save_loss
from edge.sqlite import Card, Database, Rows

log = logging.getLogger(__name__)

_T = TypeVar("_T")

_CHUNK_ROWS = 64
_BOOTS = "SELECT number, id, first_mono_ms, last_mono_ms FROM boot ORDER BY number"
_SYNCS = "SELECT boot, mono_ms, wall_ms, error_ms, source, base_ms FROM sync"

MOVED_RANGES = 128
"""Most ranges that a closed epoch tells as moved."""


@dataclass(slots=True)
class Record:
    """A panic or event record that could be read and whose checksum is right."""

    row: int
    mono_ms: int
    crc: int
    body: bytes


@dataclass(slots=True)
class Found:
    """What a damaged file still said. Anything may be missing."""

    inc: Incarnation | None = None
    boots: Rows = field(default_factory=list)
    syncs: Rows = field(default_factory=list)
    lanes: dict[Lane, LaneState] = field(default_factory=dict)
    records: dict[Lane, list[Record]] = field(default_factory=dict)
    losses: list[Loss] = field(default_factory=list)
    closed: list[ClosedEpoch] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Records that could be read."""
        return sum(len(records) for records in self.records.values())


def read(card: Card, name: str) -> Found:
    """Read what can be read. Never raises for damage; each table is asked by itself."""
    found = Found()
    try:
        db = card.open(name)
    except (CardError, CorruptCard) as error:
        log.error("salvage.unreadable error=%r", str(error))
        return found
    try:
        _attempt("exclusive", lambda: db.execute("PRAGMA locking_mode=EXCLUSIVE"))
        _read_tables(db, found)
        for lane in LANES[:2]:
            done = found.lanes[lane].done if lane in found.lanes else Ranges()
            found.records[lane] = [record for record in _records(db, lane) if record.row not in done]
    finally:
        try:
            db.close()
        except (CardError, CorruptCard) as error:
            log.warning("salvage.close_failed error=%r", str(error))
    return found


def _read_tables(db: Database, found: Found) -> None:
    rows = _attempt("card", lambda: db.execute("SELECT generation, random FROM card"))
    if rows and type(rows[0][0]) is int and type(rows[0][1]) is int:
        found.inc = (rows[0][0], rows[0][1])
    found.boots = _attempt("boot", lambda: db.execute(_BOOTS)) or []
    found.syncs = _attempt("sync", lambda: db.execute(_SYNCS)) or []
    found.losses = [loss for loss in _attempt("loss", lambda: load_losses(db)) or [] if loss is not None]
    found.closed = list((_attempt("closed", lambda: load_closed(db)) or {}).values())
    for lane in LANES:
        state = _attempt("lane", partial(_lane, db, lane))
        if state is not None:
            found.lanes[lane] = state


def _lane(db: Database, lane: Lane) -> LaneState | None:
    rows = db.execute("SELECT epoch, next_row FROM lane WHERE lane = ?", (NUMBER[lane],))
    if not rows or type(rows[0][1]) is not int:
        return None
    state = LaneState(lane, rows[0][0], rows[0][1])
    load_names(db, lane, state)
    return state if state.pieces and state.pieces[-1].epoch == state.epoch else None


def _records(db: Database, lane: Lane) -> Iterable[Record]:
    """Every sound record of a lane, in order, around the pages that cannot be read."""
    for low, high in _spans(db, lane):
        chunk = _attempt(lane, partial(_select, db, lane, low, high))
        if chunk is None:
            chunk = []
            for row in range(low, high + 1):
                chunk += _attempt(lane, partial(_select, db, lane, row, row)) or []
        for row, mono_ms, device, crc, body in chunk:
            if sound(row, mono_ms, device, crc, body):
                yield Record(row, mono_ms, crc, body)


def _select(db: Database, lane: Lane, low: int, high: int) -> Rows:
    return db.execute(
        RECORDS[lane].read,
        (low, high),
    )


def _spans(db: Database, lane: Lane) -> Iterable[tuple[int, int]]:
    ends = _attempt(lane, lambda: db.execute(RECORDS[lane].ends))
    if not ends or type(ends[0][0]) is not int or type(ends[0][1]) is not int:
        return
    first, last = ends[0]
    for low in range(first, min(last, first + 10_000_000) + 1, _CHUNK_ROWS):
        yield low, min(last, low + _CHUNK_ROWS - 1)


def _attempt(what: str, read: Callable[[], _T]) -> _T | None:
    """What could be read; None for damage. On a damaged card a value may be of any type."""
    try:
        return read()
    except (CardError, CorruptCard, ValueError, TypeError, LookupError) as error:
        log.warning("salvage.damaged part=%s error=%r", what, str(error))
        return None


def write(db: Database, found: Found, *, ring_from_ms: int) -> None:
    """Write what was found into a new file, in one transaction.

    Args:
        ring_from_ms: the ring is empty; from when its hours count.
    """
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE card SET ring_from_ms = ?", (ring_from_ms,))
    if found.inc is not None:
        db.execute("UPDATE card SET generation = ?, random = ?", found.inc)
    known = _write_boots(db, found)
    for lane in LANES:
        state, records = found.lanes.get(lane), found.records.get(lane, [])
        _write_records(db, lane, records, state, known)
        if state is not None:
            insert_closed(db, _closed(state, records))
    for closed in found.closed:
        insert_closed(db, closed)
    for slot, loss in enumerate(found.losses):
        save_loss(db, slot, loss)
    db.execute("COMMIT")


def _closed(state: LaneState, records: list[Record]) -> ClosedEpoch:
    moved = Ranges()
    for record in records:
        name = state.name(record.row)
        if name.epoch == state.epoch:
            moved.add(name.seq, name.seq)
    following = max(state.next_seq, moved.top + 1)
    return ClosedEpoch(state.lane, state.epoch, following, coarser(list(moved), MOVED_RANGES), "quarantine")


def _write_boots(db: Database, found: Found) -> set[int]:
    known: set[int] = set()
    for number, name, first, last in found.boots:
        if type(number) is int and type(name) is str and type(first) is int:
            ended = last if type(last) is int else None
            db.execute("INSERT OR IGNORE INTO boot VALUES (?, ?, ?, ?)", (number, name, first, ended))
            known.add(number)
    for boot, *rest in found.syncs:
        if boot in known and _sync_sound(rest):
            db.execute("INSERT OR IGNORE INTO sync VALUES (?, ?, ?, ?, ?, ?)", (boot, *rest))
    return known


def _sync_sound(rest: list[Any]) -> bool:
    mono, wall, error, source, base = rest
    numbers = all(type(value) is int for value in (mono, wall, error, base))
    return numbers and error >= 0 and source in ("ntp", "hub", "declared")


def _write_records(
    db: Database, lane: Lane, records: list[Record], state: LaneState | None, known: set[int]
) -> None:
    number, boot, newest = NUMBER[lane], 0, 0
    for row, record in enumerate(records, 1):
        of = state.boot_of(record.row) if state is not None and state.boots else 0
        if of not in known:
            of = _unknown_boot(db, known, record.mono_ms)
        if of != boot:
            db.execute("INSERT INTO boot_row VALUES (?, ?, ?)", (number, row, of))
            boot, newest = of, 0
        newest = max(newest, record.mono_ms)
        values = (row, record.mono_ms, 0, checksum(row, record.mono_ms, 0, record.body), record.body)
        db.execute(RECORDS[lane].insert, values)
    n_bytes = sum(cost(len(record.body)) for record in records)
    db.execute(
        "UPDATE lane SET next_row = ?, bytes = ?, boot = ?, mono_ms = ? WHERE lane = ?",
        (len(records) + 1, n_bytes, boot, newest, number),
    )


def _unknown_boot(db: Database, known: set[int], mono_ms: int) -> int:
    """The boot of records whose own cannot be read; it has no time, and may have been any boot before."""
    db.execute(
        "INSERT INTO boot (id, first_mono_ms, last_mono_ms) VALUES (?1, 0, ?2)"
        " ON CONFLICT (id) DO UPDATE SET last_mono_ms = MAX(last_mono_ms, ?2)",
        (UNKNOWN_BOOT, mono_ms),
    )
    number: int = db.execute("SELECT number FROM boot WHERE id = ?", (UNKNOWN_BOOT,))[0][0]
    known.add(number)
    return number
