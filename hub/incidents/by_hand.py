"""Incidents that a person writes down: from a call, the radio, somebody who came in, or an alarm that they look at."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from hub.escalation import register as escalation
from hub.incidents import opening
from hub.incidents.kinds import BY_HAND, KINDS, Kind, Origin
from hub.incidents.machine import PERSONS, TransitionError
from hub.incidents.opening import Opening
from hub.incidents.tables import incidents
from hub.incidents.timeline import Actor
from hub.notify.policy import Priority
from hub.region import Region


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a person has heard.

    Attributes:
        caller: number or name of who called; empty where there is none.
        place: in words; empty where ``site`` says it.
        site: id of a site of the region; its position is taken where none is given.
        lat, lon, error_m: degrees, and how far off in metres; both or neither of the first two.
        verified: the person has made sure already; else it is unverified as a press is.
        alarm_id: the alarm that it comes from.
        drill: id of the drill that it belongs to.
    """

    kind: Kind
    origin: Origin
    caller: str = ""
    place: str = ""
    description: str = ""
    site: str | None = None
    lat: float | None = None
    lon: float | None = None
    error_m: float | None = None
    priority: Priority = Priority.HIGH
    verified: bool = False
    alarm_id: int | None = None
    drill: str | None = None


def id_of(key: str) -> str:
    """The id of the incident that a report with this key opens."""
    return hashlib.sha256(f"by hand/{key}".encode()).hexdigest()[:24]


def open_incident(
    conn: Connection, region: Region, report: Report, *, key: str, actor: Actor, now_ms: int
) -> str:
    """Open an incident, acknowledged and claimed by who writes it down; its id. Nobody is told by this, but that it
    waits for a decision is watched as with every other.

    Args:
        key: the writer's own, new for each report: the same again gives the same incident.

    Raises:
        TransitionError: no person writes it, or nobody would know where it is.
    """
    incident_id = id_of(key)
    if conn.execute(select(incidents.c.id).where(incidents.c.id == incident_id)).first() is not None:
        return incident_id
    if actor.source not in PERSONS or report.origin not in BY_HAND:
        raise TransitionError(
            f"{actor.name} writes nothing down by {report.origin}", "a person who is logged in"
        )
    site = region.sites.get(report.site or "")
    if report.site and site is None:
        raise TransitionError(f"no site {report.site!r}", "leave it out, and say the place in words")
    if not report.place.strip() and site is None and report.lat is None:
        raise TransitionError("nobody knows where it is", "a place in words, a site, or a position")
    lat, lon = (report.lat, report.lon) if report.lat is not None or site is None else (site.lat, site.lon)
    indonesian, english = KINDS[report.kind]
    opening.write(
        conn,
        Opening(
            id=incident_id,
            kind=report.kind,
            state="verified" if report.verified else "unverified",
            origin=report.origin,
            title=f"{indonesian} / {english}",
            place=", ".join(filter(None, (site.name if site else "", report.place.strip())))
            or f"{lat}, {lon}",
            opened_ms=now_ms,
            priority=report.priority,
            site=report.site or "",
            call_back=report.caller,
            caller=report.caller,
            description=report.description,
            lat=lat,
            lon=lon,
            error_m=report.error_m,
            happened_ms=now_ms,
            delay_ms=0,
            alarm_id=report.alarm_id,
            drill=report.drill,
        ),
        actor=actor,
        note=report.description,
        data={"origin": report.origin, "caller": report.caller},
    )
    conn.execute(
        update(incidents)
        .where(incidents.c.id == incident_id)
        .values(acknowledged_by=actor.name, acknowledged_ms=now_ms, claimed_by=actor.name, claimed_ms=now_ms)
    )
    escalation.settle(conn, incident_id, now_ms=now_ms)
    return incident_id
