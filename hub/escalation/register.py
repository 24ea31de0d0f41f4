"""Escalations in SQL: begun and ended by what an incident is, taken up their ladder by time.

Every function is part of the caller's transaction, so that an escalation is written with what causes it or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sqlalchemy import Connection, Row, func, insert, select, update

from hub import failpoints
from hub.escalation import silence
from hub.escalation.machine import TRANSITIONS, Level, Need, Outcome, Step, needs, step_to
from hub.escalation.tables import escalation_steps, escalations
from hub.incidents.tables import assignments, incidents


def settle(conn: Connection, incident_id: str, *, now_ms: int) -> None:
    """Bring every escalation of an incident to where the incident has it. Idempotent.

    Call it in the transaction of each change of an incident or of an agency's part. A question that is open begins
    with its first level due at once; wake the worker after the commit.
    """
    incident = conn.execute(select(incidents).where(incidents.c.id == incident_id)).one()
    parts = conn.execute(
        select(assignments).where(assignments.c.incident_id == incident_id).order_by(assignments.c.n)
    ).all()
    known = {
        (row.ladder, row.subject): row
        for row in conn.execute(select(escalations).where(escalations.c.incident_id == incident_id))
    }
    for need in needs(incident, parts):
        row = known.get((need.ladder, need.subject))
        step = step_to(row.state if row else None, need, row.cause_ms if row else None)
        if step == "begin":
            _begin(conn, incident_id, need, row, now_ms)
        elif step is not None and row is not None:
            take(conn, row, step, now_ms=now_ms)


def _begin(conn: Connection, incident_id: str, need: Need, row: Row[Any] | None, now_ms: int) -> None:
    fresh = {"round": 0, "rung": need.rung, "cause_ms": need.cause_ms, "due_ms": now_ms, "wait_ms": 0}
    if row is not None:
        take(conn, row, "begin", now_ms=now_ms, values={**fresh, "begun": row.begun + 1})
        return
    values = {
        "ladder": need.ladder,
        "subject": need.subject,
        "incident_id": incident_id,
        "assignment_id": need.subject if need.ladder == "agency" else None,
        "agency": need.agency,
        "state": "waiting",
        "begun": 1,
        "changed_ms": now_ms,
        **fresh,
    }
    made = conn.execute(insert(escalations).returning(escalations), values).one()
    note_step(conn, made, "begin", now_ms=now_ms)
    failpoints.reach("escalation.begun")


def hasten(conn: Connection, assignment_id: str, *, now_ms: int) -> None:
    """An agency's contact cannot: whoever is next is asked at once."""
    conn.execute(
        update(escalations)
        .where(escalations.c.assignment_id == assignment_id, escalations.c.state == "waiting")
        # No wait at all: this holds whatever the clock does before the worker looks.
        .values(due_ms=now_ms, wait_ms=0, changed_ms=now_ms)
    )


def hold_all(conn: Connection, *, now_ms: int, reason: str) -> int:
    """Ask nobody any more, as after a restore: they may have been asked and have answered since. An alarm says that
    a person is to look. How many escalations that are."""
    rows = conn.execute(select(escalations).where(escalations.c.state == "waiting")).all()
    for row in rows:
        take(conn, row, "exhaust", now_ms=now_ms, note=reason)
    return len(rows)


def take(
    conn: Connection,
    row: Row[Any],
    step: Step,
    *,
    now_ms: int,
    values: Mapping[str, Any] | None = None,
    note: str = "",
) -> None:
    """Take an escalation one step on, on record."""
    to = TRANSITIONS[row.state][step]
    conn.execute(
        update(escalations)
        .where(escalations.c.ladder == row.ladder, escalations.c.subject == row.subject)
        .values({**(values or {}), "state": to, "changed_ms": now_ms})
    )
    if step != "ask":
        begun = (values or {}).get("begun", row.begun)
        note_step(conn, row, step, now_ms=now_ms, begun=begun, note=note)
    silence.judge(conn, now_ms=now_ms, before=row.state, after=to)
    if step == "answer":
        failpoints.reach("escalation.answered")


def note_step(
    conn: Connection,
    row: Row[Any],
    step: Step,
    *,
    now_ms: int,
    begun: int | None = None,
    round_: int | None = None,
    level: Level | Literal[""] = "",
    contact: str = "",
    outcome: Outcome = "",
    note: str = "",
) -> None:
    """Write what was done; this is never changed.

    Args:
        begun, round_: where they are not the row's any more.
    """
    same = (escalation_steps.c.ladder == row.ladder, escalation_steps.c.subject == row.subject)
    last = conn.execute(select(func.max(escalation_steps.c.n)).where(*same)).scalar()
    conn.execute(
        insert(escalation_steps),
        {
            "ladder": row.ladder,
            "subject": row.subject,
            "n": (last or 0) + 1,
            "incident_id": row.incident_id,
            "at_ms": now_ms,
            "step": step,
            "begun": row.begun if begun is None else begun,
            "round": row.round if round_ is None else round_,
            "level": level,
            "contact": contact,
            "outcome": outcome,
            "note": note,
        },
    )
