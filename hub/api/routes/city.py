"""The city's state for walls and pages: rivers, beds, and where things are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, TypeVar

from fastapi import Query

from hub.alarms import service as alarms
from hub.api.access import Hub, Route, only
from hub.api.auth.roles import WATCHING
from hub.api.errors import ApiError
from hub.api.services import Services
from hub.city import beds, curves, rivers
from hub.errors import HubError
from hub.region import Station
from hub.series.shared import Queries

T = TypeVar("T")

MOST_MINUTES = 7 * 24 * 60
"""The longest time of a curve."""


async def region(hub: Hub) -> dict[str, Any]:
    """Wilayah / The city: its sites with their positions, agencies, and the zone of its clocks."""
    city = hub.region
    return {
        "id": city.id,
        "name": city.name,
        "zone": city.zone,
        "zone_label": city.zone_label,
        "sites": [
            {"id": site.id, "name": site.name, "kind": site.kind, "lat": site.lat, "lon": site.lon}
            for site in city.sites.values()
        ],
        "agencies": [
            {"id": agency.id, "name": agency.name, "short": agency.short}
            for agency in hub.directory().agencies.values()
        ],
    }


async def advisories(hub: Hub) -> Mapping[str, Any]:
    """Peringatan dari luar / Warnings of other authorities (BMKG), with whose words they are. No alarm, no incident."""
    if hub.advisories is None:
        return {"advisories": [], "feeds": [], "now_ms": hub.clock.now_ms()}
    return hub.advisories()


async def stations(hub: Hub) -> dict[str, Any]:
    """Pos duga air / River posts, upstream first: level, Siaga 4 (normal) to 1 (worst), and whether it is stale."""
    now_ms = hub.clock.now_ms()
    found = rivers.levels(hub.region, hub.levels(), hub.unheard(), now_ms)
    return {"stations": [rivers.as_json(level) for level in found], "now_ms": now_ms}


async def station_series(
    hub: Hub, station_id: str, minutes: Annotated[int, Query(ge=1, le=MOST_MINUTES)] = 180
) -> dict[str, Any]:
    """Kurva muka air / A station's recent levels, the gaps in them, and its level changes."""
    station = hub.region.stations.get(station_id)
    if station is None:
        raise ApiError("not_found", f"there is no station {station_id!r}")
    now_ms = hub.clock.now_ms()
    found = await _ask(hub, lambda series: curves.read(series, station, minutes=minutes, now_ms=now_ms))
    return await series_as_json(hub, station, found)


async def series_as_json(hub: Services, station: Station, found: curves.Curve) -> dict[str, Any]:
    """A station's curve with its level changes; the page of the station draws the same."""
    changes = await hub.db.read(lambda conn: alarms.changes_since(conn, found.from_ms, station.id))
    return {
        "station": station.id,
        "quantity": station.quantity,
        **curves.as_json(found),
        "changes": changes,
        "now_ms": hub.clock.now_ms(),
    }


async def all_beds(hub: Hub) -> dict[str, Any]:
    """Tempat tidur / Beds by ward: free and taken, or unknown where the panel has been silent; never zero for that."""
    now_ms = hub.clock.now_ms()
    panels = await _ask(hub, lambda _: hub.panels.ask(now_ms))
    found = beds.wards(hub.region, panels, hub.unheard(), now_ms)
    return {"wards": [beds.as_json(ward) for ward in found], "now_ms": now_ms}


async def _ask(hub: Services, ask: Callable[[Queries], Awaitable[T]]) -> T:
    """What InfluxDB answers.

    Raises:
        ApiError: it does not, or there is none.
    """
    if hub.series is None:
        raise ApiError("series")
    try:
        return await ask(hub.series)
    except HubError as error:
        raise ApiError("series") from error


ROUTES = (
    Route("GET", "/api/region", region, only(WATCHING), "city"),
    Route("GET", "/api/advisories", advisories, only(WATCHING), "city"),
    Route("GET", "/api/stations", stations, only(WATCHING), "city"),
    Route("GET", "/api/stations/{station_id}/series", station_series, only(WATCHING), "city"),
    Route("GET", "/api/beds", all_beds, only(WATCHING), "city"),
)
