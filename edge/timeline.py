"""From the boot clock to time: which moment a record of a boot happened at, and how sure that is.

Pure. A boot has sync rows, appended in the order of the boot clock and never changed. A record's time is by the
last row at or before it, or by the first one after it, so it is the same at every resend. Each row carries
``base_ms``, the time that the mapping has at the row itself: equal to the measured time where the clock went
forward, later where it went back. From there the mapping runs at half speed until the measured time has caught
up, so that within a boot time never runs backwards.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

DRIFT_PPM = 200
"""Most that a board's crystal drifts, with its temperature; added to the error by distance from the sync row."""

SYNC_EVERY_MS = 10 * 60_000
"""A row is worth adding when the last one is this old."""

EARLIEST_MS = 1_577_836_800_000
"""2020-01-01. No gateway ran before; the lower bound of a boot that nothing else bounds."""

Source = Literal["ntp", "hub", "declared"]


class Stamp(NamedTuple):
    """A moment: UTC milliseconds, and a bound of the error on both sides."""

    t_ms: int
    error_ms: int


@dataclass(frozen=True, slots=True)
class Sync:
    """At ``mono_ms`` of its boot it was ``wall_ms``, give or take ``error_ms``.

    Attributes:
        base_ms: time that the mapping has at ``mono_ms``; later than wall_ms while a step back is slewed.
        source: ``ntp`` (disciplined clock), ``hub`` (from hello), ``declared`` (laid between its neighbours).
    """

    mono_ms: int
    wall_ms: int
    error_ms: int
    source: Source
    base_ms: int

    def at(self, mono_ms: int) -> Stamp:
        """The moment of a boot clock reading by this row; before the row it counts back at full speed."""
        distance = mono_ms - self.mono_ms
        measured = self.wall_ms + distance
        drift = -(-abs(distance) * DRIFT_PPM // 1_000_000)
        if distance < 0:
            return Stamp(measured, self.error_ms + drift)
        t_ms = max(measured, self.base_ms + distance // 2)
        return Stamp(t_ms, self.error_ms + drift + t_ms - measured)


class BootSpan(NamedTuple):
    """First and last boot clock reading known of a boot."""

    first_mono_ms: int
    last_mono_ms: int


class Timeline:
    """The sync rows of one boot and the mapping they make.

    Strictly increasing for readings at least 2 ms apart (at half speed a single millisecond may not show); the
    sampler keeps two samples of one device 10 ms apart.
    """

    __slots__ = ("_monos", "_rows")

    def __init__(self, rows: Iterable[Sync] = ()) -> None:
        self._rows = sorted(rows, key=lambda row: row.mono_ms)
        self._monos = [row.mono_ms for row in self._rows]

    def __bool__(self) -> bool:
        return bool(self._rows)

    @property
    def rows(self) -> Sequence[Sync]:
        """The rows in order of the boot clock."""
        return tuple(self._rows)

    @property
    def last(self) -> Sync | None:
        """The row in force now."""
        return self._rows[-1] if self._rows else None

    def at(self, mono_ms: int) -> Stamp | None:
        """The moment of a boot clock reading; None while the boot has no row."""
        if not self._rows:
            return None
        return self._rows[max(0, bisect_right(self._monos, mono_ms) - 1)].at(mono_ms)

    def propose(
        self, mono_ms: int, wall_ms: int, error_ms: int, source: Source, *, after_mono_ms: int = -1
    ) -> Sync:
        """The row to make durable and then `add`: what was measured, made to follow what is there.

        Args:
            after_mono_ms: the highest reading that a record already has. The row is moved behind it, since a
                record that may have been sent keeps its time.
        """
        floor = max(after_mono_ms, self._monos[-1] if self._monos else -1) + 1
        moved = max(0, floor - mono_ms)
        mono_ms += moved
        wall_ms += moved
        error_ms += -(-moved * DRIFT_PPM // 1_000_000)
        base_ms = wall_ms
        if self._rows:
            base_ms = max(wall_ms, self._rows[-1].at(mono_ms - 1).t_ms + 1)
        return Sync(mono_ms, wall_ms, error_ms, source, base_ms)

    def add(self, row: Sync) -> None:
        """Add a row that is durable now.

        Raises:
            ValueError: it does not lie behind the last one; rows are never changed.
        """
        if self._monos and row.mono_ms <= self._monos[-1]:
            raise ValueError(f"sync row at {row.mono_ms} is not behind {self._monos[-1]}")
        self._rows.append(row)
        self._monos.append(row.mono_ms)

    def wants(self, mono_ms: int, wall_ms: int, error_ms: int) -> bool:
        """Whether a measured time is worth a row: the first, a jump, a much better one, or after ten minutes."""
        now = self.at(mono_ms)
        if now is None:
            return True
        if mono_ms - self._monos[-1] >= SYNC_EVERY_MS:
            return True
        if abs(wall_ms - now.t_ms) > now.error_ms + error_ms:
            return True
        return 2 * error_ms + 10 < now.error_ms

    def prune(self, before_mono_ms: int) -> list[Sync]:
        """Take out and return the rows that no record at or after a reading needs."""
        keep = max(0, bisect_right(self._monos, before_mono_ms) - 1)
        gone, self._rows = self._rows[:keep], self._rows[keep:]
        self._monos = self._monos[keep:]
        return gone


def lay_out(
    boots: Sequence[BootSpan],
    *,
    after: Stamp | None,
    before: Stamp,
    earliest_ms: int = EARLIEST_MS,
) -> list[Sync]:
    """One declared row for each boot that ended without a sync, in order, at its first reading.

    The boots stand one behind the other in the middle of the interval between their neighbours, each keeping
    its own distances; half of what the interval has to spare is the error of all of them. Without a neighbour
    before, they stand right before the next one, and the error reaches back to the earliest time there is.

    Args:
        after: last known moment of the boot before them; None if there is none.
        before: first known moment of the boot after them.
    """
    lengths = [boot.last_mono_ms - boot.first_mono_ms for boot in boots]
    drift = -(-sum(lengths) * DRIFT_PPM // 1_000_000)
    if after is None:
        start = before.t_ms - sum(lengths)
        error = max(0, before.t_ms - earliest_ms) + before.error_ms + drift
    else:
        spare = before.t_ms - after.t_ms - sum(lengths)
        start = after.t_ms + spare // 2
        error = -(-abs(spare) // 2) + after.error_ms + before.error_ms + drift + 1
    rows = []
    for boot, length in zip(boots, lengths, strict=True):
        rows.append(Sync(boot.first_mono_ms, start, error, "declared", start))
        start += length
    return rows
