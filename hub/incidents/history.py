"""What became of the earlier presses of a button: who rings back wants to know if it is often a mistake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection, select

from hub.incidents.machine import LABELS, State
from hub.incidents.tables import incidents

SPAN_MS = 90 * 24 * 3_600_000
"""How far back counts: long enough for a habit, short enough that a repaired button is not blamed for ever."""

SHOWN = 5
"""The newest ones, each in a line."""


@dataclass(frozen=True, slots=True)
class History:
    """Earlier incidents of one button, within SPAN_MS.

    Attributes:
        incidents: how many; ``presses`` in them.
        mistakes: of these incidents, closed as false alarms.
        true: closed otherwise than as false or as another's duplicate.
        newest: number, id, state with its label, when opened; at most SHOWN.
    """

    incidents: int
    presses: int
    mistakes: int
    true: int
    newest: tuple[Mapping[str, Any], ...]


def of_button(conn: Connection, incident: Mapping[str, Any]) -> History | None:
    """The button's incidents before this one, as ``reads`` shows it; None for one that no button opened."""
    if not incident["device"]:
        return None
    rows = conn.execute(
        select(
            incidents.c.id, incidents.c.number, incidents.c.state, incidents.c.opened_ms, incidents.c.presses
        )
        .where(
            incidents.c.gateway == incident["gateway"],
            incidents.c.device == incident["device"],
            incidents.c.number < incident["number"],
            incidents.c.opened_ms >= incident["opened_ms"] - SPAN_MS,
        )
        .order_by(incidents.c.number.desc())
    ).all()
    states = Counter(row.state for row in rows)
    return History(
        len(rows),
        sum(row.presses for row in rows),
        states["false_alarm"],
        states["done"] + states["handed_over"],
        tuple({**row._mapping, "label": _label(row.state)} for row in rows[:SHOWN]),
    )


def _label(state: str) -> dict[str, str]:
    return dict(zip(("id", "en"), LABELS[cast(State, state)], strict=True))
