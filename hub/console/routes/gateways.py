"""The gateways: who is heard, who is silent, and what became of their records."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection

from hub.api.access import Hub, Route, Who, only
from hub.api.auth.roles import PLANT
from hub.api.errors import ApiError
from hub.console import gateways as view
from hub.console import words
from hub.console.page import OPTIONS, fragment, page
from hub.fleet import reads
from hub.ingest import reads as events
from hub.walls.beats import SILENT_MS

DAY_MS = 24 * 3600 * 1000
EVENTS_SHOWN = 50


async def gateways(request: Request, hub: Hub, who: Who, part: str = "") -> HTMLResponse:
    """Gateway / Every gateway, silent ones first: state, ledger line, card, clock."""
    found = view.shown(hub.region, await hub.db.read(hub.gateways))
    states = Counter(one.state for one in found)
    context: dict[str, Any] = {
        "gateways": found,
        "counts": {state: states[state] for state in ("silent", "online", "unheard")},
        "total": view.total(one.line for one in found),
        "flow": hub.pipeline().get("flow"),
        "walls": hub.walls.now(mono_ms=hub.clock.mono_ms()),
        "wall_stale_s": SILENT_MS / 1000,
    }
    if part:
        return await fragment(request, hub, who, "gateways_list.html", **context)
    return await page(request, hub, who, "gateways.html", **context)


async def gateway(request: Request, hub: Hub, who: Who, gateway_id: str, part: str = "") -> HTMLResponse:
    """Satu gateway / One gateway: its lanes, losses, silences and latest events."""
    if gateway_id not in hub.region.gateways:
        raise ApiError("not_found")
    since_ms = hub.clock.now_ms() - DAY_MS

    def read(conn: Connection) -> dict[str, Any]:
        (row,) = (row for row in hub.gateways(conn) if row["gateway"] == gateway_id)
        return {
            "one": view.shown(hub.region, [row])[0],
            "lanes": view.lanes(row),
            "losses": reads.losses_of(conn, gateway_id),
            "silences": reads.silences_of(conn, gateway_id),
            "events": events.recent_events(conn, since_ms=since_ms, limit=EVENTS_SHOWN, gateway=gateway_id),
        }

    context = await hub.db.read(read)
    context |= {"words": words.EVENTS, "flow": hub.pipeline().get("flow")}
    if part:
        return await fragment(request, hub, who, "gateway_now.html", **context)
    return await page(request, hub, who, "gateway.html", **context)


ROUTES = (
    Route("GET", "/gateways", gateways, only(PLANT), "pages", OPTIONS),
    Route("GET", "/gateways/{gateway_id}", gateway, only(PLANT), "pages", OPTIONS),
)
