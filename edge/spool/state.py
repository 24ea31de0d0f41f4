"""What is on the card, with its state in memory beside it; changed in transactions.

Every change runs in one transaction. If it fails, nothing has happened: the state in memory is read anew from the
card before the next call.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import msgspec

from contract.messages import (
    ClosedEpoch,
    DeviceColumn,
    Incarnation,
)
from contract.ranges import Ranges
from contract.topics import LANES, Lane
from edge.clock import random_hex as system_random_hex
from edge.errors import ClosedSpool, CorruptCard, EdgeError
from edge.spool import tables
from edge.spool.boots import Boots
from edge.spool.lane import LaneState
from edge.spool.losses import Losses
from edge.spool.records import (
    Quotas,
)
from edge.spool.schema import DONE, NUMBER, RECORDS
from edge.sqlite import Card, Database, FileCard
from edge.timeline import Stamp, Timeline

log = logging.getLogger(__name__)

RING_MS = 72 * 3_600_000
"""How long settled panic and event records stay."""


class CardState:
    """The open card. The rooms of the spool stand on it: each is a class of its own file, and Spool is all of them."""

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

    def _lane(self, lane: Lane) -> LaneState:
        self._open_db()
        return self._lanes[lane]

    def _remember_column(self, number: int, column: DeviceColumn) -> None:
        self._columns[number] = column
        self._column_ids[column.device, column.kind, column.quantities] = number

    def _save_losses(self, db: Database, slots: Iterable[int]) -> None:
        for at in sorted(slots):
            tables.save_loss(db, at, self._losses.slot(at))

    def _save_pieces(self, db: Database, lane: LaneState) -> None:
        number = NUMBER[lane.lane]
        db.execute("DELETE FROM piece WHERE lane = ?", (number,))
        db.execute_many("INSERT INTO piece VALUES (?, ?, ?, ?)", [(number, *piece) for piece in lane.pieces])

    def _age_now(self, mono_ms: int) -> int:
        """Powered-on time since the spool was made; less than the true age, so that nothing leaves the ring early."""
        return self._age[0] + max(0, mono_ms - self._age[1])

    def _save_age(self, db: Database, age_ms: int, mono_ms: int) -> None:
        self._age = (age_ms, mono_ms)
        db.execute("UPDATE card SET age_ms = ?, age_boot = ?, age_mono_ms = ?", (age_ms, self._boot, mono_ms))

    @property
    def life(self) -> int:
        """Changes when the spool is made anew: row numbers from before mean nothing any more."""
        return self._lives

    @property
    def inc(self) -> Incarnation | None:
        """The life of the hub that last said hello; None before any did."""
        self._open_db()
        return self._inc

    @property
    def timeline(self) -> Timeline:
        """The sync rows of the running boot; not to be changed."""
        self._open_db()
        return self._boots.running.timeline

    def at(self, boot_number: int, mono_ms: int) -> Stamp | None:
        """Time of a reading of any boot in the spool; None while the boot has no time."""
        return self._boots.at(boot_number, mono_ms)
