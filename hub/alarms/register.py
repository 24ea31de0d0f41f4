"""The register of alarms in SQL. Every function takes a Connection and is part of the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

from sqlalchemy import Connection, Row, insert, select, update

from hub.alarms.machine import ACTIVE, MOMENTARY, TRANSITIONS, AlarmError, State, Step, raising
from hub.alarms.tables import alarm_history, alarms


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What makes an alarm the same alarm: place, device, point and condition.

    Attributes:
        device: device id, or the gateway's id for conditions of the gateway itself.
        point: quantity, "" where the condition is of the whole device.
        condition: ``panic``, ``level``, ``rise``, ``silent``, ``ring`` …
    """

    site: str
    gateway: str
    device: str
    point: str
    condition: str


@dataclass(frozen=True, slots=True)
class Raised:
    """What raising did: the alarm's row id, whether it was not active before, and its state now."""

    alarm_id: int
    new: bool
    state: str
    severity: int


def raise_alarm(
    conn: Connection,
    fingerprint: Fingerprint,
    *,
    severity: int,
    now_ms: int,
    t_ms: int | None = None,
    delay_ms: int = 0,
    rearm: bool = False,
    detail: Mapping[str, Any] | None = None,
) -> Raised:
    """The condition is there, with a severity of 0..3 (3 worst).

    An alarm that is already active keeps its row: a higher severity, or ``rearm`` (each press of a panic button),
    asks for acknowledgement anew; the same or a lower one does not. What says nothing new writes nothing.

    Args:
        t_ms: when it happened; None where no clock knows.
        delay_ms: how late the hub heard of it.
        rearm: this is a new happening even if the alarm is active and acknowledged.
        detail: JSON data for people.
    """
    row = _find(conn, fingerprint) or _create(conn, fingerprint, now_ms)
    state = cast(State, row.state)
    step = raising(state, row.severity, severity, rearm=rearm)
    if step is None:
        return Raised(row.id, False, state, row.severity)
    new_state = TRANSITIONS[state][step]
    written = json.dumps(dict(detail or {}), ensure_ascii=False, sort_keys=True)
    again = step in ("raise", "rearm")
    values = {
        "severity": severity,
        "state": new_state,
        "count": row._mapping["count"] + again,
        "happened_ms": t_ms,
        "delay_ms": delay_ms,
        "raised_ms": now_ms if again else row.raised_ms,
        "changed_ms": now_ms,
        "cleared_ms": None,
        "detail": written,
    }
    if new_state == "unacknowledged":
        values |= {"acknowledged_ms": None, "acknowledged_by": None}
    conn.execute(update(alarms).where(alarms.c.id == row.id).values(values))
    _record(
        conn,
        row,
        step,
        new_state,
        severity=severity,
        now_ms=now_ms,
        happened_ms=t_ms,
        delay_ms=delay_ms,
        detail=written,
    )
    return Raised(row.id, state not in ACTIVE, new_state, severity)


def clear_alarm(conn: Connection, fingerprint: Fingerprint, *, now_ms: int, note: str = "") -> bool:
    """The condition is over; False where it was not active. Unacknowledged it stays as returned until seen."""
    row = _find(conn, fingerprint)
    if row is None or row.state not in ACTIVE:
        return False
    new_state = TRANSITIONS[cast(State, row.state)]["clear"]
    conn.execute(
        update(alarms)
        .where(alarms.c.id == row.id)
        .values(state=new_state, changed_ms=now_ms, cleared_ms=now_ms)
    )
    _record(conn, row, "clear", new_state, severity=row.severity, now_ms=now_ms, note=note)
    return True


def acknowledge(conn: Connection, alarm_id: int, *, actor: str, now_ms: int, note: str = "") -> State:
    """A person has seen it; return the state now. Idempotent: a second one changes nothing.

    What only happened, and does not last, is over with that.

    Raises:
        AlarmError: there is no such alarm.
    """
    row = conn.execute(select(alarms).where(alarms.c.id == alarm_id)).one_or_none()
    if row is None:
        raise AlarmError(f"there is no alarm {alarm_id}")
    state = cast(State, row.state)
    new_state = TRANSITIONS[state].get("acknowledge")
    if new_state is None:
        return state
    conn.execute(
        update(alarms)
        .where(alarms.c.id == alarm_id)
        .values(state=new_state, changed_ms=now_ms, acknowledged_ms=now_ms, acknowledged_by=actor)
    )
    _record(conn, row, "acknowledge", new_state, severity=row.severity, now_ms=now_ms, actor=actor, note=note)
    if row.condition in MOMENTARY and new_state in ACTIVE:
        clear_alarm(conn, _fingerprint(row), now_ms=now_ms)
        return "normal"
    return new_state


def active(conn: Connection) -> list[dict[str, Any]]:
    """Every alarm that is not normal, the worst and then the oldest first."""
    found = (
        select(alarms)
        .where(alarms.c.state != "normal")
        .order_by(alarms.c.severity.desc(), alarms.c.raised_ms)
    )
    return [_shown(row) for row in conn.execute(found)]


def history(conn: Connection, alarm_id: int) -> list[dict[str, Any]]:
    """What happened to an alarm, oldest first."""
    found = select(alarm_history).where(alarm_history.c.alarm_id == alarm_id).order_by(alarm_history.c.id)
    return [_shown(row) for row in conn.execute(found)]


def _find(conn: Connection, fingerprint: Fingerprint) -> Row[Any] | None:
    same = [alarms.c[name] == value for name, value in asdict(fingerprint).items()]
    return conn.execute(select(alarms).where(*same)).one_or_none()


def _fingerprint(row: Row[Any]) -> Fingerprint:
    return Fingerprint(row.site, row.gateway, row.device, row.point, row.condition)


def _create(conn: Connection, fingerprint: Fingerprint, now_ms: int) -> Row[Any]:
    values = {
        **asdict(fingerprint),
        "severity": 0,
        "state": "normal",
        "count": 0,
        "delay_ms": 0,
        "raised_ms": now_ms,
        "changed_ms": now_ms,
        "detail": "{}",
    }
    return conn.execute(insert(alarms).returning(alarms), values).one()


def _record(
    conn: Connection,
    row: Row[Any],
    step: Step,
    new_state: State,
    *,
    severity: int,
    now_ms: int,
    **more: Any,
) -> None:
    values = {
        "alarm_id": row.id,
        "at_ms": now_ms,
        "step": step,
        "from_state": row.state,
        "to_state": new_state,
        "severity": severity,
        "delay_ms": 0,
        "actor": "",
        "note": "",
        "detail": "{}",
    }
    conn.execute(insert(alarm_history), {**values, **more})


def _shown(row: Row[Any]) -> dict[str, Any]:
    return {**row._mapping, "detail": json.loads(row.detail)}
