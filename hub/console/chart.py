"""A sketch of the city to point at: its sites and rivers as the profile has them, without a map's tiles. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from hub.region import Region, Site

WIDTH = 1000
"""Width of the sketch in its own units."""

MARGIN_SHARE = 0.12
"""Of the larger side, around the outermost sites."""

LEAST_DEG = 0.01
"""A city whose sites are all at one place is shown so wide at least."""

SLIMMEST = 0.75
"""The sketch is neither higher nor wider than this allows: its shorter side by its longer one."""

LINE = 26
"""From one name to the next below it."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A site on the sketch; its name is written at ``label_y``, to the left of it where ``left`` says so."""

    site: Site
    x: float
    y: float
    left: bool
    label_y: float


@dataclass(frozen=True, slots=True)
class Chart:
    """The sketch.

    Attributes:
        height: in the units of WIDTH.
        north, west: degrees at the upper left corner.
        deg_x, deg_y: degrees of longitude and latitude in one unit.
        dots: the sites within it. River posts may lie far outside the city; the rivers lead to them.
        rivers: from post to post, as ``x,y x,y``.
    """

    height: float
    north: float
    west: float
    deg_x: float
    deg_y: float
    dots: tuple[Dot, ...] = ()
    rivers: tuple[str, ...] = ()

    def x(self, lon: float) -> float:
        """Where a longitude is."""
        return round((lon - self.west) / self.deg_x, 1)

    def y(self, lat: float) -> float:
        """Where a latitude is."""
        return round((self.north - lat) / self.deg_y, 1)


def chart(region: Region) -> Chart | None:
    """The sketch of a city; None where the profile has no site."""
    sites = list(region.sites.values())
    if not sites:
        return None
    framed = [site for site in sites if site.kind != "river_post"]
    found = _frame(framed if len(framed) > 1 else sites)
    return replace(found, dots=_dots(found, sites), rivers=tuple(_rivers(found, region)))


def _frame(sites: Sequence[Site]) -> Chart:
    """Around these sites."""
    lats, lons = [site.lat for site in sites], [site.lon for site in sites]
    lat, lon = (min(lats) + max(lats)) / 2, (min(lons) + max(lons)) / 2
    narrower = math.cos(math.radians(lat))
    wide, high = (max(lons) - min(lons)) * narrower, max(lats) - min(lats)
    longer = max(wide, high, LEAST_DEG)
    wide, high = (max(side, SLIMMEST * longer) + 2 * MARGIN_SHARE * longer for side in (wide, high))
    deg_y = wide / WIDTH
    deg_x = deg_y / narrower
    return Chart(high / deg_y, lat + high / 2, lon - deg_x * WIDTH / 2, deg_x, deg_y)


def _dots(on: Chart, sites: Iterable[Site]) -> tuple[Dot, ...]:
    """Those within the frame; a name that would lie on another's is written below it."""
    found = []
    below = {True: 0.0, False: 0.0}
    for site in sorted(sites, key=lambda one: -one.lat):
        x, y = on.x(site.lon), on.y(site.lat)
        if 0 <= x <= WIDTH and 0 <= y <= on.height:
            left = x > WIDTH / 2
            below[left] = max(y, below[left] + LINE)
            found.append(Dot(site, x, y, left, below[left]))
    return tuple(found)


def _rivers(on: Chart, region: Region) -> Iterable[str]:
    for station in region.stations.values():
        for after in station.downstream:
            ends = [region.sites.get(station.site), region.sites.get(region.stations[after.station].site)]
            yield " ".join(f"{on.x(end.lon)},{on.y(end.lat)}" for end in ends if end is not None)
