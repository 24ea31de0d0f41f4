"""What pages and programs read of alarms."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, func, select

from hub.alarms.machine import ACTIVE, ANNOUNCING, WITHHELD
from hub.alarms.quality import Quality, measure
from hub.alarms.steps import by_id, shown
from hub.alarms.tables import alarm_history, alarms

MOST = 2000
"""Most alarms or lines of history in one answer."""


def active(conn: Connection) -> list[dict[str, Any]]:
    """Every alarm that rings or would be over had somebody seen it, the worst and then the oldest first."""
    return _alarms(conn, alarms.c.state.not_in(["normal", *WITHHELD]))


def withheld(conn: Connection) -> list[dict[str, Any]]:
    """Every alarm that is shelved, suppressed or out of service, the worst and then the oldest first."""
    return _alarms(conn, alarms.c.state.in_(WITHHELD))


def one(conn: Connection, alarm_id: int) -> dict[str, Any]:
    """An alarm.

    Raises:
        AlarmError: there is none of that id.
    """
    return shown(by_id(conn, alarm_id))


def history(conn: Connection, alarm_id: int) -> list[dict[str, Any]]:
    """What happened to an alarm, oldest first."""
    found = select(alarm_history).where(alarm_history.c.alarm_id == alarm_id).order_by(alarm_history.c.id)
    return [shown(row) for row in conn.execute(found)]


def happened(
    conn: Connection,
    *,
    since_ms: int,
    until_ms: int | None = None,
    site: str = "",
    severity: int | None = None,
    states: Collection[str] = (),
    limit: int = MOST,
) -> list[dict[str, Any]]:
    """Lines of the history of all alarms with what each is about, the newest first.

    Args:
        since_ms, until_ms: from the first, and before the second.
        site, severity: of the alarm, and of the line.
        states: only lines that led to one of these.
    """
    about = [alarms.c[name] for name in ("site", "gateway", "device", "point", "condition")]
    found = (
        select(alarm_history, *about)
        .join(alarms, alarms.c.id == alarm_history.c.alarm_id)
        .where(alarm_history.c.at_ms >= since_ms)
        .order_by(alarm_history.c.id.desc())
        .limit(min(limit, MOST))
    )
    if until_ms is not None:
        found = found.where(alarm_history.c.at_ms < until_ms)
    if site:
        found = found.where(alarms.c.site == site)
    if severity is not None:
        found = found.where(alarm_history.c.severity == severity)
    if states:
        found = found.where(alarm_history.c.to_state.in_(list(states)))
    return [shown(row) for row in conn.execute(found)]


def announced(conn: Connection, since_ms: int) -> list[dict[str, Any]]:
    """Every time that an alarm rang since then, oldest first: at_ms, severity, and what it is about."""
    about = [alarms.c[name] for name in ("id", "site", "gateway", "device", "point", "condition")]
    found = (
        select(alarm_history.c.at_ms, alarm_history.c.severity, *about)
        .join(alarms, alarms.c.id == alarm_history.c.alarm_id)
        .where(
            alarm_history.c.at_ms >= since_ms,
            alarm_history.c.to_state == "unacknowledged",
            alarm_history.c.step.in_(ANNOUNCING),
        )
        .order_by(alarm_history.c.id)
    )
    return [dict(row._mapping) for row in conn.execute(found)]


def lapsed(conn: Connection, since_ms: int) -> list[int]:
    """Ids of the alarms that lapsed since then, once for each time."""
    found = select(alarm_history.c.alarm_id).where(
        alarm_history.c.at_ms >= since_ms, alarm_history.c.step == "lapse"
    )
    return list(conn.execute(found.order_by(alarm_history.c.id)).scalars())


def of_ids(conn: Connection, ids: Collection[int]) -> list[dict[str, Any]]:
    """Those alarms, whatever their state."""
    return _alarms(conn, alarms.c.id.in_(list(ids)))


def quality_of(conn: Connection, *, since_ms: int, now_ms: int, operators: int) -> Quality:
    """How good the alarms of a time were."""
    return measure(
        announced(conn, since_ms),
        active=[row for row in active(conn) if row["state"] in ACTIVE],
        unseen=lapsed(conn, since_ms),
        from_ms=since_ms,
        to_ms=now_ms,
        operators=operators,
    )


def counts(conn: Connection) -> dict[str, int]:
    """How many alarms are in each state; states of none are left out."""
    found = select(alarms.c.state, func.count()).group_by(alarms.c.state)
    return dict(conn.execute(found).tuples().all())


def _alarms(conn: Connection, where: Any) -> list[dict[str, Any]]:
    found = select(alarms).where(where).order_by(alarms.c.severity.desc(), alarms.c.raised_ms, alarms.c.id)
    return [shown(row) for row in conn.execute(found)]
