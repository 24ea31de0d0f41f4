"""Drills: begun and ended by a person, what each came to, and that nobody real was told."""

from __future__ import annotations

from typing import Annotated, get_args

from fastapi import Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field

from hub.api import drill_work
from hub.api.access import Hub, Identity, Route, Who, only
from hub.api.auth.roles import DISPATCHING, WATCHING
from hub.api.errors import CODES, ApiError
from hub.api.services import Services
from hub.console import words
from hub.console.language import LANGUAGES
from hub.console.language import marked as _
from hub.console.names import full_names
from hub.console.page import OPTIONS, page
from hub.drills import register, report
from hub.drills.register import Scenario
from hub.incidents.kinds import KINDS, Kind
from hub.notify.facts import FACTS

OFFERED: tuple[Kind, ...] = get_args(Kind)


class BeginForm(BaseModel):
    """What the form for a new drill sends."""

    title: Annotated[str, Field(max_length=200)] = ""
    kind: Annotated[str, Field(max_length=16)] = "panic"
    place: Annotated[str, Field(max_length=300)] = ""


class EndForm(BaseModel):
    """What was learned."""

    note: Annotated[str, Field(max_length=2000)] = ""


async def drills(request: Request, hub: Hub, who: Who) -> HTMLResponse:
    """Latihan / Every drill, the one that is going on first, and a form for a new one."""
    return await _list(request, hub, who, BeginForm())


async def begin(request: Request, hub: Hub, who: Who, said: Annotated[BeginForm, Form()]) -> Response:
    """Mulai latihan / Begin a drill; then its incident's page, where it is worked on like any other."""
    wrong = ""
    if not said.title.strip() or not said.place.strip() or said.kind not in OFFERED:
        wrong = _("Say what is exercised, and where.")
    else:
        named = said.place.strip().casefold()
        site = next((one.id for one in hub.region.sites.values() if one.name.casefold() == named), None)
        kind = next(kind for kind in OFFERED if kind == said.kind)
        scenario = Scenario(title=said.title.strip(), kind=kind, place=said.place.strip(), site=site)
        try:
            started = await drill_work.begin(hub, who, "console", scenario)
            return RedirectResponse(f"/incidents/{started.incident_id}", 303)
        except ApiError:
            wrong = _("A drill is going on, or no contact takes part in drills.")
    return await _list(request, hub, who, said, wrong)


async def drill(request: Request, hub: Hub, who: Who, drill_id: str) -> HTMLResponse:
    """Laporan latihan / One drill: how long each step took, for whom, and that nobody real was told."""
    found = await hub.db.read(lambda conn: (report.of(conn, drill_id), full_names(conn)))
    return await page(
        request,
        hub,
        who,
        "drill.html",
        drill=found[0],
        names=found[1],
        kind_names=_kinds(),
        facts=FACTS,
        words=words,
        leads=bool(who.user.roles & DISPATCHING),
    )


async def end(hub: Hub, who: Who, drill_id: str, said: Annotated[EndForm, Form()]) -> Response:
    """Akhiri latihan / End a drill: its incident is closed, and what has not gone out never does."""
    await drill_work.end(hub, who, "console", drill_id, said.note.strip())
    return RedirectResponse(f"/drills/{drill_id}", 303)


async def _list(
    request: Request, hub: Services, who: Identity, said: BeginForm, wrong: str = ""
) -> HTMLResponse:
    found = await hub.db.read(lambda conn: (register.listed(conn), full_names(conn)))
    answer = await page(
        request,
        hub,
        who,
        "drills.html",
        drills=found[0],
        running=next((one for one in found[0] if one["ended_ms"] is None), None),
        names=found[1],
        contacts=list(hub.directory().exercise().contacts.values()),
        kinds=OFFERED,
        kind_names=_kinds(),
        words=words,
        said=said,
        wrong=wrong,
        leads=bool(who.user.roles & DISPATCHING),
    )
    if wrong:
        answer.status_code = CODES["invalid"][0]
    return answer


def _kinds() -> dict[str, dict[str, str]]:
    return {kind: dict(zip(LANGUAGES, names, strict=True)) for kind, names in KINDS.items()}


ROUTES = (
    Route("GET", "/drills", drills, only(WATCHING), "pages", OPTIONS),
    Route("POST", "/drills", begin, only(DISPATCHING), "pages", OPTIONS),
    Route("GET", "/drills/{drill_id}", drill, only(WATCHING), "pages", OPTIONS),
    Route("POST", "/drills/{drill_id}/end", end, only(DISPATCHING), "pages", OPTIONS),
)
