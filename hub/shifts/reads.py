"""What is known of the watch: the present shift, those before, and whether anybody hears an alarm."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, select

from hub.api.auth import sessions
from hub.api.auth.roles import WORKING, parse
from hub.api.auth.sessions import Timeouts
from hub.api.tables import users
from hub.shifts.tables import shift_people, shifts

SOUND_GOOD_MS = 14 * 3_600_000
"""How long a sound check counts, should nobody hand over: longer than any shift."""


def present(conn: Connection) -> dict[str, Any] | None:
    """The present shift with who takes part; None before the first."""
    found = select(shifts).where(shifts.c.ended_ms.is_(None)).order_by(shifts.c.id.desc()).limit(1)
    row = conn.execute(found).one_or_none()
    return None if row is None else _shown(conn, dict(row._mapping))


def ended(
    conn: Connection, *, limit: int, since_ms: int | None = None, until_ms: int | None = None
) -> list[dict[str, Any]]:
    """Shifts that are over, the newest first.

    Args:
        since_ms, until_ms: only those that had begun before the one and ended after the other.
    """
    query = select(shifts).where(shifts.c.ended_ms.is_not(None)).order_by(shifts.c.id.desc()).limit(limit)
    if since_ms is not None:
        query = query.where(shifts.c.ended_ms > since_ms)
    if until_ms is not None:
        query = query.where(shifts.c.began_ms < until_ms)
    return [_shown(conn, dict(row._mapping)) for row in conn.execute(query)]


def one(conn: Connection, number: int) -> dict[str, Any] | None:
    """A shift; None where there is none of that number."""
    row = conn.execute(select(shifts).where(shifts.c.id == number)).one_or_none()
    return None if row is None else _shown(conn, dict(row._mapping))


def attended(conn: Connection, timeouts: Timeouts, now_ms: int) -> bool:
    """Whether somebody hears an alarm: on watch, with the sound heard in this shift, and signed in now."""
    heard = (
        select(shift_people.c.user)
        .join(shifts, shifts.c.id == shift_people.c.shift_id)
        .where(
            shifts.c.ended_ms.is_(None),
            shift_people.c.left_ms.is_(None),
            shift_people.c.sound_ms >= now_ms - SOUND_GOOD_MS,
        )
    )
    good = sessions.good(timeouts, now_ms=now_ms).add_columns(users.c.roles)
    there = conn.execute(good.where(users.c.name.in_(heard)))
    return any(parse(row.roles.split()) & WORKING for row in there)


def _shown(conn: Connection, row: dict[str, Any]) -> dict[str, Any]:
    people = (
        select(shift_people).where(shift_people.c.shift_id == row["id"]).order_by(shift_people.c.joined_ms)
    )
    return {
        **row,
        "left": json.loads(row["left"]) if row["left"] else None,
        "people": [dict(person._mapping) for person in conn.execute(people)],
    }
