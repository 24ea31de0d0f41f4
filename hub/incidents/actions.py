"""What people do to an incident. Each names who, is checked against the version they saw, and is on the timeline.

Acknowledging says "a person has seen it", claiming says "I am on it"; neither silences anything or changes the
state. The state changes only by the table in ``machine``.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select, update

from hub.alarms import service as alarms
from hub.escalation import register as escalation
from hub.incidents import assignments, timeline
from hub.incidents.machine import (
    CLOSED,
    NEEDS_NOTE,
    PERSONS,
    Action,
    NotFoundError,
    TransitionError,
    VersionConflictError,
    is_unseen,
    target,
)
from hub.incidents.progress import PART_STEPS
from hub.incidents.service import Incidents, close_panic_alarm
from hub.incidents.tables import incidents
from hub.incidents.timeline import Actor
from hub.notify import outbox
from hub.region import Region


def act(
    conn: Connection,
    region: Region,
    incident_id: str,
    action: Action,
    *,
    actor: Actor,
    version: int,
    now_ms: int,
    note: str = "",
    agency: str | None = None,
    parent_id: str | None = None,
    agencies: Collection[str] | None = None,
) -> int:
    """Take an incident, or an agency's part of it, one step on; the new version of the incident.

    Args:
        version: the one that the person saw.
        note: why, in words; some actions ask for it.
        agency: who gets it (``assign``, ``hand_over``), or whose part it is; None where only one agency's can be.
        parent_id: the incident that it duplicates (``mark_duplicate``): the two are merged, and the parent goes on.
        agencies: those that there are now; None for those of the region profile.

    Raises:
        NotFoundError: there is no such incident, or no such parent.
        VersionConflictError: someone changed it meanwhile.
        TransitionError: the state does not offer the action, or something it needs is missing.
    """
    row = _read(conn, incident_id, version)
    if actor.source not in PERSONS:
        raise TransitionError(f"{actor.name} is no person who is logged in", "only people decide")
    if action in NEEDS_NOTE and not note.strip():
        raise TransitionError(f"{action} needs a reason", "say why in the note")
    if action in PART_STEPS:
        assignments.take(conn, row, action, agency=agency, actor=actor, now_ms=now_ms, note=note)
        _see(conn, row, actor, now_ms)
        return int(row.version) + 1
    decided = _Decision(action, actor, now_ms, note, agency, parent_id)
    _decide(conn, region, row, decided, region.agencies if agencies is None else agencies)
    return int(row.version) + 1


@dataclass(frozen=True, slots=True)
class _Decision:
    """A step of the incident itself, who takes it when, and what it needs."""

    action: Action
    actor: Actor
    now_ms: int
    note: str
    agency: str | None
    parent_id: str | None


def _decide(
    conn: Connection, region: Region, row: Row[Any], decided: _Decision, agencies: Collection[str]
) -> None:
    """Take the incident where the step leads, with all that belongs to it."""
    action, now_ms = decided.action, decided.now_ms
    state = target(row.state, action)
    changes: dict[str, Any] = {}
    data: dict[str, timeline.Scalar] = {"agency": decided.agency, "parent_id": decided.parent_id}
    if action == "mark_duplicate":
        changes["parent_id"] = _parent(conn, row.id, decided.parent_id)
    if action == "assign":
        data["assignment"] = _assign(conn, row.id, decided, agencies)
        changes["assigned_to"] = decided.agency
        state = assignments.state_of(conn, row.id)
    if action == "reopen":
        changes |= {"closed_ms": None, "parent_id": None}
    if state in CLOSED:
        changes["closed_ms"] = now_ms
        assignments.end_all(conn, row.id, finished=state == "done", now_ms=now_ms)
    _change(conn, row, {**changes, "state": state})
    timeline.append(
        conn,
        row.id,
        action,
        actor=decided.actor,
        at_ms=now_ms,
        from_state=row.state,
        to_state=state,
        note=decided.note,
        data=data if decided.agency or decided.parent_id else None,
    )
    _follow(conn, region, row, action, closed=state in CLOSED, actor=decided.actor, now_ms=now_ms)
    if action == "mark_duplicate":
        _tell_parent(conn, row, decided)
    escalation.settle(conn, row.id, now_ms=now_ms)


def _assign(conn: Connection, incident_id: str, decided: _Decision, agencies: Collection[str]) -> str:
    """Give an agency that there is its part; the part's id."""
    agency = decided.agency
    if agency is None or agency not in agencies:
        raise TransitionError(f"no agency {agency!r}", "known are " + ", ".join(sorted(agencies)))
    return assignments.add(
        conn, incident_id, agency, actor=decided.actor, now_ms=decided.now_ms, note=decided.note
    )


def _follow(
    conn: Connection,
    region: Region,
    row: Row[Any],
    action: Action,
    *,
    closed: bool,
    actor: Actor,
    now_ms: int,
) -> None:
    """What a step brings with it for alarm and notices."""
    if action == "release":
        Incidents(region).release(conn, row.id, now_ms=now_ms)
        return
    if closed:
        outbox.discard(conn, outbox.held_of(conn, row.id), now_ms=now_ms)
        close_panic_alarm(conn, row.id, now_ms=now_ms)
    _see(conn, row, actor, now_ms)


def _see(conn: Connection, row: Row[Any], actor: Actor, now_ms: int) -> None:
    """Who does something to an incident has seen it."""
    if is_unseen(row):
        _acknowledge(conn, row, actor, now_ms, "")


