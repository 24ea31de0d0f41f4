"""The overview: what is wrong now. Its alarms can be acknowledged where they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import Path, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection

from hub.alarms import service as alarms
from hub.api.access import Hub, Identity, Route, Who, only
from hub.api.auth import users
from hub.api.auth.roles import EVERYONE, PLANT, WATCHING, WORKING
from hub.api.changes import change
from hub.api.routes.stream import LIFE
from hub.api.services import Services
from hub.city import beds, rivers
from hub.console import alarms as lines
from hub.console import overview as tiles
from hub.console import rivers as view
from hub.console.asking import ask
from hub.console.language import language_of
from hub.console.page import OPTIONS, fragment, page, pages_of
from hub.console.routes.rivers import small_curves
from hub.console.snapshot import Snapshot
from hub.incidents import reads

Part = Literal["", "now", "rivers", "lists"]

LATEST = 6
"""Incidents shown as the latest, open or not."""

_Rows: TypeAlias = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Read:
    """What the overview shows."""

    now_ms: int
    incidents: tiles.IncidentTile
    alarms: list[lines.AlarmLine]
    latest: list[Mapping[str, Any]]
    river: tiles.RiverTile
    beds: tiles.BedTile
    silent: list[str]
    gateways: int
    series_down_ms: int | None
    series_configured: bool
    missing: list[str]
    names: Mapping[str, str]


async def overview(request: Request, hub: Hub, who: Who, part: Part = "") -> HTMLResponse:
    """Ikhtisar / What is wrong now, at a glance."""
    if part == "rivers":
        return await fragment(request, hub, who, "overview_rivers.html", **await _rivers(hub))
    if part:
        return await _part(request, hub, who, part)
    read = await _snapshot(request, hub).get()
    return await page(request, hub, who, "overview.html", **(await _rivers(hub) | _shown(who, read)))


async def acknowledge(
    request: Request, hub: Hub, who: Who, alarm_id: Annotated[int, Path(ge=1, le=2**53)]
) -> HTMLResponse:
    """Akui alarm / Acknowledge an alarm: a person has seen it."""
    await change(
        hub,
        who,
        "alarm.acknowledge",
        f"alarm/{alarm_id}",
        lambda conn: alarms.acknowledge(conn, alarm_id, actor=who.user.name, now_ms=hub.clock.now_ms()),
        topic="alarm",
    )
    return await _part(request, hub, who, "lists")


async def pulse(hub: Hub) -> dict[str, Any]:
    """Denyut / Whether the hub answers and the session is good; for open pages."""
    return {"now_ms": hub.clock.now_ms(), "life": LIFE}


async def _part(request: Request, hub: Services, who: Identity, part: Part) -> HTMLResponse:
    language = language_of(request)
    rights = (bool(who.user.roles & WORKING), bool(who.user.roles & PLANT))
    html = await _snapshot(request, hub).rendered(
        lambda _: (part, language, rights),
        lambda read: pages_of(request).render(language, f"overview_{part}.html", _shown(who, read)),
    )
    return HTMLResponse(html)


async def _rivers(hub: Services) -> dict[str, Any]:
    """Every post with its small curve; without InfluxDB the curves alone are missing."""
    now_ms = hub.clock.now_ms()
    asked = await small_curves(hub, list(hub.region.stations.values()), now_ms)
    found = rivers.levels(hub.region, hub.levels(), hub.unheard(), now_ms)
    return {"rivers": view.posts(found, asked.value or {}, now_ms), "now_ms": now_ms}


def _shown(who: Identity, read: Read) -> dict[str, Any]:
    return {
        "read": read,
        "now_ms": read.now_ms,
        "by_priority": lines.by_priority(read.alarms),
        "alarms": read.alarms[: tiles.ALARMS_SHOWN],
        "works": bool(who.user.roles & WORKING),
        "plant": bool(who.user.roles & PLANT),
    }


def _snapshot(request: Request, hub: Services) -> Snapshot[Read]:
    async def read() -> Read:
        return await _read(hub)

    return pages_of(request).snapshot("overview", hub.bus, read)


async def _read(hub: Services) -> Read:
    now_ms = hub.clock.now_ms()

    def from_store(conn: Connection) -> tuple[_Rows, _Rows, _Rows, dict[str, str]]:
        names = {user.name: user.full_name or user.name for user in users.listed(conn)}
        return reads.listed(conn), reads.newest(conn, limit=LATEST), alarms.active(conn), names

    incidents, latest, active, names = await hub.db.read(from_store)
    unheard = hub.unheard()
    wards = beds.wards(hub.region, await _panels(hub, now_ms), unheard, now_ms)
    return Read(
        now_ms=now_ms,
        incidents=tiles.incident_tile(incidents),
        alarms=lines.alarm_lines(hub.region, active, incidents),
        latest=list(latest),
        river=tiles.river_tile(rivers.levels(hub.region, hub.levels(), unheard, now_ms)),
        beds=tiles.bed_tile(beds.hospitals(hub.region, wards)),
        silent=tiles.silent_sites(hub.region, hub.silent()),
        gateways=len(hub.region.gateways),
        series_down_ms=(hub.pipeline().get("series") or {}).get("down_ms"),
        series_configured=hub.series is not None,
        missing=list(hub.ready()),
        names=names,
    )


async def _panels(hub: Services, now_ms: int) -> beds.Panels:
    """The panels' last words. While pages are open the hub follows them anyhow, and nobody waits for InfluxDB."""
    if hub.panels.remembered and hub.bus.listeners:
        return hub.panels.remembered
    asked = await ask(hub, lambda _: hub.panels.ask(now_ms))
    return hub.panels.remembered if asked.value is None else asked.value


ROUTES = (
    Route("GET", "/", overview, only(WATCHING), "pages", OPTIONS),
    Route("POST", "/alarms/{alarm_id}/acknowledge", acknowledge, only(WORKING), "pages", OPTIONS),
    Route("GET", "/pulse", pulse, only(EVERYONE), "pages", {"include_in_schema": False}),
)
