"""One step of an alarm in SQL: the only place that writes its state, always with a line of its history."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, cast

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from hub.alarms.machine import AlarmError, Position, State, Step, is_withheld, move
from hub.alarms.tables import alarm_history, alarms

HUB = ""
"""The actor of what the hub does by itself."""

_NOT_WITHHELD: Mapping[str, None] = {
    "withheld_by": None,
    "withheld_ms": None,
    "withheld_until_ms": None,
    "withheld_severity": None,
    "withheld_note": None,
}


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What makes an alarm the same alarm: place, device, point and condition.

    Attributes:
        device: device id, or the gateway's id for conditions of the gateway itself.
        point: quantity, "" where the condition is of the whole device.
        condition: ``panic``, ``level``, ``silent`` … or ``cause:rule`` for a rule of the region profile.
    """

    site: str
    gateway: str
    device: str
    point: str
    condition: str


# Built once: to build a statement costs several times what SQLite needs to run it.
_FIND = select(alarms).where(*(alarms.c[one.name] == bindparam(one.name) for one in fields(Fingerprint)))
_BY_ID = select(alarms).where(alarms.c.id == bindparam("which"))
_CHANGE = update(alarms).where(alarms.c.id == bindparam("which"))
_CREATE = insert(alarms).returning(alarms)
_TELL = insert(alarm_history)


def position_of(row: Row[Any]) -> Position:
    """Where the alarm of a row is."""
    return Position(row.state, row.beneath)


def take(
    conn: Connection,
    row: Row[Any],
    step: Step,
    *,
    now_ms: int,
    actor: str = HUB,
    note: str = "",
    values: Mapping[str, Any] | None = None,
    told: Mapping[str, Any] | None = None,
) -> State | None:
    """Take the alarm of a row one step on; its state now, None where the tables have no such step.

    Args:
        values: more columns of ``alarms`` to set.
        told: more columns of the history's line.
    """
    to = move(position_of(row), step)
    if to is None:
        return None
    freed = {} if is_withheld(to.state) else _NOT_WITHHELD
    changed = {**freed, **(values or {}), "state": to.state, "beneath": to.beneath, "changed_ms": now_ms}
    conn.execute(_CHANGE, {**changed, "which": row.id})
    line = {
        "alarm_id": row.id,
        "at_ms": now_ms,
        "step": step,
        "from_state": row.state,
        "to_state": to.state,
        "severity": changed.get("severity", row.severity),
        "delay_ms": 0,
        "actor": actor,
        "note": note,
        "detail": "{}",
    }
    conn.execute(_TELL, {**line, **(told or {})})
    return to.state


def find(conn: Connection, fingerprint: Fingerprint) -> Row[Any] | None:
    """The row of an alarm, None where it was never raised."""
    return conn.execute(_FIND, asdict(fingerprint)).one_or_none()


def by_id(conn: Connection, alarm_id: int) -> Row[Any]:
    """The row of an alarm.

    Raises:
        AlarmError: there is none of that id.
    """
    row = conn.execute(_BY_ID, {"which": alarm_id}).one_or_none()
    if row is None:
        raise AlarmError(f"there is no alarm {alarm_id}")
    return row


def create(conn: Connection, fingerprint: Fingerprint, now_ms: int) -> Row[Any]:
    """The row of an alarm that was never raised; it is normal."""
    values = {
        **asdict(fingerprint),
        "severity": 0,
        "state": "normal",
        "beneath": "normal",
        "count": 0,
        "delay_ms": 0,
        "raised_ms": now_ms,
        "changed_ms": now_ms,
        "detail": "{}",
    }
    return conn.execute(_CREATE, values).one()


def shown(row: Row[Any]) -> dict[str, Any]:
    """A row of ``alarms`` or of their history as pages and programs read it."""
    return {**row._mapping, "detail": cast(Any, json.loads(row.detail))}
