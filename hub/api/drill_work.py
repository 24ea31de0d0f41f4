"""Drills as people begin and end them, by API or console: checked, audited and told in one way."""

from __future__ import annotations

from sqlalchemy import Connection

from hub.api.access import Identity
from hub.api.changes import change
from hub.api.errors import ApiError
from hub.api.services import Services
from hub.api.work import Source
from hub.drills import register
from hub.drills.register import DrillError, Scenario, Started
from hub.incidents.timeline import Actor


async def begin(hub: Services, who: Identity, source: Source, scenario: Scenario) -> Started:
    """Begin a drill: only exercise contacts are told, on channels of their own.

    Raises:
        ApiError: it cannot be held as things are; the detail says why.
        TransitionError: nobody would know where it is.
    """

    def step(conn: Connection) -> Started:
        actor = Actor(who.user.name, source)
        return register.start(
            conn, hub.region, hub.directory(), scenario, actor=actor, now_ms=hub.clock.now_ms()
        )

    detail = {"kind": scenario.kind}
    try:
        started = await change(hub, who, "drill.start", scenario.title, step, detail=detail)
    except DrillError as error:
        raise ApiError("not_possible", str(error)) from error
    hub.bus.publish("incident", started.incident_id, {"action": "drill.start"})
    return started


async def end(hub: Services, who: Identity, source: Source, drill: str, note: str) -> str:
    """End a drill: its incident is closed, and what has not gone out never does; the incident's id.

    Raises:
        NotFoundError: there is no such drill.
    """

    def step(conn: Connection) -> str:
        actor = Actor(who.user.name, source)
        return register.end(conn, hub.region, drill, actor=actor, note=note, now_ms=hub.clock.now_ms())

    incident = await change(hub, who, "drill.end", drill, step)
    hub.bus.publish("incident", incident, {"action": "drill.end"})
    return incident
