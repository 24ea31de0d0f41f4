"""Parts of the city as polygons on the map: whether a place is in one, and whether the polygon is one at all. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

Corner = tuple[float, float]
"""Latitude and longitude in degrees, WGS 84."""


@dataclass(frozen=True, slots=True)
class Area:
    """A part of the city. ``polygon`` has no repeated last corner; it crosses neither itself nor the 180th meridian."""

    id: str
    name: str
    polygon: tuple[Corner, ...]

    def holds(self, lat: float, lon: float) -> bool:
        """Whether a place is in it. A place on the border is in one of two neighbours, never in none or both."""
        inside = False
        before = self.polygon[-1]
        for corner in self.polygon:
            if (corner[0] > lat) != (before[0] > lat):
                share = (lat - corner[0]) / (before[0] - corner[0])
                inside ^= lon < corner[1] + share * (before[1] - corner[1])
            before = corner
        return inside


def closed(corners: Sequence[Corner]) -> tuple[Corner, ...]:
    """The corners without the first repeated at the end, as maps give it."""
    return tuple(corners[:-1] if len(corners) > 1 and corners[0] == corners[-1] else corners)


def crossing(polygon: Sequence[Corner]) -> tuple[int, int] | None:
    """Two sides that cross or touch, by the place of their first corner; None where the polygon is sound."""
    sides = [(polygon[at], polygon[(at + 1) % len(polygon)]) for at in range(len(polygon))]
    last = len(sides) - 1
    for one, other in combinations(range(len(sides)), 2):
        if other - one == 1 or (one, other) == (0, last):
            continue
        if _cross(*sides[one], *sides[other]):
            return one, other
    return None


def _cross(a: Corner, b: Corner, c: Corner, d: Corner) -> bool:
    turns = (_turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b))
    if turns[0] * turns[1] < 0 and turns[2] * turns[3] < 0:
        return True
    ends = ((a, b, c), (a, b, d), (c, d, a), (c, d, b))
    return any(turn == 0 and _between(*end) for turn, end in zip(turns, ends, strict=True))


def _turn(a: Corner, b: Corner, c: Corner) -> float:
    """Above 0 where the way from a over b to c bends one way, below where it bends the other."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _between(a: Corner, b: Corner, c: Corner) -> bool:
    return min(a[0], b[0]) <= c[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= c[1] <= max(a[1], b[1])
