"""The order in which a list of incidents is worked off. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

OVERDUE_MS = 120_000
"""Who has waited for so long comes before who came since."""

FRESH = 10
"""So many places of a list that is too short are kept for the newest, and never more than half."""


def in_order(rows: Iterable[Row], now_ms: int) -> list[Row]:
    """Open incidents as ``reads.listed`` gives them: what nobody acknowledged before the rest, recovered ones last,
    the most urgent first; of equals, those that have waited for OVERDUE_MS, the longest wait first, then the newest.
    """
    # Sorting keeps the order of equals: the newest first.
    return sorted(
        rows,
        key=lambda row: (
            row["state"] == "recovered",
            not row["unseen"],
            row["priority"],
            _overdue_since_ms(row, now_ms),
        ),
    )


def shown(rows: Sequence[Row], most: int) -> list[Row]:
    """The first lines of an ordered list; where it is longer, the last FRESH of them are the newest that nobody has
    acknowledged and that would be left out: each press is seen and heard at once, however many wait."""
    if len(rows) <= most:
        return list(rows)
    fresh = min(FRESH, most // 2)
    begin, rest = rows[: most - fresh], rows[most - fresh :]
    newest = sorted(rest, key=lambda row: (not row["unseen"], -row["last_press_ms"]))[:fresh]
    kept = {row["id"] for row in newest}
    return [*begin, *(row for row in rest if row["id"] in kept)]


def _overdue_since_ms(row: Row, now_ms: int) -> float:
    """Since when a person is waited for, where that is too long; else infinity."""
    if not row["unseen"]:
        return math.inf
    since_ms: int = row["opened_ms"] if row["acknowledged_ms"] is None else row["last_press_ms"]
    return since_ms if now_ms - since_ms >= OVERDUE_MS else math.inf
