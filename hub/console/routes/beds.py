"""The beds by hospital and ward."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import HTMLResponse

from hub.api.access import Hub, Route, Who, only
from hub.api.auth.roles import WATCHING
from hub.city import beds as city
from hub.console.asking import ask
from hub.console.page import OPTIONS, fragment, page


async def beds(request: Request, hub: Hub, who: Who, part: str = "") -> HTMLResponse:
    """Tempat tidur / Beds by hospital and ward: free, taken, or unknown with the age of the last word."""
    now_ms = hub.clock.now_ms()
    asked = await ask(hub, lambda _: hub.panels.ask(now_ms))
    panels = hub.panels.remembered if asked.value is None else asked.value
    found = city.hospitals(hub.region, city.wards(hub.region, panels, hub.unheard(), now_ms))
    shown = {"hospitals": found, "asked": asked, "stale_ms": city.STALE_S * 1000}
    if part:
        return await fragment(request, hub, who, "beds_list.html", **shown)
    return await page(request, hub, who, "beds.html", **shown)


ROUTES = (Route("GET", "/beds", beds, only(WATCHING), "pages", OPTIONS),)
