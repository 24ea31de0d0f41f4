"""An incident that somebody telephones, radios or comes in with: written down by hand in a few seconds."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from hub.api import work
from hub.api.access import Hub, Identity, Route, Who, only
from hub.api.auth.roles import WORKING
from hub.api.errors import CODES
from hub.api.services import Services
from hub.console.chart import chart
from hub.console.incidents import in_order
from hub.console.language import LANGUAGES
from hub.console.language import marked as _
from hub.console.page import OPTIONS, page
from hub.incidents import reads
from hub.incidents.by_hand import Report
from hub.incidents.kinds import BY_HAND, KINDS, ORIGINS, Kind, Origin
from hub.notify.policy import Priority
from hub.region import Region

OTHERS = 12
"""Open incidents beside the form: it may be one of these."""

OFFERED: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind != "panic")
HEARD_BY: tuple[Origin, ...] = tuple(origin for origin in ORIGINS if origin in BY_HAND and origin != "alarm")


class ReportForm(BaseModel):
    """What the page sends; texts that may be wrong come as texts, so that they can be shown again."""

    key: Annotated[str, Field(max_length=64)] = ""
    origin: Annotated[str, Field(max_length=16)] = "call"
    kind: Annotated[str, Field(max_length=16)] = ""
    caller: Annotated[str, Field(max_length=100)] = ""
    place: Annotated[str, Field(max_length=300)] = ""
    description: Annotated[str, Field(max_length=2000)] = ""
    priority: Annotated[int, Field(ge=1, le=4)] = int(Priority.HIGH)
    verified: bool = False
    lat: Annotated[str, Field(max_length=12)] = ""
    lon: Annotated[str, Field(max_length=12)] = ""


async def by_hand_page(request: Request, hub: Hub, who: Who) -> HTMLResponse:
    """Insiden baru / The form for an incident that no button told of."""
    return await _form(request, hub, who, ReportForm(key=uuid.uuid4().hex))


async def open_by_hand(request: Request, hub: Hub, who: Who, said: Annotated[ReportForm, Form()]) -> Response:
    """Buka insiden / Open it; the same form sent twice is one incident. Then its page."""
    wrong = _lacks(said)
    position = _position(hub.region, said)
    if not wrong and position is None:
        wrong = _("The position is no latitude and longitude in degrees.")
    if wrong or position is None:
        return await _form(request, hub, who, said, wrong)
    site, lat, lon = position
    report = Report(
        kind=next(kind for kind in OFFERED if kind == said.kind),
        origin=next(origin for origin in HEARD_BY if origin == said.origin),
        caller=said.caller.strip(),
        place=said.place.strip(),
        description=said.description.strip(),
        site=site,
        lat=lat,
        lon=lon,
        priority=Priority(said.priority),
        verified=said.verified,
    )
    found = await work.open_by_hand(hub, who, "console", report, said.key)
    return RedirectResponse(f"/incidents/{found}", 303)


def _lacks(said: ReportForm) -> str:
    """What is missing, as a message id; empty where nothing is."""
    if said.kind not in OFFERED:
        return _("Choose what it is.")
    if said.origin not in HEARD_BY:
        return _("Choose how you heard of it.")
    if not said.place.strip():
        return _("Write where it is.")
    return "" if said.key else _("Open the form anew.")


def _position(region: Region, said: ReportForm) -> tuple[str | None, float | None, float | None] | None:
    """The site of that name, and where it is: as written, else as the site is; None where what is written is none."""
    named = said.place.strip().casefold()
    site = next((one for one in region.sites.values() if one.name.casefold() == named), None)
    if not said.lat.strip() and not said.lon.strip():
        return (site.id, site.lat, site.lon) if site else (None, None, None)
    try:
        lat, lon = (float(text.strip().replace(",", ".")) for text in (said.lat, said.lon))
    except ValueError:
        return None
    if not (math.isfinite(lat) and math.isfinite(lon) and -90 <= lat <= 90 and -180 <= lon <= 180):
        return None
    return (site.id if site else None), lat, lon


async def _form(
    request: Request, hub: Services, who: Identity, said: ReportForm, wrong: str = ""
) -> HTMLResponse:
    def read(conn: Connection) -> list[object]:
        return list(in_order(reads.listed(conn, limit=OTHERS), hub.clock.now_ms()))

    answer = await page(
        request,
        hub,
        who,
        "incident_new.html",
        said=said,
        wrong=wrong,
        open=await hub.db.read(read),
        chart=chart(hub.region),
        kinds=OFFERED,
        kind_names=_both(KINDS),
        origins=HEARD_BY,
        origin_names=_both(ORIGINS),
    )
    if wrong:
        answer.status_code = CODES["invalid"][0]
    return answer


def _both(table: Mapping[Any, tuple[str, str]]) -> dict[str, dict[str, str]]:
    return {key: dict(zip(LANGUAGES, names, strict=True)) for key, names in table.items()}


ROUTES = (
    Route("GET", "/incidents/new", by_hand_page, only(WORKING), "pages", OPTIONS),
    Route("POST", "/incidents/new", open_by_hand, only(WORKING), "pages", OPTIONS),
)
