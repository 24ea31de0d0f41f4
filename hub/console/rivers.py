"""What the pages of the rivers show beside the bare values: direction, small curves, lines of words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from hub.city.curves import Curve, Step, Tendency, tendency
from hub.city.rivers import Level
from hub.region import Region, Station
from hub.rules.model import siaga

Direction = Literal["rising", "falling", "steady"]

STEADY_MM_H = 10
"""A rate below this is the instrument's noise."""

STEADY_M = 0.005
"""So is a change below this."""

STEADY_MS = 2 * 60 * 1000
"""Where the water has not moved for so long it is steady."""

TENDENCY_MS = 15 * 60 * 1000
"""How far back the tendency looks where the rate of rise is not known."""

Range = Literal["1h", "3h", "24h", "7d"]

RANGES_MIN: Mapping[Range, int] = {"1h": 60, "3h": 180, "24h": 24 * 60, "7d": 7 * 24 * 60}
"""The times that one can look at, in minutes, by the name in the page's address."""

USUAL_RANGE: Range = "3h"


@dataclass(frozen=True, slots=True)
class Spark:
    """A small curve, as numbers for SVG in a box of WIDTH × HEIGHT.

    Attributes:
        lines: points of each stretch without a gap.
        gaps: (x, width) of the times without values.
        thresholds: (y, Siaga number) of those within the box.
        span_ms: the time that it shows; less than was asked for where nothing was recorded before.
    """

    lines: tuple[str, ...]
    gaps: tuple[tuple[float, float], ...]
    thresholds: tuple[tuple[float, int], ...]
    span_ms: int

    WIDTH = 240
    HEIGHT = 56
    MARGIN = 5


@dataclass(frozen=True, slots=True)
class Post:
    """A river post as the list shows it.

    Attributes:
        at_ms: hub time of the value; None where nothing was ever known.
        tendency: what it did lately, where its rate is not known.
        spark: None where its curve cannot be read.
    """

    level: Level
    at_ms: int | None
    direction: Direction | None
    tendency: Tendency | None
    spark: Spark | None

    @property
    def station(self) -> Station:
        """The post itself."""
        return self.level.station


def posts(found: Iterable[Level], curves: Mapping[str, Curve], now_ms: int) -> dict[str, list[Post]]:
    """The posts by river, upstream first."""
    rows = [post(level, curves.get(level.station.id), now_ms) for level in found]
    return {river: list(of_river) for river, of_river in groupby(rows, lambda row: row.station.river)}


def post(level: Level, curve: Curve | None, now_ms: int) -> Post:
    """One post with its curve of the last hour, None where that cannot be read."""
    lately = (
        None
        if curve is None or level.stale
        else tendency(curve, within_ms=TENDENCY_MS, steady=STEADY_M, steady_ms=STEADY_MS)
    )
    return Post(
        level=level,
        at_ms=None if level.age_ms is None else now_ms - level.age_ms,
        direction=_direction(level, lately),
        tendency=lately if level.rate_mm_h is None else None,
        spark=None if curve is None else spark(curve, level.station),
    )


def spark(curve: Curve, station: Station) -> Spark:
    """A curve in a small box whose height reaches up to the next threshold above it.

    It begins with the first value: a post that has just been set up did not fail before.
    """
    thresholds = [mm / 1000 for mm in station.thresholds_mm]
    low, high = _span(curve, thresholds)
    from_ms = curve.steps[0].t_ms if curve.steps else curve.from_ms
    inner = Spark.HEIGHT - 2 * Spark.MARGIN

    def x(t_ms: float) -> float:
        return round((t_ms - from_ms) / max(1, curve.to_ms - from_ms) * Spark.WIDTH, 1)

    def y(value: float) -> float:
        return round(Spark.MARGIN + inner * (1 - (value - low) / (high - low)), 1)

    def middle(step: Step) -> float:
        return min(step.t_ms + curve.step_ms / 2, curve.to_ms)

    lines = [
        [(x(middle(step)), y((step.low + step.high) / 2)) for step in stretch] for stretch in curve.stretches
    ]
    return Spark(
        lines=tuple(" ".join(f"{at_x},{at_y}" for at_x, at_y in line) for line in lines),
        gaps=tuple(
            (x(gap.from_ms), round(x(gap.to_ms) - x(gap.from_ms), 1))
            for gap in curve.gaps
            if not gap.partly and gap.to_ms > from_ms
        ),
        thresholds=tuple(
            (y(value), siaga(number)) for number, value in enumerate(thresholds, 1) if low <= value <= high
        ),
        span_ms=curve.to_ms - from_ms,
    )


def plot(station: Station) -> dict[str, Any]:
    """What the plot must know beside its points: the thresholds with their words."""
    return {
        "thresholds": [
            {"m": mm / 1000, "label": station.labels[number], "siaga": siaga(number)}
            for number, mm in enumerate(station.thresholds_mm, 1)
        ],
        "labels": list(station.labels),
    }


@dataclass(frozen=True, slots=True)
class Arrival:
    """When the water of a crest that is here now would be at a post further down."""

    station: Station
    least_ms: int
    most_ms: int


def arrivals(region: Region, station: Station, now_ms: int) -> list[Arrival]:
    """When what happens here now is felt further down, the nearest first."""
    found = [
        Arrival(
            region.stations[below.station],
            now_ms + round(below.least_s * 1000),
            now_ms + round(below.most_s * 1000),
        )
        for below in station.downstream
    ]
    return sorted(found, key=lambda arrival: arrival.least_ms)


def _direction(level: Level, lately: Tendency | None) -> Direction | None:
    if level.stale:
        return None
    if level.rate_mm_h is not None:
        return _sign(level.rate_mm_h, STEADY_MM_H)
    return None if lately is None else _sign(lately.change, STEADY_M)


def _sign(value: float, steady: float) -> Direction:
    if abs(value) < steady:
        return "steady"
    return "rising" if value > 0 else "falling"


def _span(curve: Curve, thresholds: list[float]) -> tuple[float, float]:
    """Lowest and highest value of the box: the curve, and the next threshold that it has above it."""
    low = curve.low if curve.low is not None else 0.0
    high = curve.high if curve.high is not None else 0.0
    above = next((value for value in thresholds if value > high), high)
    top = max(high, above)
    return (low, top) if top - low >= 0.1 else (low - 0.05, low + 0.05 + (top - low))