def _tell_parent(conn: Connection, row: Row[Any], decided: _Decision) -> None:
    parent = _read(conn, str(decided.parent_id), None)
    data: dict[str, timeline.Scalar] = {"incident": row.id, "number": row.number}
    _note(conn, parent, "merge", actor=decided.actor, now_ms=decided.now_ms, note=decided.note, data=data)


def acknowledge(conn: Connection, incident_id: str, *, actor: Actor, now_ms: int, note: str = "") -> bool:
    """A person has seen it, with its newest press; False where one had already. Idempotent, so it needs no version.

    Raises:
        NotFoundError: there is no such incident.
    """
    row = _read(conn, incident_id, None)
    if not is_unseen(row):
        return False
    _acknowledge(conn, row, actor, now_ms, note)
    return True


def claim(
    conn: Connection,
    incident_id: str,
    *,
    actor: Actor,
    version: int,
    now_ms: int,
    take_over: bool = False,
) -> int:
    """The person works on it; the new version.

    Raises:
        NotFoundError: there is no such incident.
        VersionConflictError: someone changed it meanwhile, perhaps by claiming it.
        TransitionError: it is closed, or another holds it and ``take_over`` is not said.
    """
    row = _read(conn, incident_id, version)
    if row.state in CLOSED:
        raise TransitionError("a closed incident is not claimed", "reopen it first")
    if row.claimed_by not in (None, actor.name) and not take_over:
        raise TransitionError(f"{row.claimed_by} is on it", "take it over expressly")
    _change(conn, row, {"claimed_by": actor.name, "claimed_ms": now_ms})
    _note(conn, row, "claim", actor=actor, now_ms=now_ms, data={"from": row.claimed_by})
    return int(row.version) + 1


def let_go(conn: Connection, incident_id: str, *, actor: Actor, version: int, now_ms: int) -> int:
    """The person works on it no longer; the new version.

    Raises:
        NotFoundError: there is no such incident.
        VersionConflictError: someone changed it meanwhile.
        TransitionError: it is not theirs.
    """
    row = _read(conn, incident_id, version)
    if row.claimed_by != actor.name:
        raise TransitionError(f"{row.claimed_by or 'nobody'} is on it, not {actor.name}")
    _change(conn, row, {"claimed_by": None, "claimed_ms": None})
    _note(conn, row, "let_go", actor=actor, now_ms=now_ms)
    return int(row.version) + 1


def add_note(conn: Connection, incident_id: str, note: str, *, actor: Actor, now_ms: int) -> None:
    """Write something on the timeline.

    Raises:
        NotFoundError: there is no such incident.
        TransitionError: the note is empty.
    """
    row = _read(conn, incident_id, None)
    if not note.strip():
        raise TransitionError("the note is empty")
    _note(conn, row, "note", actor=actor, now_ms=now_ms, note=note)


def _read(conn: Connection, incident_id: str, version: int | None) -> Row[Any]:
    row = conn.execute(select(incidents).where(incidents.c.id == incident_id).with_for_update()).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no incident {incident_id!r}")
    if version is not None and row.version != version:
        raise VersionConflictError(incident_id, version, row.version)
    return row


def _change(conn: Connection, row: Row[Any], values: dict[str, Any]) -> None:
    conn.execute(update(incidents).where(incidents.c.id == row.id).values(version=row.version + 1, **values))


def _acknowledge(conn: Connection, row: Row[Any], actor: Actor, now_ms: int, note: str) -> None:
    conn.execute(
        update(incidents)
        .where(incidents.c.id == row.id)
        # A clock that was set back must not leave it unacknowledged.
        .values(acknowledged_by=actor.name, acknowledged_ms=max(now_ms, row.last_press_ms))
    )
    if row.alarm_id is not None:
        alarms.acknowledge(conn, row.alarm_id, actor=actor.name, now_ms=now_ms, note=note)
    state = conn.execute(select(incidents.c.state).where(incidents.c.id == row.id)).scalar_one()
    timeline.append(
        conn,
        row.id,
        "acknowledge",
        actor=actor,
        at_ms=now_ms,
        from_state=state,
        to_state=state,
        note=note,
    )
    escalation.settle(conn, row.id, now_ms=now_ms)


def _note(
    conn: Connection,
    row: Row[Any],
    action: str,
    *,
    actor: Actor,
    now_ms: int,
    note: str = "",
    data: dict[str, timeline.Scalar] | None = None,
) -> None:
    timeline.append(
        conn,
        row.id,
        action,
        actor=actor,
        at_ms=now_ms,
        from_state=row.state,
        to_state=row.state,
        note=note,
        data=data,
    )


def _parent(conn: Connection, incident_id: str, parent_id: str | None) -> str:
    """The parent, checked: it is there, it is another, and it is itself nobody's duplicate."""
    if not parent_id or parent_id == incident_id:
        raise TransitionError("a duplicate needs another incident as its parent")
    its = {
        row.id: row
        for row in conn.execute(
            select(incidents.c.id, incidents.c.state, incidents.c.drill).where(
                incidents.c.id.in_((incident_id, parent_id))
            )
        )
    }
    parent = its.get(parent_id)
    if parent is None:
        raise NotFoundError(f"there is no incident {parent_id!r}")
    if parent.drill != its[incident_id].drill:
        raise TransitionError("a drill and what is in earnest are never one incident", "name another")
    if parent.state == "duplicate":
        raise TransitionError(f"incident {parent_id} is a duplicate itself", "name the one it duplicates")
    return parent_id
