"""The overview: what is wrong now."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from hub.api.access import Hub, Route, Who, only
from hub.api.auth.roles import EVERYONE, WATCHING
from hub.api.routes.stream import LIFE
from hub.console.page import OPTIONS, fragment, page


async def overview(request: Request, hub: Hub, who: Who, part: str = "") -> HTMLResponse:
    """Ikhtisar / What is wrong now, at a glance."""
    if part:
        return await fragment(request, hub, who, "overview_tiles.html")
    return await page(request, hub, who, "overview.html")


async def pulse(hub: Hub) -> dict[str, Any]:
    """Denyut / Whether the hub answers and the session is good; for open pages."""
    return {"now_ms": hub.clock.now_ms(), "life": LIFE}


ROUTES = (
    Route("GET", "/", overview, only(WATCHING), "pages", OPTIONS),
    Route("GET", "/pulse", pulse, only(EVERYONE), "pages", {"include_in_schema": False}),
)
