"""The register of alarms in SQL: raised, cleared, acknowledged. Every function is part of the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection, Row

from hub.alarms import outage, parents
from hub.alarms.conditions import SILENT, is_momentary
from hub.alarms.machine import ACTIVE, State, is_present, is_withheld, move, raising
from hub.alarms.steps import Fingerprint, by_id, create, find, position_of, take


@dataclass(frozen=True, slots=True)
class Raised:
    """What raising did: the alarm's row id, whether its condition was not there before, and its state now."""

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
    asks for acknowledgement anew; the same or a lower one does not. What says nothing new writes nothing. One that is
    withheld does not ring, unless it is worse than what was shelved.

    Args:
        t_ms: when it happened; None where no clock knows.
        delay_ms: how late the hub heard of it.
        rearm: this is a new happening even if the alarm is active and acknowledged.
        detail: JSON data for people.
    """
    row = find(conn, fingerprint) or create(conn, fingerprint, now_ms)
    if not is_withheld(row.state) and parents.is_explained(conn, row, now_ms=now_ms):
        row = parents.suppress(conn, row, now_ms=now_ms)
    elif (
        not is_withheld(row.state) and not is_present(position_of(row)) and outage.explains(conn, fingerprint)
    ):
        row = outage.withhold(conn, row, now_ms=now_ms)
    position = position_of(row)
    step = raising(
        position, row.severity, severity, rearm=rearm, shelved_severity=row._mapping["withheld_severity"]
    )
    if step is None:
        return Raised(row.id, False, row.state, row.severity)
    to = move(position, step)
    assert to is not None, f"the tables have no {step} from {position}"
    written = json.dumps(dict(detail or {}), ensure_ascii=False, sort_keys=True)
    new = not is_present(position)
    again = new or step == "rearm"
    values = {
        "severity": severity,
        "count": row._mapping["count"] + again,
        "happened_ms": t_ms,
        "delay_ms": delay_ms,
        "raised_ms": now_ms if again else row.raised_ms,
        "cleared_ms": None,
        "detail": written,
    }
    if to.beneath in ("unacknowledged", "unannounced"):
        values |= {"acknowledged_ms": None, "acknowledged_by": None}
    told = {"happened_ms": t_ms, "delay_ms": delay_ms, "detail": written}
    take(conn, row, step, now_ms=now_ms, values=values, told=told)
    if fingerprint.condition == SILENT:
        parents.suppress_children(conn, fingerprint.gateway, now_ms=now_ms)
        if count := outage.fallen(conn, now_ms):
            told_of = {"gateways": count}
            raise_alarm(conn, outage.THE_OUTAGE, severity=severity, now_ms=now_ms, t_ms=t_ms, detail=told_of)
            outage.withhold_all(conn, now_ms=now_ms)
    return Raised(row.id, new, to.state, severity)


def clear_alarm(conn: Connection, fingerprint: Fingerprint, *, now_ms: int, note: str = "") -> bool:
    """The condition is over; False where it was not there. Unacknowledged it stays as returned until seen."""
    row = find(conn, fingerprint)
    if row is None or not is_present(position_of(row)):
        return False
    _clear(conn, row, now_ms=now_ms, note=note)
    return True


def acknowledge(conn: Connection, alarm_id: int, *, actor: str, now_ms: int, note: str = "") -> State:
    """A person has seen it; return the state now. Idempotent: a second one changes nothing.

    What only happened, and does not last, is over with that.

    Raises:
        AlarmError: there is no such alarm.
    """
    row = by_id(conn, alarm_id)
    seen = {"acknowledged_ms": now_ms, "acknowledged_by": actor}
    state = take(conn, row, "acknowledge", now_ms=now_ms, actor=actor, note=note, values=seen)
    if state is None:
        return cast(State, row.state)
    if is_momentary(row.condition) and state in ACTIVE:
        _clear(conn, by_id(conn, alarm_id), now_ms=now_ms, note="")
        return "normal"
    return state


def _clear(conn: Connection, row: Row[Any], *, now_ms: int, note: str) -> None:
    take(conn, row, "clear", now_ms=now_ms, note=note, values={"cleared_ms": now_ms})
    if row.condition == SILENT:
        parents.settle_children(conn, row.gateway, now_ms=now_ms)
        outage.release_if_over(conn, by_id(conn, row.id), now_ms=now_ms)
        if outage.is_over(conn):
            clear_alarm(conn, outage.THE_OUTAGE, now_ms=now_ms)
            outage.let_all_go(conn, now_ms=now_ms)
    elif is_withheld(row.state):
        parents.release_if_over(conn, by_id(conn, row.id), now_ms=now_ms)
