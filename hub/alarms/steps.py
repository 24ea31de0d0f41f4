"""One step of an alarm in SQL: the only place that writes its state, always with a line of its history."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

from sqlalchemy import Connection, Row, insert, select, update

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
    conn.execute(update(alarms).where(alarms.c.id == row.id).values(changed))
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
    conn.execute(insert(alarm_history), {**line, **(told or {})})
    return to.state


def find(conn: Connection, fingerprint: Fingerprint) -> Row[Any] | None:
    """The row of an alarm, None where it was never raised."""
    same = [alarms.c[name] == value for name, value in asdict(fingerprint).items()]
    return conn.execute(select(alarms).where(*same)).one_or_none()


def by_id(conn: Connection, alarm_id: int) -> Row[Any]:
    """The row of an alarm.

    Raises:
        AlarmError: there is none of that id.
    """
    row = conn.execute(select(alarms).where(alarms.c.id == alarm_id)).one_or_none()
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
    return conn.execute(insert(alarms).returning(alarms), values).one()


def shown(row: Row[Any]) -> dict[str, Any]:
    """A row of ``alarms`` or of their history as pages and programs read it."""
    return {**row._mapping, "detail": cast(Any, json.loads(row.detail))}
