"""Alarms that are kept from ringing, each with who did it, why, and until when. Part of the caller's transaction.

Acknowledging says "seen" and ends with the condition. Shelving says "not now, I know why", for a time. Out of service
says "it is being repaired". Suppressing is what the hub does by its own rules. None of the three touches a press.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row

from hub.alarms.conditions import is_press
from hub.alarms.machine import State, Step, WithholdError, is_withheld
from hub.alarms.parents import let_go
from hub.alarms.steps import Fingerprint, by_id, create, find, take

SHELF_LEAST_MS = 60_000
SHELF_MOST_MS = 24 * 3_600_000
"""A shelf is for a shift or two. What is to be quiet for longer is out of service, or has a wrong rule."""


def shelve(conn: Connection, alarm_id: int, *, actor: str, reason: str, until_ms: int, now_ms: int) -> State:
    """Keep an alarm quiet for a time. It rings anew when the time is over, if it is there, or when it gets worse.

    Raises:
        AlarmError: there is no such alarm.
        WithholdError: there is no reason, the time is no time for a shelf, it is a press, or it is out of service.
    """
    if not SHELF_LEAST_MS <= until_ms - now_ms <= SHELF_MOST_MS:
        raise WithholdError("a shelf is for a minute to a day", "take it out of service for longer")
    return _withhold(conn, alarm_id, "shelve", actor=actor, reason=reason, until_ms=until_ms, now_ms=now_ms)


def take_out(conn: Connection, alarm_id: int, *, actor: str, reason: str, now_ms: int) -> State:
    """Take an alarm out of service until somebody puts it back: its instrument is being repaired or is wrong.

    Raises:
        AlarmError: there is no such alarm.
        WithholdError: there is no reason, it is a press, or it is out of service already.
    """
    return _withhold(conn, alarm_id, "take_out", actor=actor, reason=reason, until_ms=None, now_ms=now_ms)


def put_back(conn: Connection, alarm_id: int, *, actor: str, now_ms: int, note: str = "") -> State:
    """Take it from the shelf, or back into service; it rings if its condition is there.

    Raises:
        AlarmError: there is no such alarm.
        WithholdError: no person withholds it.
    """
    row = by_id(conn, alarm_id)
    if row.state not in ("shelved", "out_of_service"):
        raise WithholdError(f"alarm {alarm_id} is {row.state}", "nobody has shelved it or taken it out")
    return let_go(conn, row, now_ms=now_ms, actor=actor, note=note)


def suppress(conn: Connection, fingerprint: Fingerprint, *, by: str, now_ms: int, note: str = "") -> bool:
    """Let a rule withhold an alarm by design, from before it is raised; False where it is withheld already.

    Args:
        by: what suppresses it, as ``rule:ID``; only the same one releases it.

    Raises:
        WithholdError: it is a press.
    """
    row = find(conn, fingerprint) or create(conn, fingerprint, now_ms)
    _check(row)
    if is_withheld(row.state):
        return False
    values = _values(row, by, note, None, now_ms)
    return take(conn, row, "suppress", now_ms=now_ms, note=note, values=values) is not None


def release(conn: Connection, fingerprint: Fingerprint, *, by: str, now_ms: int) -> bool:
    """The rule withholds it no longer; False where it did not."""
    row = find(conn, fingerprint)
    if row is None or row.state != "suppressed" or row.withheld_by != by:
        return False
    let_go(conn, row, now_ms=now_ms)
    return True


def _withhold(
    conn: Connection,
    alarm_id: int,
    step: Step,
    *,
    actor: str,
    reason: str,
    until_ms: int | None,
    now_ms: int,
) -> State:
    row = by_id(conn, alarm_id)
    _check(row)
    if not reason.strip():
        raise WithholdError("an alarm is withheld for a reason", "say why")
    values = _values(row, actor, reason.strip(), until_ms, now_ms)
    return _taken(take(conn, row, step, now_ms=now_ms, actor=actor, note=reason.strip(), values=values))


def _check(row: Row[Any]) -> None:
    if is_press(row.condition):
        raise WithholdError("the alarm of a press is never withheld", "close its incident")


def _values(row: Row[Any], by: str, note: str, until_ms: int | None, now_ms: int) -> dict[str, Any]:
    return {
        "withheld_by": by,
        "withheld_ms": now_ms,
        "withheld_until_ms": until_ms,
        "withheld_severity": row.severity,
        "withheld_note": note,
    }


def _taken(state: State | None) -> State:
    if state is None:
        raise WithholdError("its state does not offer this", "look at it again")
    return state
