"""Warnings of other authorities, in their own words. No alarm, no incident: what follows from one a person decides."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import HTMLResponse

from hub.advisories.model import ATTRIBUTION
from hub.api.access import Hub, Route, Who, only
from hub.api.auth.roles import WATCHING
from hub.console.language import marked as _
from hub.console.page import OPTIONS, fragment, page

SOURCES = {"bmkg_earthquake": _("Earthquakes"), "bmkg_nowcast": _("Severe weather")}
"""What each feed tells of."""

STALE_MS = 10 * 60_000
"""A feed that has not answered for so long says nothing of now."""


async def advisories(request: Request, hub: Hub, who: Who, part: str = "") -> HTMLResponse:
    """Peringatan luar / What other authorities warn of now, and how old the word of each feed is."""
    said = hub.advisories() if hub.advisories is not None else {"advisories": [], "feeds": []}
    shown = {**said, "sources": SOURCES, "attribution": ATTRIBUTION, "stale_ms": STALE_MS}
    shown["now_ms"] = hub.clock.now_ms()
    if part:
        return await fragment(request, hub, who, "advisories_list.html", **shown)
    return await page(request, hub, who, "advisories.html", **shown)


ROUTES = (Route("GET", "/advisories", advisories, only(WATCHING), "pages", OPTIONS),)
