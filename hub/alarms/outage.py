"""Many gateways that fall silent at once are one thing that happened: a power cut, a network, never each of them.

From the fifth within two minutes on there is one alarm of the outage, and it withholds those of the single gateways:
who rings up each of two hundred sites has no time for the one cause. When nearly all are back the outage is over, and
who is still silent rings. Every function is part of the caller's transaction.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, func, select

from hub.alarms.conditions import OUTAGE, SILENT
from hub.alarms.machine import PRESENT
from hub.alarms.parents import let_go
from hub.alarms.steps import Fingerprint, by_id, find, position_of, take
from hub.alarms.tables import alarms

LEAST = 5
"""Gateways that fall silent within WINDOW_MS make an outage. By themselves they fail one at a time."""

WINDOW_MS = 120_000
OVER = 3
"""Gateways, or fewer, that are still silent are no outage any more: each is looked at for itself."""

THE_OUTAGE = Fingerprint(site="", gateway="", device="", point="", condition="outage")


def explains(conn: Connection, fingerprint: Fingerprint) -> bool:
    """Whether a gateway's silence says nothing new, because an outage is known."""
    return fingerprint.condition == SILENT and _is_there(conn)


def withhold(conn: Connection, row: Row[Any], *, now_ms: int) -> Row[Any]:
    """Let the outage withhold the alarm of a gateway; the row as it is then."""
    values = {
        "withheld_by": OUTAGE,
        "withheld_ms": now_ms,
        "withheld_until_ms": None,
        "withheld_severity": row.severity,
        "withheld_note": "",
    }
    take(conn, row, "suppress", now_ms=now_ms, values=values)
    return by_id(conn, row.id)


def fallen(conn: Connection, now_ms: int) -> int:
    """How many gateways fell silent just now and are so still, when that is an outage that nobody knows of; else 0."""
    if _is_there(conn):
        return 0
    recent = select(func.count()).where(*_SILENT_NOW, alarms.c.raised_ms > now_ms - WINDOW_MS)
    count = conn.execute(recent).scalar_one()
    return count if count >= LEAST else 0


def withhold_all(conn: Connection, *, now_ms: int) -> None:
    """The outage is known: the gateways that fell silent with it ring no more. One that a person saw stays seen."""
    recent = select(alarms).where(
        *_SILENT_NOW, alarms.c.raised_ms > now_ms - WINDOW_MS, alarms.c.state == "unacknowledged"
    )
    for row in conn.execute(recent).all():
        withhold(conn, row, now_ms=now_ms)


def is_over(conn: Connection) -> bool:
    """Whether an outage is known of which only a few gateways are left."""
    if not _is_there(conn):
        return False
    return conn.execute(select(func.count()).where(*_SILENT_NOW)).scalar_one() <= OVER


def let_all_go(conn: Connection, *, now_ms: int) -> None:
    """The outage is over: who is still silent rings."""
    for row in conn.execute(select(alarms).where(*_WITHHELD)).all():
        let_go(conn, row, now_ms=now_ms)


def release_if_over(conn: Connection, row: Row[Any], *, now_ms: int) -> None:
    """The gateway is back, and nobody has to look at what only the outage did."""
    if row.state == "suppressed" and row.withheld_by == OUTAGE and row.beneath == "normal":
        take(conn, row, "release", now_ms=now_ms)


def _is_there(conn: Connection) -> bool:
    row = find(conn, THE_OUTAGE)
    return row is not None and position_of(row).beneath in PRESENT


_SILENT_NOW = (alarms.c.condition == SILENT, alarms.c.beneath.in_(sorted(PRESENT)))
_WITHHELD = (
    alarms.c.condition == SILENT,
    alarms.c.state == "suppressed",
    alarms.c.withheld_by == OUTAGE,
)
