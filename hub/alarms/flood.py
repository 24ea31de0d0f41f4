"""Floods of alarms: when one begins and ends, and how its list is drawn together so that a person can read it. Pure.

More than ten alarms in ten minutes for each operator is a flood, until it is fewer than five (EEMUA 191). In a flood
the list is collapsed by cause and site; what is critical, and every press, keeps a line of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.alarms.conditions import cause, is_of_equipment, is_press

WINDOW_MS = 600_000
FLOOD_OVER = 10
"""More alarms than this in the window, for each operator, begin a flood."""

FLOOD_BELOW = 5
"""Fewer than this end it."""

CRITICAL = 3
"""Severity that is never collapsed."""

TOGETHER = 3
"""So many alarms of a kind are one line."""


@dataclass(frozen=True, slots=True)
class Flood:
    """A time of flood; ``to_ms`` is None while it lasts."""

    from_ms: int
    to_ms: int | None


@dataclass(frozen=True, slots=True)
class Group:
    """Alarms that are one line of a collapsed list.

    Attributes:
        cause: of all of them; empty where they have the site in common and not the cause.
        site: of all of them; empty where they have the cause in common and not the site.
        rows: the alarms, in the order of the list.
    """

    cause: str
    site: str
    rows: tuple[Mapping[str, Any], ...]

    @property
    def sites(self) -> int:
        """At how many places."""
        return len({row["site"] for row in self.rows})

    @property
    def severity(self) -> int:
        """Of the worst."""
        return max(int(row["severity"]) for row in self.rows)


def floods(announced_ms: Sequence[int], *, operators: int, now_ms: int) -> list[Flood]:
    """The floods of a time, oldest first; the last one may last still.

    Args:
        announced_ms: when alarms rang, ascending.
        operators: how many share them.
    """
    changes = sorted(
        [(t_ms, 1) for t_ms in announced_ms]
        + [(t_ms + WINDOW_MS, -1) for t_ms in announced_ms if t_ms + WINDOW_MS <= now_ms]
    )
    found: list[Flood] = []
    count, begun_ms = 0, None
    for at_ms, change in changes:
        count += change
        if begun_ms is None and count > FLOOD_OVER * operators:
            begun_ms = at_ms
        elif begun_ms is not None and count < FLOOD_BELOW * operators:
            found.append(Flood(begun_ms, at_ms))
            begun_ms = None
    if begun_ms is not None:
        found.append(Flood(begun_ms, None))
    return found


def collapse(rows: Iterable[Mapping[str, Any]]) -> list[Group]:
    """The list in a flood: every alarm in one group, the groups in the order of their first alarms.

    Many of one cause are one line for all sites; of the equipment's alarms that remain, many of one site are one line
    for that site. A river's level is never drawn together with anything but other levels.
    """
    listed = list(rows)
    alone = [row for row in listed if row["severity"] >= CRITICAL or is_press(row["condition"])]
    others = [row for row in listed if row not in alone]
    by_cause, rest = _gather(others, lambda row: cause(row["condition"]))
    by_site, single = _gather(
        [row for row in rest if is_of_equipment(row["condition"])], lambda row: row["site"]
    )
    single += [row for row in rest if not is_of_equipment(row["condition"])]
    groups = [
        *(Group(str(key), _same(of, "site"), tuple(of)) for key, of in by_cause.items()),
        *(Group("", str(key), tuple(of)) for key, of in by_site.items()),
        *(Group(cause(row["condition"]), row["site"], (row,)) for row in (*alone, *single)),
    ]
    place = {row["id"]: at for at, row in enumerate(listed)}
    return sorted(groups, key=lambda group: place[group.rows[0]["id"]])


def _gather(
    rows: Iterable[Mapping[str, Any]], key: Any
) -> tuple[dict[Hashable, list[Mapping[str, Any]]], list[Mapping[str, Any]]]:
    """Rows of a kind that are many, by kind, and the others."""
    found: dict[Hashable, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    many = {kind: of for kind, of in found.items() if len(of) >= TOGETHER}
    return many, [row for kind, of in found.items() if kind not in many for row in of]


def _same(rows: Sequence[Mapping[str, Any]], name: str) -> str:
    values = {str(row[name]) for row in rows}
    return values.pop() if len(values) == 1 else ""
