"""A silent gateway explains what it can no longer say: its children are suppressed until it has spoken for a while.

Otherwise a power cut would ring once for each instrument behind each gateway, and again when they all come back. Only
the causes of ``conditions.CHILDREN`` are children. Every function is part of the caller's transaction.
"""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import Connection, Row, select, update

from hub.alarms.conditions import CHILDREN, SILENT, cause, is_child
from hub.alarms.machine import PRESENT, WITHHELD, State
from hub.alarms.steps import HUB, by_id, take
from hub.alarms.tables import alarms

SETTLE_MS = 60_000
"""A gateway that is back tells within this time how its devices are. What it does not take back rings then."""


def is_explained(conn: Connection, row: Row[Any], *, now_ms: int) -> bool:
    """Whether the alarm would say nothing but that its gateway is silent, or has come back just now."""
    if not is_child(row.condition):
        return False
    parent = _silence(conn, row.gateway)
    if parent is None or parent.beneath in PRESENT:
        return parent is not None
    # By how far it is, not which is later: a clock that was set back must not keep its children quiet for as long.
    return parent.cleared_ms is not None and abs(now_ms - int(parent.cleared_ms)) < SETTLE_MS


def suppress(conn: Connection, row: Row[Any], *, now_ms: int, note: str = "") -> Row[Any]:
    """Let the silence of its gateway withhold it, or its return for the rest of a while; the row as it is then."""
    parent = _silence(conn, row.gateway)
    settles = parent is not None and parent.beneath not in PRESENT
    values = {
        "withheld_by": SILENT,
        "withheld_ms": now_ms,
        "withheld_until_ms": _settled_ms(parent) if settles and parent is not None else None,
        "withheld_severity": row.severity,
        "withheld_note": "",
    }
    take(conn, row, "suppress", now_ms=now_ms, note=note, values=values)
    return by_id(conn, row.id)


def let_go(conn: Connection, row: Row[Any], *, now_ms: int, actor: str = HUB, note: str = "") -> State:
    """Withhold it no longer, unless the silence of its gateway does; its state now."""
    if row.beneath != "normal" and is_explained(conn, row, now_ms=now_ms):
        return cast(State, suppress(conn, row, now_ms=now_ms, note=note).state)
    state = take(conn, row, "release", now_ms=now_ms, actor=actor, note=note)
    assert state is not None, f"alarm {row.id} is not withheld"
    return state


def suppress_children(conn: Connection, gateway: str, *, now_ms: int) -> None:
    """The gateway is silent: its children say nothing until it is back."""
    conn.execute(update(alarms).where(*_held_for(gateway)).values(withheld_until_ms=None))
    announced = select(alarms).where(
        alarms.c.gateway == gateway, alarms.c.state != "normal", alarms.c.state.not_in(WITHHELD)
    )
    for row in conn.execute(announced).all():
        if cause(row.condition) in CHILDREN:
            suppress(conn, row, now_ms=now_ms)


def settle_children(conn: Connection, gateway: str, *, now_ms: int) -> None:
    """The gateway is back: its children have a while to say that they are well too."""
    until = update(alarms).where(*_held_for(gateway))
    conn.execute(until.values(withheld_until_ms=now_ms + SETTLE_MS))


def release_if_over(conn: Connection, row: Row[Any], *, now_ms: int) -> None:
    """Nothing is left to suppress: the condition is over and nobody has to look."""
    if row.state == "suppressed" and row.withheld_by == SILENT and row.beneath == "normal":
        take(conn, row, "release", now_ms=now_ms)


def _silence(conn: Connection, gateway: str) -> Row[Any, Any] | None:
    """The alarm of the gateway's silence, there or over; None where it was never silent."""
    found = select(alarms.c.beneath, alarms.c.cleared_ms).where(
        alarms.c.gateway == gateway, alarms.c.condition == SILENT
    )
    return conn.execute(found.limit(1)).one_or_none()


def _settled_ms(parent: Row[Any, Any]) -> int:
    return 0 if parent.cleared_ms is None else int(parent.cleared_ms) + SETTLE_MS


def _held_for(gateway: str) -> tuple[Any, ...]:
    return (
        alarms.c.gateway == gateway,
        alarms.c.state == "suppressed",
        alarms.c.withheld_by == SILENT,
    )
