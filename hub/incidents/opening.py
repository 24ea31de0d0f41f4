"""A new incident's row and the first entry of its timeline, wherever the room heard of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, func, insert, select

from hub.incidents import timeline
from hub.incidents.kinds import Kind, Origin
from hub.incidents.machine import State
from hub.incidents.tables import incidents
from hub.incidents.timeline import Actor
from hub.notify.policy import Priority


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What is known when an incident is opened; for the fields see the table."""

    id: str
    kind: Kind
    state: State
    origin: Origin
    title: str
    place: str
    opened_ms: int
    priority: Priority = Priority.HIGH
    site: str = ""
    gateway: str = ""
    device: str = ""
    call_back: str = ""
    caller: str = ""
    description: str = ""
    lat: float | None = None
    lon: float | None = None
    error_m: float | None = None
    happened_ms: int | None = None
    error_ms: int = 0
    delay_ms: int | None = None
    recovered: bool = False
    presses: int = 0
    alarm_id: int | None = None
    drill: str | None = None


def write(
    conn: Connection,
    opening: Opening,
    *,
    actor: Actor,
    note: str = "",
    data: Mapping[str, timeline.Scalar] | None = None,
) -> int:
    """Write it; the number by which people call it."""
    number = conn.execute(select(func.coalesce(func.max(incidents.c.number), 0))).scalar_one() + 1
    values = asdict(opening) | {"priority": int(opening.priority)}
    conn.execute(
        insert(incidents), {**values, "number": number, "version": 1, "last_press_ms": opening.opened_ms}
    )
    timeline.append(
        conn,
        opening.id,
        "open",
        actor=actor,
        at_ms=opening.opened_ms,
        to_state=opening.state,
        note=note,
        data=data,
    )
    return int(number)
