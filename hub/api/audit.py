"""The audit trail: one function writes it, for every change, in the transaction of the change.

Rows are numbered without a gap and chained by digests, so that a changed, removed, inserted or reordered row shows.
Cutting off the newest rows shows against the head row, and against a head that was noted elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from hub.api.tables import audit, audit_head
from hub.chain import START, Field, digest

Scalar = str | int | float | bool | None

MOST = 1000
"""Most rows in one answer."""


@dataclass(frozen=True, slots=True)
class Head:
    """The newest row of the trail; noted off the machine, it proves later that nothing was cut off."""

    n: int
    digest: str


def record(
    conn: Connection,
    actor: str,
    action: str,
    subject: str,
    detail: Mapping[str, Scalar] | None = None,
    *,
    now_ms: int,
) -> Head:
    """Write who did what to what. No password, token or secret may be in the detail."""
    last = head(conn, hold=True)
    entry: dict[str, Field] = {
        "n": last.n + 1,
        "at_ms": now_ms,
        "actor": actor,
        "action": action,
        "subject": subject,
        "detail": json.dumps(dict(detail or {}), ensure_ascii=False, sort_keys=True),
    }
    new = Head(last.n + 1, digest(last.digest, entry))
    conn.execute(insert(audit).values(**entry, digest=new.digest))
    values = {"n": new.n, "digest": new.digest}
    if last.n:
        conn.execute(update(audit_head).where(audit_head.c.id == 1).values(values))
    else:
        conn.execute(insert(audit_head).values(id=1, **values))
    return new


def head(conn: Connection, *, hold: bool = False) -> Head:
    """The newest row's number and digest; number 0 while the trail is empty.

    Args:
        hold: keep other writers from adding a row until the transaction ends.
    """
    found = select(audit_head).where(audit_head.c.id == 1)
    row = conn.execute(found.with_for_update() if hold else found).one_or_none()
    return Head(row.n, row.digest) if row is not None else Head(0, START)


def first_fault(conn: Connection, *, anchor: Head | None = None) -> str | None:
    """What is wrong with the trail, at its first place; None where all of it holds.

    Args:
        anchor: a head that was noted elsewhere before.
    """
    last = Head(0, START)
    anchored = anchor is None or anchor.n == 0
    for row in conn.execute(select(audit).order_by(audit.c.n)):
        if row.n != last.n + 1:
            return f"row {last.n + 1} is missing"
        last = Head(row.n, digest(last.digest, _fields(row)))
        if last.digest != row.digest:
            return f"row {row.n} or one before it was changed"
        if anchor is not None and row.n == anchor.n:
            if last.digest != anchor.digest:
                return f"row {row.n} is not the one that was noted"
            anchored = True
    if last != head(conn):
        return f"rows after {last.n} are missing"
    return None if anchored else f"rows after {last.n} are missing"


def listed(conn: Connection, *, before: int | None = None, limit: int = 200) -> list[dict[str, Any]]:
    """Rows with their digests, the newest first, from below a number on."""
    query = select(audit).order_by(audit.c.n.desc()).limit(min(limit, MOST))
    if before is not None:
        query = query.where(audit.c.n < before)
    return [{**row._mapping, "detail": json.loads(row.detail)} for row in conn.execute(query)]


def _fields(row: Row[Any]) -> dict[str, Field]:
    return {name: value for name, value in row._mapping.items() if name != "digest"}
