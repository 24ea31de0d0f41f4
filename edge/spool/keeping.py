"""Housekeeping: the 72 h ring, and names that nobody needs any more."""

from __future__ import annotations

from contract.topics import LANES
from edge.spool.lane import LaneState
from edge.spool.room import MakingRoom
from edge.spool.schema import NUMBER, RECORDS
from edge.spool.state import RING_MS
from edge.sqlite import Database

MARK_MS = 3_600_000
"""How often it is noted how far a lane is settled; the ring's hours are counted in these."""

SYNC_KEPT_MS = 3_600_000
"""Sync rows stay this much longer than the oldest record that they time: a record may be accepted late."""

_PRUNE_ROWS = 2000


class Housekeeping(MakingRoom):
    """Prunes what is settled and old."""

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
