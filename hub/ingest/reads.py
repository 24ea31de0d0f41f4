"""What people see of raw events, within the caller's transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select

from contract.codec import decode_body
from contract.errors import DecodeError
from contract.topics import WATCH
from hub.ingest.tables import events

PERSONAL = frozenset({"attendance_scan"})
"""Event kinds whose data names a person, if only by a pseudonym; it is not for these lists."""


def recent_events(
    conn: Connection, *, since_ms: int, limit: int, gateway: str | None = None
) -> list[dict[str, Any]]:
    """Panic and event records that came since a time, the newest first; of one gateway or of all. A test press of the
    watch has nothing to tell."""
    rows = select(events).where(events.c.received_ms >= since_ms, events.c.gateway != WATCH)
    if gateway is not None:
        rows = rows.where(events.c.gateway == gateway)
    return [_event(row) for row in conn.execute(rows.order_by(events.c.id.desc()).limit(limit))]


def _event(row: Row[Any]) -> dict[str, Any]:
    data: dict[str, Any] | None = None
    if not row.malformed and row.kind not in PERSONAL:
        try:
            data = dict(decode_body(row.body).data)
        except DecodeError:
            data = None
    return {
        "id": row.id,
        "event_id": row.event_id,
        "gateway": row.gateway,
        "site": row.site,
        "lane": row.lane,
        "kind": row.kind,
        "device": row.device,
        "data": data,
        "t_ms": row.t_ms,
        "error_ms": row.error_ms,
        "received_ms": row.received_ms,
        "age_ms": row.age_ms,
        "again": row.again,
        "conflict": row.conflict,
        "malformed": row.malformed,
        "copy_of": row.copy_of,
    }
