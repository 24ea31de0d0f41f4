"""What is open: what one shift leaves to the next, beside its note."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select

from hub.alarms import reads as alarms
from hub.alarms.machine import UNSEEN
from hub.incidents import reads as incidents
from hub.notify.tables import outbox
from hub.shifts.tables import shift_items

SHOWN = 100
"""Most incidents that are written down with a hand-over; their number is told in any case."""


def left_open(conn: Connection) -> dict[str, Any]:
    """Open incidents, alarms that nobody has seen, notices that wait for a person, and what is to be done."""
    rows = incidents.listed(conn)
    states = alarms.counts(conn)
    count = func.count().label("number")
    waiting = select(outbox.c.state, count).where(outbox.c.state.in_(("held", "given_up")))
    notices = {row.state: row.number for row in conn.execute(waiting.group_by(outbox.c.state))}
    return {
        "incidents": [
            {key: row[key] for key in ("id", "number", "title", "place", "state", "priority", "claimed_by")}
            for row in rows[:SHOWN]
        ],
        "incident_count": len(rows),
        "unseen_alarms": sum(states.get(state, 0) for state in UNSEEN),
        "held_notices": notices.get("held", 0),
        "given_up_notices": notices.get("given_up", 0),
        "items": [{"id": row["id"], "text": row["text"]} for row in items(conn)],
    }


def items(conn: Connection) -> list[dict[str, Any]]:
    """What is to be done, the oldest first."""
    found = select(shift_items).where(shift_items.c.done_ms.is_(None)).order_by(shift_items.c.id)
    return [dict(row._mapping) for row in conn.execute(found)]
