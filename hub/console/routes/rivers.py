"""The rivers: every post from the spring to the mouth, and one post with its curve."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import Request
from fastapi.responses import HTMLResponse

from hub.alarms import service as alarms
from hub.api.access import Hub, Route, Who, only
from hub.api.auth.roles import PLANT, WATCHING
from hub.api.errors import ApiError
from hub.api.routes import city
from hub.api.services import Services
from hub.city import curves
from hub.city.rivers import levels
from hub.console import rivers as view
from hub.console.asking import Asked, ask
from hub.console.page import OPTIONS, fragment, page
from hub.region import Station

SPARK_MINUTES = 60
SPARK_STEPS = 240


async def rivers(request: Request, hub: Hub, who: Who, part: str = "") -> HTMLResponse:
    """Sungai / Every river post: level, Siaga, direction, and how old the value is."""
    now_ms = hub.clock.now_ms()
    asked = await small_curves(hub, list(hub.region.stations.values()), now_ms)
    found = levels(hub.region, hub.levels(), hub.unheard(), now_ms)
    rows = view.posts(found, asked.value or {}, now_ms)
    if part:
        return await fragment(request, hub, who, "rivers_list.html", rivers=rows, asked=asked)
    return await page(request, hub, who, "rivers.html", rivers=rows, asked=asked)


async def river(
    request: Request,
    hub: Hub,
    who: Who,
    station_id: str,
    *,
    range: view.Range = view.USUAL_RANGE,  # noqa: A002 - its name in the address
    part: Literal["", "now", "past"] = "",
) -> HTMLResponse:
    """Pos duga air / One river post: its level as a plot with thresholds and gaps, and the same in words."""
    station = hub.region.stations.get(station_id)
    if station is None:
        raise ApiError("not_found")
    shown: dict[str, Any] = {"station": station, "range": range}
    if part != "past":
        shown |= await _now(hub, who, station)
    if part != "now":
        shown |= await _past(hub, station, view.RANGES_MIN[range])
    if part:
        return await fragment(request, hub, who, f"river_{part}.html", **shown)
    return await page(
        request, hub, who, "river.html", **shown, minutes=view.RANGES_MIN[range], plot=view.plot(station)
    )


async def points(hub: Hub, station_id: str, range: view.Range = view.USUAL_RANGE) -> dict[str, Any]:  # noqa: A002
    """Titik kurva / What the plot of a post draws; that InfluxDB is away is an answer too, and no error."""
    station = hub.region.stations.get(station_id)
    if station is None:
        raise ApiError("not_found")
    asked = await _curve(hub, station, view.RANGES_MIN[range])
    if asked.value is None:
        return {"away": True, "since_ms": asked.down_since_ms}
    return await city.series_as_json(hub, station, asked.value)


async def _now(hub: Services, who: Who, station: Station) -> dict[str, Any]:
    now_ms = hub.clock.now_ms()
    asked = await small_curves(hub, [station], now_ms)
    (level,) = (
        level
        for level in levels(hub.region, hub.levels(), hub.unheard(), now_ms)
        if level.station.id == station.id
    )
    at_ms = now_ms if level.age_ms is None else now_ms - level.age_ms
    return {
        "post": view.post(level, (asked.value or {}).get(station.id), now_ms),
        "arrivals": view.arrivals(hub.region, station, at_ms),
        "may_see_plant": bool(who.user.roles & PLANT),
    }


async def _past(hub: Services, station: Station, minutes: int) -> dict[str, Any]:
    asked = await _curve(hub, station, minutes)
    from_ms = hub.clock.now_ms() - minutes * 60_000
    changes = await hub.db.read(lambda conn: alarms.changes_since(conn, from_ms, station.id))
    return {"asked": asked, "curve": asked.value, "changes": changes}


async def _curve(hub: Services, station: Station, minutes: int) -> Asked[curves.Curve]:
    now_ms = hub.clock.now_ms()
    return await ask(hub, lambda series: curves.read(series, station, minutes=minutes, now_ms=now_ms))


async def small_curves(hub: Services, stations: list[Station], now_ms: int) -> Asked[dict[str, curves.Curve]]:
    """The last hour of some posts, as far as InfluxDB answers."""
    return await ask(
        hub,
        lambda series: curves.read_all(
            series, stations, minutes=SPARK_MINUTES, now_ms=now_ms, most_steps=SPARK_STEPS
        ),
    )


ROUTES = (
    Route("GET", "/rivers", rivers, only(WATCHING), "pages", OPTIONS),
    Route("GET", "/rivers/{station_id}", river, only(WATCHING), "pages", OPTIONS),
    Route(
        "GET", "/rivers/{station_id}/points", points, only(WATCHING), "pages", {"include_in_schema": False}
    ),
)
