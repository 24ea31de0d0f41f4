"""The cameras and vehicles nearest to a place, by what they have said last. Pure but for the question."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hub.advisories.model import distance_km
from hub.region import Region
from hub.series.shared import Queries

What = Literal["camera", "vehicle"]

MOST = 4
"""Of each."""

# The newest of each device. A vehicle that has said nothing for longer is somewhere else by now; a camera stays.
_VEHICLES = (
    'SELECT "lat_deg", "lon_deg" FROM "vehicle" WHERE time > now() - 30m '
    'GROUP BY "site", "gateway", "device" ORDER BY time DESC LIMIT 1'
)
_CAMERAS = (
    'SELECT "online" FROM "camera" WHERE time > now() - 1d '
    'GROUP BY "site", "gateway", "device" ORDER BY time DESC LIMIT 1'
)


@dataclass(frozen=True, slots=True)
class Near:
    """A camera or a vehicle, and how far it is from the place.

    Attributes:
        at_ms: when it said so, ms UTC.
        answers: False for a camera that its gateway does not reach.
    """

    what: What
    gateway: str
    device: str
    km: float
    at_ms: int
    answers: bool = True


async def nearest(queries: Queries, region: Region, lat: float, lon: float) -> list[Near]:
    """The nearest of both, cameras first. Cameras are at their gateway's site.

    Raises:
        SeriesError: InfluxDB does not answer.
    """
    vehicles, cameras = await asyncio.gather(queries.query(_VEHICLES), queries.query(_CAMERAS))
    return [*_nearest(_cameras(region, cameras, lat, lon)), *_nearest(_vehicles(vehicles, lat, lon))]


def _vehicles(rows: Iterable[Mapping[str, Any]], lat: float, lon: float) -> Iterable[Near]:
    for row in rows:
        if row["lat_deg"] is not None and row["lon_deg"] is not None:
            km = distance_km(lat, lon, row["lat_deg"], row["lon_deg"])
            yield Near("vehicle", row["gateway"], row["device"], km, row["time"])


def _cameras(region: Region, rows: Iterable[Mapping[str, Any]], lat: float, lon: float) -> Iterable[Near]:
    for row in rows:
        site = region.sites.get(row["site"])
        if site is not None:
            km = distance_km(lat, lon, site.lat, site.lon)
            yield Near("camera", row["gateway"], row["device"], km, row["time"], bool(row["online"]))


def _nearest(found: Iterable[Near]) -> list[Near]:
    return sorted(found, key=lambda one: (not one.answers, one.km))[:MOST]
