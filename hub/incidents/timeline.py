"""The timeline of an incident: appended to, never changed, each entry chained to the one before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select

from hub.chain import START, Field, digest, first_break
from hub.incidents.tables import timeline

# Built once: to build a statement costs several times what SQLite needs to run it.
_LAST = (
    select(timeline.c.n, timeline.c.digest)
    .where(timeline.c.incident_id == bindparam("incident_id"))
    .order_by(timeline.c.n.desc())
    .limit(1)
)
_ADD = insert(timeline)

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it, and by which way: a user's name by ``console`` or ``api``, a gateway, or the hub itself."""

    name: str
    source: str


HUB = Actor("hub", "hub")


def append(
    conn: Connection,
    incident_id: str,
    action: str,
    *,
    actor: Actor,
    at_ms: int,
    to_state: str,
    from_state: str | None = None,
    note: str = "",
    data: Mapping[str, Scalar] | None = None,
) -> None:
    """Add an entry."""
    last = conn.execute(_LAST, {"incident_id": incident_id}).one_or_none()
    entry: dict[str, Field] = {
        "incident_id": incident_id,
        "n": last.n + 1 if last else 1,
        "at_ms": at_ms,
        "actor": actor.name,
        "source": actor.source,
        "action": action,
        "from_state": from_state,
        "to_state": to_state,
        "note": note,
        "data": json.dumps(dict(data or {}), ensure_ascii=False, sort_keys=True),
    }
    conn.execute(_ADD, {**entry, "digest": digest(last.digest if last else START, entry)})


def entries(conn: Connection, incident_id: str) -> list[dict[str, Any]]:
    """The incident's entries, oldest first."""
    return [
        {
            "n": row.n,
            "at_ms": row.at_ms,
            "actor": row.actor,
            "source": row.source,
            "action": row.action,
            "from_state": row.from_state,
            "to_state": row.to_state,
            "note": row.note,
            "data": json.loads(row.data),
        }
        for row in _rows(conn, incident_id)
    ]


def broken_at(conn: Connection, incident_id: str) -> int | None:
    """Number of the first entry that was tampered with, None where the chain holds."""
    rows = _rows(conn, incident_id)
    at = first_break((_fields(row), row.digest) for row in rows)
    if at is not None:
        return at + 1
    return next((want for want, row in enumerate(rows, 1) if row.n != want), None)


def _rows(conn: Connection, incident_id: str) -> list[Row[Any]]:
    return list(
        conn.execute(
            select(timeline).where(timeline.c.incident_id == incident_id).order_by(timeline.c.n)
        ).all()
    )


def _fields(row: Row[Any]) -> dict[str, Field]:
    return {name: value for name, value in row._mapping.items() if name != "digest"}
