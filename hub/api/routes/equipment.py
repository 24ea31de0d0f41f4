"""The equipment: gateways with their ledger line, the pipeline's health, raw events, dead letters."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Response
from sqlalchemy import Connection, Row, select

from hub.api.access import PUBLIC, Hub, Route, only
from hub.api.auth.roles import PLANT
from hub.ingest import reads
from hub.ingest.tables import dead_letters

HOUR_MS = 3600 * 1000
MOST = 1000
SHOWN_BYTES = 300
"""How much of a dead letter is shown."""

Limit = Annotated[int, Query(ge=1, le=MOST)]


async def gateways(hub: Hub) -> dict[str, Any]:
    """Gateway / Every gateway: heard or silent, and its line: committed, on its way, refused, lost."""
    return {"gateways": list(await hub.db.read(hub.gateways)), "now_ms": hub.clock.now_ms()}


async def pipeline(hub: Hub) -> dict[str, Any]:
    """Aliran data / Rates, queues, dead letters and latencies."""
    return {**hub.pipeline(), "listeners": hub.bus.listeners, "now_ms": hub.clock.now_ms()}


async def recent_events(
    hub: Hub, since_ms: Annotated[int | None, Query(ge=0, le=2**53)] = None, limit: Limit = 500
) -> dict[str, Any]:
    """Kejadian / Panic and event records as they came, of the last hour or since a time; the newest first."""
    now_ms = hub.clock.now_ms()
    from_ms = now_ms - HOUR_MS if since_ms is None else since_ms

    found = await hub.db.read(lambda conn: reads.recent_events(conn, since_ms=from_ms, limit=limit))
    return {"events": found, "from_ms": from_ms, "now_ms": now_ms}


async def dead(hub: Hub, limit: Limit = 100) -> dict[str, Any]:
    """Surat mati / What was refused or could not be read; the newest first."""

    def read(conn: Connection) -> list[dict[str, Any]]:
        rows = select(dead_letters).order_by(dead_letters.c.last_ms.desc(), dead_letters.c.id.desc())
        return [_letter(row) for row in conn.execute(rows.limit(limit))]

    return {"dead_letters": await hub.db.read(read), "now_ms": hub.clock.now_ms()}


async def health(hub: Hub, response: Response) -> dict[str, bool]:
    """Siap / Whether the hub is ready. For machines; what is amiss is told to who is logged in."""
    ready = not hub.ready()
    if not ready:
        response.status_code = 503
    return {"ready": ready}


async def readiness(hub: Hub) -> dict[str, Any]:
    """Kesiapan / What keeps the hub from being ready."""
    return {"missing": list(hub.ready()), "now_ms": hub.clock.now_ms()}


def _letter(row: Row[Any]) -> dict[str, Any]:
    shown = {name: value for name, value in row._mapping.items() if name not in ("payload", "key")}
    start = row.payload[:SHOWN_BYTES].decode("utf-8", "backslashreplace")
    return {**shown, "bytes": len(row.payload), "start": start}


ROUTES = (
    Route("GET", "/api/gateways", gateways, only(PLANT), "equipment"),
    Route("GET", "/api/pipeline", pipeline, only(PLANT), "equipment"),
    Route("GET", "/api/events", recent_events, only(PLANT), "equipment"),
    Route("GET", "/api/dead-letters", dead, only(PLANT), "equipment"),
    Route("GET", "/api/readiness", readiness, only(PLANT), "equipment"),
    Route("GET", "/api/health", health, PUBLIC, "equipment"),
)
