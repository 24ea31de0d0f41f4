"""Making room on a full card: what goes, in which order, and what is declared lost with it."""

from __future__ import annotations

import logging

from contract.messages import (
    Loss,
    Range,
)
from contract.topics import Lane
from edge.errors import DiskFull, PanicLaneFull
from edge.spool.lane import LaneState
from edge.spool.schema import DONE, GONE, RECORDS, cost
from edge.spool.state import RING_MS, CardState
from edge.sqlite import Database
from edge.timeline import Stamp

log = logging.getLogger(__name__)

_EVICT_ROWS = 512


class MakingRoom(CardState):
    """Evicts by the lane's rules: settled before unsettled, never a panic, and nothing without a word."""

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
