"""What the beat says: the gateway's account of what it accepted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from contract.messages import (
    MAX_SETTLED_RANGES,
    ClosedEpoch,
    LaneAccount,
    Loss,
    Range,
)
from contract.ranges import Ranges
from contract.topics import LANES, Lane
from edge.spool.lane import LaneState
from edge.spool.records import (
    OverduePanic,
    Run,
    Usage,
)
from edge.spool.schema import RECORDS
from edge.spool.sending import Sending
from edge.spool.state import RING_MS


class Telling(Sending):
    """Tells of lanes, losses and how full the card is."""

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

    def overdue_panics(
        self, mono_ms: int, after_ms: int = 10_000, *, most: int = 64, without: Iterable[Range] = ()
    ) -> list[OverduePanic]:
        """Presses without a receipt so long after they were accepted, oldest first.

        One of an earlier boot counts as overdue: nobody knows for how long the machine was off.

        Args:
            most: of so many that wait, the newest: those of a week without a line hide no press of now.
            without: rows that are left out.
        """
        return [
            OverduePanic(run.first_row + at, run.epoch, run.first + at, row.mono_ms, run.running, row.body)
            for run in self._waiting_panics(most, without)
            for at, row in enumerate(run.rows)
            if not run.running or mono_ms - row.mono_ms >= after_ms
        ]

    def _waiting_panics(self, most: int, without: Iterable[Range]) -> Iterator[Run]:
        lane = self._lane("panic")
        waiting = Ranges(lane.done.missing(1, lane.top))
        for pair in without:
            waiting.remove(*pair)
        newest: list[Range] = []
        for first, last in reversed(waiting.pairs()):
            if most <= 0:
                break
            newest.append((max(first, last - most + 1), last))
            most -= last - first + 1
        for low, last in reversed(newest):
            while low <= last and (run := self.read_run("panic", low, last, 64 * 1024)) is not None:
                yield run
                low = run.last_row + 1
