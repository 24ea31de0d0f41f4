"""The city's state for walls and pages: rivers, beds, and where things are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query

from hub.alarms import service as alarms
from hub.api.access import Hub, Route, only
from hub.api.auth.roles import WATCHING
from hub.api.errors import ApiError
from hub.api.services import Services
from hub.errors import HubError
from hub.region import Station, Ward
from hub.rules.model import StationState, siaga

BED_STALE_S = 300
"""A ward that has not reported for so long has no number of free beds."""

SERIES_POINTS = 600
"""Most points of a station's curve; a longer one is told in wider steps, with the highest value in each."""

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")


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
            {"id": agency.id, "name": agency.name, "short": agency.short} for agency in city.agencies.values()
        ],
    }


async def stations(hub: Hub) -> dict[str, Any]:
    """Pos duga air / River posts: level, Siaga 4 (normal) to 1 (worst), and whether the value is stale."""
    states = {state.station: state for state in await hub.db.read(alarms.restore)}
    silent = await _silent_gateways(hub)
    now_ms = hub.clock.now_ms()
    return {
        "stations": [
            _station(station, states.get(station.id), station.gateway in silent, now_ms)
            for station in hub.region.stations.values()
        ],
        "now_ms": now_ms,
    }


async def station_series(
    hub: Hub, station_id: str, minutes: Annotated[int, Query(ge=1, le=7 * 24 * 60)] = 180
) -> dict[str, Any]:
    """Kurva muka air / A station's recent levels and level changes."""
    station = hub.region.stations.get(station_id)
    if station is None:
        raise ApiError("not_found", f"there is no station {station_id!r}")
    now_ms = hub.clock.now_ms()
    from_ms = now_ms - minutes * 60_000
    step_s = max(1, -(-minutes * 60 // SERIES_POINTS))
    quantity = _identifier(station.quantity)
    rows = await _ask(
        hub,
        # Names in it are checked, numbers are ours, and all else is bound.
        f'SELECT MAX("{quantity}") AS "high", MIN("{quantity}") AS "low" '  # noqa: S608
        f'FROM "{_identifier(station.kind)}" '
        f'WHERE "gateway" = $gateway AND "device" = $device AND time >= {from_ms}ms AND time <= {now_ms}ms '
        f"GROUP BY time({step_s}s) fill(none)",
        {"gateway": station.gateway, "device": station.device},
    )
    changes = await hub.db.read(lambda conn: alarms.changes_since(conn, from_ms, station_id))
    return {
        "station": station_id,
        "quantity": station.quantity,
        "step_s": step_s,
        "points": [[row["time"], row.get("low"), row.get("high")] for row in rows],
        "changes": changes,
        "now_ms": now_ms,
    }


async def beds(hub: Hub) -> dict[str, Any]:
    """Tempat tidur / Beds by ward: free and taken, or unknown where the panel has been silent; never zero for that."""
    now_ms = hub.clock.now_ms()
    silent = await _silent_gateways(hub)
    return {
        "wards": [
            _ward(ward, await _last_panel(hub, ward, now_ms), ward.gateway in silent, now_ms)
            for ward in hub.region.wards.values()
        ],
        "now_ms": now_ms,
    }


def _station(station: Station, state: StationState | None, silent: bool, now_ms: int) -> dict[str, Any]:
    known = state is not None and state.value_mm is not None
    age_ms = now_ms - state.at_ms if state is not None and known else None
    return {
        "id": station.id,
        "name": station.name,
        "river": station.river,
        "site": station.site,
        "gateway": station.gateway,
        "value_mm": state.value_mm if state is not None else None,
        "severity": state.severity if state is not None and known else None,
        "siaga": siaga(state.severity) if state is not None and known else None,
        "label": station.labels[state.severity] if state is not None and known else None,
        "rising": state.rising if state is not None and known else None,
        "rate_mm_h": state.rate_mm_h if state is not None else None,
        "t_ms": state.t_ms if state is not None and known else None,
        "age_ms": age_ms,
        "stale": silent or age_ms is None or age_ms > station.stale_s * 1000,
        "thresholds_mm": list(station.thresholds_mm),
        "labels": list(station.labels),
    }


def _ward(ward: Ward, last: Mapping[str, Any] | None, silent: bool, now_ms: int) -> dict[str, Any]:
    age_ms = now_ms - last["time"] if last is not None else None
    stale = silent or age_ms is None or age_ms > BED_STALE_S * 1000
    taken = {name: last.get(bed) if last is not None else None for bed, name in ward.beds.items()}
    fresh = [] if stale else list(taken.values())
    return {
        "id": ward.id,
        "name": ward.name,
        "site": ward.site,
        "bed_class": ward.bed_class,
        "beds": [
            {"name": name, "taken": None if value is None else bool(value)} for name, value in taken.items()
        ],
        "total": len(ward.beds),
        "free": None if stale else sum(value == 0 for value in fresh),
        "taken": None if stale else sum(value == 1 for value in fresh),
        "unknown": len(ward.beds) if stale else sum(value is None for value in fresh),
        "t_ms": last["time"] if last is not None else None,
        "age_ms": age_ms,
        "stale": stale,
    }


async def _last_panel(hub: Services, ward: Ward, now_ms: int) -> Mapping[str, Any] | None:
    if not ward.beds:
        return None
    fields = ", ".join(f'"{_identifier(bed)}"' for bed in ward.beds)
    rows = await _ask(
        hub,
        f'SELECT {fields} FROM "bed_panel" '  # noqa: S608, the names are checked
        f'WHERE "gateway" = $gateway AND "device" = $device '
        f"AND time > {now_ms - 24 * 3600 * 1000}ms AND time <= {now_ms + 60_000}ms ORDER BY time DESC LIMIT 1",
        {"gateway": ward.gateway, "device": ward.device},
    )
    return rows[0] if rows else None


async def _silent_gateways(hub: Services) -> set[str]:
    rows = await hub.db.read(hub.gateways)
    return {str(row["gateway"]) for row in rows if row.get("silent")}


async def _ask(hub: Services, query: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    if hub.series is None:
        raise ApiError("series")
    try:
        return await hub.series.query(query, params)
    except HubError as error:
        raise ApiError("series") from error


def _identifier(name: str) -> str:
    """A name that may stand in a query. Names come from the profile, but a query trusts nobody."""
    if not _IDENTIFIER.match(name):
        raise ApiError("series", f"{name!r} cannot be asked for")
    return name


ROUTES = (
    Route("GET", "/api/region", region, only(WATCHING), "city"),
    Route("GET", "/api/stations", stations, only(WATCHING), "city"),
    Route("GET", "/api/stations/{station_id}/series", station_series, only(WATCHING), "city"),
    Route("GET", "/api/beds", beds, only(WATCHING), "city"),
)
