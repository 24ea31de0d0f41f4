"""Agencies' parts of an incident in SQL: given by people, moved on by the agency or for it, each on its own clock.

Every function is part of the caller's transaction. The incident's state follows (``progress.derived``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Connection, Row, func, insert, select, update

from hub.escalation import register as escalation
from hub.incidents import timeline
from hub.incidents.machine import BY_AGENCIES, CLOSED, NotFoundError, State, TransitionError
from hub.incidents.progress import (
    AT_WORK,
    ENDED,
    MOMENTS,
    PART_TRANSITIONS,
    WORDS,
    Part,
    PartStep,
    Word,
    derived,
)
from hub.incidents.tables import assignments, incidents
from hub.incidents.tables import timeline as entries
from hub.incidents.timeline import Actor
from hub.notify import asks


def of(conn: Connection, incident_id: str) -> Sequence[Row[Any]]:
    """The parts of an incident, the oldest first."""
    query = select(assignments).where(assignments.c.incident_id == incident_id)
    return conn.execute(query.order_by(assignments.c.n)).all()


def add(conn: Connection, incident_id: str, agency: str, *, actor: Actor, now_ms: int, note: str) -> str:
    """Give an agency its part; the assignment's id. One that could not come gets a new one with a new clock.

    Raises:
        TransitionError: it has a part already and is not through with it.
    """
    parts = of(conn, incident_id)
    for part in parts:
        if part.agency != agency or part.state in ENDED:
            continue
        if part.state != "refused":
            raise TransitionError(f"{agency} has it already", "it can be withdrawn first")
        _move(conn, part, "withdraw", now_ms=now_ms, note="")
    n = len(parts) + 1
    values = {
        "id": f"{incident_id}-{n}",
        "incident_id": incident_id,
        "n": n,
        "agency": agency,
        "state": "assigned",
        "version": 1,
        "note": note,
        "assigned_ms": now_ms,
        "assigned_by": actor.name,
        "changed_ms": now_ms,
    }
    conn.execute(insert(assignments), values)
    return f"{incident_id}-{n}"


def take(
    conn: Connection,
    incident: Row[Any],
    step: PartStep,
    *,
    agency: str | None,
    actor: Actor,
    now_ms: int,
    note: str,
) -> None:
    """Take an agency's part one step on, as a person says; the incident follows.

    Args:
        agency: whose; None where only one agency can take this step.

    Raises:
        TransitionError: no agency, or more than one, can.
    """
    can = [
        part
        for part in of(conn, incident.id)
        if agency in (None, part.agency) and step in PART_TRANSITIONS[part.state]
    ]
    if len(can) != 1:
        named = ", ".join(part.agency for part in can)
        raise TransitionError(
            f"{agency or 'no agency'} can {step} nothing here"
            if not can
            else f"which agency is to {step}: {named}",
            "read it again" if not can else "name one",
        )
    _step(conn, incident, can[0], step, actor=actor, now_ms=now_ms, note=note)


def answered(
    conn: Connection,
    *,
    incident_id: str,
    assignment: str,
    agency: str,
    contact: str,
    word: Word,
    source: str,
    note: str,
    now_ms: int,
) -> bool:
    """A contact of an agency has answered; False where that says nothing new. They see no version, so none is checked.

    Args:
        source: the way by which they answered: ``link``, ``sms``, ``chat``.

    Raises:
        NotFoundError: there is no such assignment of that agency.
        TransitionError: the assignment is over.
    """
    part = conn.execute(
        select(assignments).where(
            assignments.c.id == assignment,
            assignments.c.incident_id == incident_id,
            assignments.c.agency == agency,
        )
    ).one_or_none()
    if part is None:
        raise NotFoundError(f"{agency} has no assignment {assignment!r}")
    incident = conn.execute(select(incidents).where(incidents.c.id == incident_id)).one()
    step = WORDS[word]
    if part.state in ENDED or incident.state in CLOSED:
        if (part.state, word) == ("done", "done"):
            return False
        raise TransitionError(f"assignment {assignment} is over", "ring the command room")
    if step not in PART_TRANSITIONS[part.state]:
        return False
    actor = Actor(f"{agency}:{contact}", source)
    _step(conn, incident, part, step, actor=actor, now_ms=now_ms, note=note)
    return True


def end_all(conn: Connection, incident_id: str, *, finished: bool, now_ms: int) -> None:
    """The incident is closed: whoever is there is done where it is finished, and all others are needed no more."""
    for part in of(conn, incident_id):
        if part.state not in ENDED:
            there = finished and part.state in ("on_scene", "contained")
            _move(conn, part, "complete" if there else "withdraw", now_ms=now_ms, note="")


def state_of(conn: Connection, incident_id: str) -> State:
    """What an incident is by its agencies' parts; those of before it was reopened say nothing about now."""
    given = _given_since_reopened(conn, incident_id)
    return derived(
        cast(Part, part.state)
        for part in of(conn, incident_id)
        if part.state in AT_WORK or given is None or part.id in given
    )


def _given_since_reopened(conn: Connection, incident_id: str) -> set[str | None] | None:
    """Ids of the parts that were given since then; None where it never was. The timeline's order says it: clocks go
    back at times."""
    its = entries.c.incident_id == incident_id
    reopened = conn.execute(
        select(func.max(entries.c.n)).where(its, entries.c.action == "reopen")
    ).scalar_one()
    if reopened is None:
        return None
    since = select(entries.c.data).where(its, entries.c.action == "assign", entries.c.n > reopened)
    return {json.loads(data).get("assignment") for data in conn.execute(since).scalars()}


def _step(
    conn: Connection,
    incident: Row[Any],
    part: Row[Any],
    step: PartStep,
    *,
    actor: Actor,
    now_ms: int,
    note: str,
) -> None:
    """One part goes on, and the incident with it."""
    _move(conn, part, step, now_ms=now_ms, note=note)
    state = state_of(conn, incident.id) if incident.state in BY_AGENCIES | {"verified"} else incident.state
    conn.execute(
        update(incidents)
        .where(incidents.c.id == incident.id)
        .values(state=state, version=incident.version + 1)
    )
    timeline.append(
        conn,
        incident.id,
        step,
        actor=actor,
        at_ms=now_ms,
        from_state=incident.state,
        to_state=state,
        note=note,
        data={"agency": part.agency, "assignment": part.id},
    )
    if step == "refuse":
        escalation.hasten(conn, part.id, now_ms=now_ms)
    escalation.settle(conn, incident.id, now_ms=now_ms)


def _move(conn: Connection, part: Row[Any], step: PartStep, *, now_ms: int, note: str) -> None:
    to = PART_TRANSITIONS[cast(Part, part.state)][step]
    moment = MOMENTS.get(to)
    first = {} if moment is None or part._mapping[moment] is not None else {moment: now_ms}
    conn.execute(
        update(assignments)
        .where(assignments.c.id == part.id)
        .values(state=to, version=part.version + 1, note=note, changed_ms=now_ms, **first)
    )
    if to in ENDED:
        asks.close(conn, assignment=part.id, now_ms=now_ms)
