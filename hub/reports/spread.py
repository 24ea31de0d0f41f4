"""How long something took, over many times: the middle, the slow end, the share within what is recommended. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """Times in milliseconds. All are None where nothing was measured: that is not zero.

    Attributes:
        count: of how many.
        median_ms, p90_ms, most_ms: half, nine tenths and all of them took no longer.
        within: how many took no longer than ``target_ms``.
    """

    count: int
    target_ms: int
    median_ms: int | None
    p90_ms: int | None
    most_ms: int | None
    within: int

    @property
    def within_pct(self) -> float | None:
        """Percent within the target."""
        return None if not self.count else round(100 * self.within / self.count, 1)


def spread(times_ms: Iterable[int], target_ms: int) -> Spread:
    """The spread of times; each percentile is one of them (nearest rank)."""
    ordered = sorted(max(one, 0) for one in times_ms)
    return Spread(
        count=len(ordered),
        target_ms=target_ms,
        median_ms=_rank(ordered, 50),
        p90_ms=_rank(ordered, 90),
        most_ms=ordered[-1] if ordered else None,
        within=sum(one <= target_ms for one in ordered),
    )


def _rank(ordered: list[int], percent: int) -> int | None:
    return ordered[-(-len(ordered) * percent // 100) - 1] if ordered else None
