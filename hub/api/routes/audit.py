"""The audit trail, for auditors. Nobody can change it here."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from sqlalchemy import Connection

from hub.api import audit
from hub.api.access import Hub, Route, only
from hub.api.auth.roles import AUDITING

Number = Annotated[int | None, Query(ge=1, le=2**53)]


async def trail(
    hub: Hub, before: Number = None, limit: Annotated[int, Query(ge=1, le=audit.MOST)] = 200
) -> dict[str, Any]:
    """Jejak audit / Who changed what, the newest first."""
    return {"rows": await hub.db.read(lambda conn: audit.listed(conn, before=before, limit=limit))}


async def check(
    hub: Hub,
    n: Number = None,
    digest: Annotated[str | None, Query(pattern="^[0-9a-f]{64}$")] = None,
) -> dict[str, Any]:
    """Periksa jejak / Check the whole trail, and against a head that was noted before if one is given."""
    anchor = audit.Head(n, digest) if n is not None and digest is not None else None

    def read(conn: Connection) -> dict[str, Any]:
        head = audit.head(conn)
        return {
            "fault": audit.first_fault(conn, anchor=anchor),
            "head": {"n": head.n, "digest": head.digest},
        }

    return await hub.db.read(read)


ROUTES = (
    Route("GET", "/api/audit", trail, only(AUDITING), "audit"),
    Route("GET", "/api/audit/check", check, only(AUDITING), "audit"),
)
