"""Drills in SQL: each is one incident that carries its id, and with it everything that is told because of it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from hub.agencies.directory import Directory
from hub.drills.tables import drills
from hub.errors import HubError
from hub.incidents import actions
from hub.incidents.by_hand import Report, open_incident
from hub.incidents.kinds import Kind
from hub.incidents.machine import CLOSED, TRANSITIONS, NotFoundError, State
from hub.incidents.tables import incidents
from hub.incidents.timeline import Actor
from hub.notify import outbox
from hub.notify.policy import UNFINISHED, Priority
from hub.notify.tables import outbox as notices
from hub.region import Region


class DrillError(HubError):
    """A drill that cannot be held as things are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is exercised.

    Attributes:
        place: in words; empty where ``site`` says it.
    """

    title: str
    kind: Kind
    place: str = ""
    site: str | None = None
    priority: Priority = Priority.HIGH


@dataclass(frozen=True, slots=True)
class Started:
    """A drill and its incident."""

    drill: str
    incident_id: str


def start(
    conn: Connection, region: Region, directory: Directory, scenario: Scenario, *, actor: Actor, now_ms: int
) -> Started:
    """Begin a drill: an incident as somebody might report it, unverified, that reaches exercise contacts alone.

    Raises:
        DrillError: nobody takes part, or one is going on: with two, nobody knows which one a call is about.
        TransitionError: nobody would know where it is.
    """
    if not directory.exercise().contacts:
        raise DrillError("no contact takes part in exercises", "mark some in contacts.toml: exercise = true")
    if running(conn) is not None:
        raise DrillError("a drill is going on", "end it first")
    drill = f"d{secrets.token_hex(6)}"
    report = Report(
        kind=scenario.kind,
        origin="call",
        caller="LATIHAN",
        place=scenario.place,
        description=f"LATIHAN / EXERCISE: {scenario.title}",
        site=scenario.site,
        priority=scenario.priority,
        drill=drill,
    )
    incident_id = open_incident(conn, region, report, key=f"drill/{drill}", actor=actor, now_ms=now_ms)
    conn.execute(
        insert(drills).values(
            id=drill,
            title=scenario.title,
            kind=scenario.kind,
            incident_id=incident_id,
            started_by=actor.name,
            started_ms=now_ms,
            note="",
        )
    )
    return Started(drill, incident_id)


def end(conn: Connection, region: Region, drill: str, *, actor: Actor, note: str, now_ms: int) -> str:
    """End a drill: its incident is closed, and what has not gone out never does; the incident's id. Idempotent.

    Raises:
        NotFoundError: there is no such drill.
    """
    row = _row(conn, drill)
    if row.ended_ms is not None:
        return str(row.incident_id)
    conn.execute(
        update(drills).where(drills.c.id == drill).values(ended_by=actor.name, ended_ms=now_ms, note=note)
    )
    incident = conn.execute(select(incidents).where(incidents.c.id == row.incident_id)).one()
    state: State = incident.state
    if state not in CLOSED:
        actions.act(
            conn,
            region,
            incident.id,
            "cancel" if "cancel" in TRANSITIONS[state] else "finish",
            actor=actor,
            version=incident.version,
            now_ms=now_ms,
            note=f"LATIHAN selesai / exercise over. {note}".strip(),
        )
    waiting = select(notices.c.key).where(notices.c.drill == drill, notices.c.state.in_(UNFINISHED))
    for key in conn.execute(waiting).scalars().all():
        outbox.step(conn, key, "hold", now_ms=now_ms, reason="drill over")
        outbox.step(conn, key, "discard", now_ms=now_ms, reason="drill over")
    return str(row.incident_id)


def running(conn: Connection) -> str | None:
    """The drill that is going on; None where none is."""
    return conn.execute(
        select(drills.c.id).where(drills.c.ended_ms.is_(None)).order_by(drills.c.started_ms).limit(1)
    ).scalar()


def listed(conn: Connection, *, limit: int = 50) -> list[dict[str, Any]]:
    """The drills, the newest first."""
    rows = conn.execute(select(drills).order_by(drills.c.started_ms.desc(), drills.c.id).limit(limit))
    return [dict(row._mapping) for row in rows]


def get(conn: Connection, drill: str) -> dict[str, Any]:
    """One drill.

    Raises:
        NotFoundError: there is no such drill.
    """
    return dict(_row(conn, drill)._mapping)


def _row(conn: Connection, drill: str) -> Row[Any]:
    row = conn.execute(select(drills).where(drills.c.id == drill)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no drill {drill!r}")
    return row
