"""What pages and reports read of escalations."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from hub.escalation.machine import LADDERS
from hub.escalation.tables import escalation_steps, escalations


def of(conn: Connection, incident_id: str) -> list[dict[str, Any]]:
    """The escalations of an incident, the oldest first, each with its steps.

    ``level`` is who was asked last, "" where nobody was yet; ``next`` who is asked at ``due_ms``, null where nobody is.
    """
    rows = conn.execute(
        select(escalations).where(escalations.c.incident_id == incident_id).order_by(escalations.c.cause_ms)
    ).all()
    steps = conn.execute(
        select(escalation_steps)
        .where(escalation_steps.c.incident_id == incident_id)
        .order_by(escalation_steps.c.n)
    ).all()
    found = []
    for row in rows:
        levels = LADDERS[row.ladder]
        its = [step for step in steps if (step.ladder, step.subject) == (row.ladder, row.subject)]
        asked = [step.level for step in its if step.begun == row.begun and step.level]
        runs = row.state == "waiting"
        found.append(
            {
                "ladder": row.ladder,
                "subject": row.subject,
                "assignment_id": row.assignment_id,
                "agency": row.agency,
                "state": row.state,
                "round": row.round + 1,
                "level": asked[-1] if asked else "",
                "next": levels[row.rung % len(levels)] if runs else None,
                "due_ms": row.due_ms if runs else None,
                "steps": [
                    {
                        "at_ms": step.at_ms,
                        "step": step.step,
                        "round": step.round + 1,
                        "level": step.level,
                        "contact": step.contact,
                        "outcome": step.outcome,
                        "note": step.note,
                    }
                    for step in its
                ],
            }
        )
    return found
