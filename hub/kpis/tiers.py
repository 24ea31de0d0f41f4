"""Which of the three databases serves a range of time, for who draws it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from hub.kpis.measures import TIERS
from hub.kpis.point import Point, at

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

SOURCES = {"raw": "Siaga", "minute": "Siaga menit", "long": "Siaga panjang"}
"""What the data source of each is called in Grafana."""

BEGINS = {"raw": 0, "minute": 6 * HOUR_MS, "long": 14 * DAY_MS}
"""From which range on each is the right one: fewer than some thousand values a point in each answer."""

EVER_MS = 10**15


def tiers(now_ms: int) -> Iterator[Point]:
    """The three, each with the ranges that it serves."""
    ends = [*list(BEGINS.values())[1:], EVER_MS]
    return at(
        TIERS,
        now_ms,
        {
            (tier,): {"source": SOURCES[tier], "least_ms": begin, "most_ms": end}
            for (tier, begin), end in zip(BEGINS.items(), ends, strict=True)
        },
    )
