"""The cameras and vehicles nearest to a place: those of the profile, and others that have told of themselves. Pure, but
for the question to InfluxDB."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from hub.advisories.model import distance_km
from hub.region import Camera, Region, Vehicle
from hub.series.errors import SeriesError
from hub.series.shared import Queries

What = Literal["camera", "vehicle"]
State = Literal["live", "down", "stale", "post", "unknown", "unwatched"]
"""``live``: heard of just now. ``down``: a camera that its gateway does not reach. ``stale``: what is known is old.
``post``: a vehicle without a position stands at its post, for all that is known. ``unknown``: nothing was heard of a
camera for a day. ``unwatched``: nothing tells of the camera.
"""

MOST = 4
"""Of each."""

CAMERA_STALE_S = 180
"""A gateway looks after its cameras each half minute; what it said longer ago is old."""

POSITION_STALE_S = 120
"""For vehicles that are not in the profile."""

PATIENCE_S = 0.3
"""No step of an incident waits longer for what is only near it."""

# The newest of each device. A vehicle that has said nothing for longer is somewhere else by now; a camera stays.
_VEHICLES = (
    'SELECT "lat_deg", "lon_deg" FROM "vehicle" WHERE time > now() - 30m '
    'GROUP BY "site", "gateway", "device" ORDER BY time DESC LIMIT 1'
)
_CAMERAS = (
    'SELECT "online" FROM "camera" WHERE time > now() - 1d '
    'GROUP BY "site", "gateway", "device" ORDER BY time DESC LIMIT 1'
)

Row = Mapping[str, Any]
Rows = Mapping[tuple[str, str], Row]
"""By (gateway, device)."""


@dataclass(frozen=True, slots=True)
class Said:
    """What cameras and vehicles have said last."""

    cameras: Rows
    vehicles: Rows


@dataclass(frozen=True, slots=True)
class Near:
    """A camera or a vehicle, and how far it is from the place.

    Attributes:
        name: a camera's name, a vehicle's call sign; of what is not in the profile the device's id.
        note: what a camera looks at; what a vehicle's post is called.
        at_ms: when the newest word of it was said, ms UTC; None where nothing was heard.
        link: where people may look through a camera; empty where they may not.
        agency: whose vehicle it is; empty where nobody knows.
    """

    what: What
    state: State
    name: str
    km: float
    gateway: str
    device: str
    at_ms: int | None
    note: str = ""
    link: str = ""
    agency: str = ""


async def said(queries: Queries | None) -> Said | None:
    """What they have said last; None where InfluxDB does not say within PATIENCE_S, or there is none."""
    if queries is None:
        return None
    try:
        async with asyncio.timeout(PATIENCE_S):
            vehicles, cameras = await asyncio.gather(queries.query(_VEHICLES), queries.query(_CAMERAS))
    except (SeriesError, TimeoutError):
        return None
    return Said(_by_point(cameras), _by_point(vehicles))


def nearest(
    region: Region, last: Said | None, lat: float | None, lon: float | None, now_ms: int
) -> list[Near]:
    """The nearest of both, cameras first; a camera that does not answer comes after those that may.

    Args:
        last: None where InfluxDB does not answer; then only what the profile says is known.
        lat, lon: None where nobody knows the place; then nothing is near it.
    """
    if lat is None or lon is None:
        return []
    last = last or Said({}, {})
    cameras = sorted(_cameras(region, last.cameras, lat, lon, now_ms), key=_usable)
    vehicles = sorted(_vehicles(region, last.vehicles, lat, lon, now_ms), key=_usable)
    return [*cameras[:MOST], *vehicles[:MOST]]


def place_of(region: Region, incident: Row) -> tuple[float | None, float | None]:
    """Where an incident is: as somebody said, else where its site is; None where nobody knows."""
    site = region.sites.get(incident["site"])
    if incident["lat"] is None and site is not None:
        return site.lat, site.lon
    return incident["lat"], incident["lon"]


def as_json(near: Near) -> dict[str, Any]:
    """One of them as the API tells it."""
    return {**asdict(near), "km": round(near.km, 3)}


def _by_point(rows: Iterable[Row]) -> Rows:
    return {(row["gateway"], row["device"]): row for row in rows}


def _usable(near: Near) -> tuple[bool, float]:
    return near.state == "down", near.km


def _cameras(region: Region, rows: Rows, lat: float, lon: float, now_ms: int) -> Iterator[Near]:
    for camera in region.cameras.values():
        km = distance_km(lat, lon, camera.lat, camera.lon)
        row = rows.get((camera.gateway, camera.device))
        state: State = _camera_state(row, now_ms) if camera.gateway else "unwatched"
        yield Near(
            "camera",
            state,
            camera.name,
            km,
            camera.gateway,
            camera.device,
            _at_ms(row),
            note=camera.shows,
            link=camera.link,
        )
    for (gateway, device), row in _others(rows, region.cameras.values()):
        # It is somewhere at its gateway's site.
        site = region.sites.get(row["site"])
        if site is not None:
            km = distance_km(lat, lon, site.lat, site.lon)
            yield Near("camera", _camera_state(row, now_ms), device, km, gateway, device, row["time"])


def _camera_state(row: Row | None, now_ms: int) -> State:
    if row is None:
        return "unknown"
    if now_ms - row["time"] > CAMERA_STALE_S * 1000:
        return "stale"
    return "live" if row["online"] else "down"


def _vehicles(region: Region, rows: Rows, lat: float, lon: float, now_ms: int) -> Iterator[Near]:
    for vehicle in region.vehicles.values():
        row = rows.get((vehicle.gateway, vehicle.device))
        where = None if row is None else _position(row)
        state: State = "post"
        if row is not None and where is not None:
            state = _position_state(row, vehicle.stale_s, now_ms)
        yield Near(
            "vehicle",
            state,
            vehicle.call_sign,
            distance_km(lat, lon, *(where or (vehicle.lat, vehicle.lon))),
            vehicle.gateway,
            vehicle.device,
            _at_ms(row),
            note=vehicle.post,
            agency=vehicle.agency,
        )
    for (gateway, device), row in _others(rows, region.vehicles.values()):
        where = _position(row)
        if where is not None:
            km = distance_km(lat, lon, *where)
            state = _position_state(row, POSITION_STALE_S, now_ms)
            yield Near("vehicle", state, device, km, gateway, device, row["time"])


def _at_ms(row: Row | None) -> int | None:
    return None if row is None else row["time"]


def _position(row: Row) -> tuple[float, float] | None:
    if row["lat_deg"] is None or row["lon_deg"] is None:
        return None
    return row["lat_deg"], row["lon_deg"]


def _position_state(row: Row, stale_s: float, now_ms: int) -> State:
    return "stale" if now_ms - row["time"] > stale_s * 1000 else "live"


def _others(rows: Rows, known: Iterable[Camera | Vehicle]) -> Iterator[tuple[tuple[str, str], Row]]:
    """What has told of itself and is not in the profile."""
    points = {(one.gateway, one.device) for one in known}
    return ((point, row) for point, row in rows.items() if point not in points)
