"""Drills: begun and ended by a person, and what came of them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from hub.api import drill_work
from hub.api.access import Hub, Route, Who, only
from hub.api.auth.roles import DISPATCHING, WATCHING
from hub.drills import register, report
from hub.drills.register import Scenario
from hub.incidents.kinds import Kind
from hub.notify.policy import Priority


class Begin(BaseModel):
    """What is exercised."""

    title: Annotated[str, Field(min_length=1, max_length=200)]
    kind: Kind
    place: Annotated[str, Field(max_length=300)] = ""
    site: Annotated[str, Field(max_length=64)] | None = None
    priority: Annotated[int, Field(ge=1, le=4)] = int(Priority.HIGH)


class End(BaseModel):
    """What was learned."""

    note: Annotated[str, Field(max_length=2000)] = ""


async def list_drills(hub: Hub) -> dict[str, Any]:
    """Latihan / Drills, the newest first."""
    return {"drills": await hub.db.read(register.listed), "now_ms": hub.clock.now_ms()}


async def start(hub: Hub, who: Who, body: Begin) -> dict[str, str]:
    """Mulai latihan / Begin a drill: only exercise contacts are told, on channels of their own."""
    scenario = Scenario(
        title=body.title, kind=body.kind, place=body.place, site=body.site, priority=Priority(body.priority)
    )

    started = await drill_work.begin(hub, who, "api", scenario)
    return {"drill": started.drill, "incident": started.incident_id}


async def end(hub: Hub, who: Who, drill: str, body: End) -> dict[str, str]:
    """Akhiri latihan / End a drill: its incident is closed, and what has not gone out never does."""

    return {"incident": await drill_work.end(hub, who, "api", drill, body.note)}


async def read(hub: Hub, drill: str) -> dict[str, Any]:
    """Laporan latihan / A drill's report: how long each step took, for whom, and that nobody real was told."""
    return await hub.db.read(lambda conn: report.of(conn, drill))


ROUTES = (
    Route("GET", "/api/drills", list_drills, only(WATCHING), "drills"),
    Route("POST", "/api/drills", start, only(DISPATCHING), "drills"),
    Route("GET", "/api/drills/{drill}", read, only(WATCHING), "drills"),
    Route("POST", "/api/drills/{drill}/end", end, only(DISPATCHING), "drills"),
)
