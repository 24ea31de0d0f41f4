"""Of one gateway: its silences, what it has lost, which store it has. Within the caller's transaction."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, select

from contract.messages import Beat
from hub.fleet.tables import gateways, silences
from hub.ingest.tables import losses

MOST = 50
"""Rows of each list."""


def losses_of(conn: Connection, gateway: str) -> list[dict[str, Any]]:
    """The ranges that the gateway has declared lost, the newest first: how many, of when, and why."""
    rows = select(losses).where(losses.c.gateway == gateway)
    rows = rows.order_by(losses.c.noted_ms.desc(), losses.c.lane, losses.c.first.desc()).limit(MOST)
    return [dict(row._mapping) | {"count": row.last - row.first + 1} for row in conn.execute(rows)]


def silences_of(conn: Connection, gateway: str) -> list[dict[str, Any]]:
    """The times in which the gateway was silent, the newest first; ``until_ms`` None where it still is."""
    rows = select(silences).where(silences.c.gateway == gateway).order_by(silences.c.id.desc()).limit(MOST)
    return [dict(row._mapping) for row in conn.execute(rows)]


def epochs_of(conn: Connection, gateway: str) -> dict[str, str]:
    """The epoch of each lane as the gateway's last beat has it: another board, or a new card, has others."""
    text = conn.execute(select(gateways.c.beat).where(gateways.c.gateway == gateway)).scalar()
    if text is None:
        return {}
    return {lane: account.epoch for lane, account in msgspec.json.decode(text, type=Beat).lanes.items()}
