"""What pages and programs read of incidents."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, cast

from sqlalchemy import Connection, Row, select

from hub.escalation import reads as escalation
from hub.incidents import assignments, attachments, checklists, nearby, timeline
from hub.incidents.kinds import KINDS, ORIGINS, Kind, Origin
from hub.incidents.machine import CLOSED, LABELS, OPEN, TRANSITIONS, NotFoundError, State, is_unseen
from hub.incidents.progress import PART_LABELS, PART_TRANSITIONS, Part
from hub.incidents.tables import incidents, presses
from hub.incidents.words import delay_label
from hub.notify import outbox
from hub.notify.policy import PRIORITY_LABELS, Priority
from hub.region import Region

MOST = 500
"""Most incidents in one answer."""


def listed(
    conn: Connection,
    *,
    states: Collection[State] = OPEN,
    since_ms: int | None = None,
    limit: int = MOST,
) -> list[dict[str, Any]]:
    """Incidents in those states, the most urgent first, then the newest; of closed ones those that were closed last.

    Args:
        since_ms: only what was opened at or after this hub time.
        limit: at most so many, and never more than MOST.
    """
    query = select(incidents).where(incidents.c.state.in_(list(states)))
    if since_ms is not None:
        query = query.where(incidents.c.opened_ms >= since_ms)
    # By urgency the critical ones of years would fill every list of closed ones.
    order = [incidents.c.closed_ms.desc()] if CLOSED.issuperset(states) else [incidents.c.priority]
    query = query.order_by(*order, incidents.c.number.desc()).limit(min(limit, MOST))
    return [shown(row) for row in conn.execute(query)]


def newest(conn: Connection, *, limit: int) -> list[dict[str, Any]]:
    """The newest incidents, whatever their state."""
    found = select(incidents).order_by(incidents.c.number.desc()).limit(min(limit, MOST))
    return [shown(row) for row in conn.execute(found)]


def one(conn: Connection, incident_id: str, region: Region | None = None) -> dict[str, Any]:
    """An incident with its agencies' parts, presses, timeline, escalations, notices and files, and with what may be the
    same.

    Args:
        region: for the checklist; None leaves it empty.

    Raises:
        NotFoundError: there is none of that id.
    """
    row = conn.execute(select(incidents).where(incidents.c.id == incident_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no incident {incident_id!r}")
    its = conn.execute(
        select(
            presses.c.gateway,
            presses.c.device,
            presses.c.event_id,
            presses.c.happened_ms,
            presses.c.error_ms,
            presses.c.received_ms,
            presses.c.delay_ms,
            presses.c.again,
        )
        .where(presses.c.incident_id == incident_id)
        .order_by(presses.c.received_ms, presses.c.event_id)
    )
    parts = assignments.of(conn, incident_id)
    return {
        **shown(row, parts),
        "call_back": row.call_back,
        "assignments": [shown_part(part, closed=row.state in CLOSED) for part in parts],
        "escalation": escalation.of(conn, incident_id),
        "checklist": [] if region is None else checklists.of(conn, region, row),
        "attachments": attachments.listed(conn, incident_id),
        "suggested": nearby.suggested(conn, row),
        "pressed": [dict(press._mapping) for press in its],
        "timeline": timeline.entries(conn, incident_id),
        "notices": outbox.rows_of(conn, incident_id),
    }


def shown_part(part: Row[Any], *, closed: bool) -> dict[str, Any]:
    """An agency's part as pages read it, with what a person can say for the agency now."""
    state = cast(Part, part.state)
    label = PART_LABELS[state]
    return {
        **part._mapping,
        "label": {"id": label[0], "en": label[1]},
        "can": [] if closed else sorted(PART_TRANSITIONS[state]),
        "since_ms": part.changed_ms,
    }


def _can(state: State, parts: Sequence[Row[Any]] | None) -> list[str]:
    """What a person can do with an incident; of a list, whose agencies are not read, by its state."""
    states = [state] if parts is None else [part.state for part in parts if state not in CLOSED]
    steps = {step for one in states for step in PART_TRANSITIONS.get(cast(Part, one), {})}
    return sorted({*TRANSITIONS[state], *steps})


def shown(row: Row[Any], parts: Sequence[Row[Any]] | None = None) -> dict[str, Any]:
    """An incident's row as pages read it: with labels, and with what a person can do now.

    Args:
        parts: of its agencies; None where they are not read.
    """
    state = cast(State, row.state)
    return {
        "id": row.id,
        "number": row.number,
        "kind": row.kind,
        "state": state,
        "label": {"id": LABELS[state][0], "en": LABELS[state][1]},
        "can": _can(state, parts),
        "version": row.version,
        "priority": row.priority,
        "priority_label": dict(zip(("id", "en"), PRIORITY_LABELS[Priority(row.priority)], strict=True)),
        "site": row.site,
        "gateway": row.gateway,
        "device": row.device,
        "title": row.title,
        "place": row.place,
        "happened_ms": row.happened_ms,
        "error_ms": row.error_ms,
        "opened_ms": row.opened_ms,
        "delay_ms": row.delay_ms,
        "delayed": delay_label(row.delay_ms),
        "recovered": row.recovered,
        "presses": row.presses,
        "last_press_ms": row.last_press_ms,
        "unseen": state in OPEN and is_unseen(row),
        "acknowledged_by": row.acknowledged_by,
        "acknowledged_ms": row.acknowledged_ms,
        "claimed_by": row.claimed_by,
        "claimed_ms": row.claimed_ms,
        "assigned_to": row.assigned_to,
        "parent_id": row.parent_id,
        "closed_ms": row.closed_ms,
        "origin": row.origin,
        "origin_label": dict(zip(("id", "en"), ORIGINS[cast(Origin, row.origin)], strict=True)),
        "kind_label": dict(zip(("id", "en"), KINDS[cast(Kind, row.kind)], strict=True)),
        "caller": row.caller,
        "description": row.description,
        "lat": row.lat,
        "lon": row.lon,
        "error_m": row.error_m,
        "drill": row.drill,
    }
