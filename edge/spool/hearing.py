"""What the hub says: receipts, its life, what it lacks, epochs to be left."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

from contract.messages import (
    ClosedEpoch,
    HaveStream,
    Incarnation,
    Range,
)
from contract.ranges import Ranges
from contract.topics import LANES, Lane
from edge.spool import salvage, tables
from edge.spool.lane import LaneState, coarser
from edge.spool.schema import DONE, NUMBER
from edge.spool.state import CardState

log = logging.getLogger(__name__)


class Hearing(CardState):
    """Settles by proof."""

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


def _pending_within(lane: LaneState, first: int, last: int) -> Iterator[Range]:
    while (found := lane.pending(first, last)) is not None:
        yield found
        first = found[1] + 1
