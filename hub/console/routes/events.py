"""Events of the last hour, for who looks after the equipment."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection, or_, select

from hub.alarms import service as alarms
from hub.api.access import Hub, Route, Who, only
from hub.api.auth.roles import PLANT
from hub.api.services import Services
from hub.console import happened
from hub.console.page import OPTIONS, fragment, page
from hub.fleet.tables import silences
from hub.ingest import reads

HOUR_MS = 3600 * 1000

MOST = 300
"""Most lines on the page."""

READ_AT_MOST = 1000
"""Most records that are looked at for them."""


async def events(request: Request, hub: Hub, who: Who, part: str = "", about: str = "") -> HTMLResponse:
    """Kejadian / Events of the last hour in words, the newest first."""
    now_ms = hub.clock.now_ms()
    about = about if about in happened.ABOUT else ""
    lines = await hub.db.read(lambda conn: _lines(hub, conn, now_ms - HOUR_MS))
    found = happened.newest_first(lines, since_ms=now_ms - HOUR_MS, about=about, limit=MOST)
    shown: dict[str, Any] = {
        "lines": found,
        "about": about,
        "subjects": happened.ABOUT,
        "full": len(found) == MOST,
        "now_ms": now_ms,
    }
    if part:
        return await fragment(request, hub, who, "events_list.html", **shown)
    return await page(request, hub, who, "events.html", **shown)


def _lines(hub: Services, conn: Connection, since_ms: int) -> list[happened.Happened]:
    quiet = select(silences).where(or_(silences.c.found_ms >= since_ms, silences.c.until_ms >= since_ms))
    region = hub.region
    return [
        *(
            happened.of_record(region, row)
            for row in reads.recent_events(conn, since_ms=since_ms, limit=READ_AT_MOST)
        ),
        *(happened.of_level(region, row) for row in alarms.changes_since(conn, since_ms)),
        *(line for row in conn.execute(quiet).mappings() for line in happened.of_silence(region, dict(row))),
    ]


ROUTES = (Route("GET", "/events", events, only(PLANT), "pages", OPTIONS),)
