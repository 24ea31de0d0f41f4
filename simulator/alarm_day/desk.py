"""The operators of the day: they see the list as the page of alarms draws it, and take its first line that waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from hub.alarms import flood
from hub.alarms import service as alarms
from hub.console import alarms as view
from hub.incidents import actions, reads
from hub.incidents.tables import incidents
from hub.incidents.timeline import Actor
from simulator.alarm_day.hub import Hub

SEES_MS = 4_000
"""From looking up to acknowledging."""

ALARM_MS = 20_000
GROUP_MS = 30_000
PRESS_MS = 45_000
"""How long an operator is busy with a line: an alarm, several drawn together, a press that is rung back."""

LOOK_BACK_MS = 6 * 3_600_000


@dataclass(frozen=True, slots=True)
class Shown:
    """The list at a moment."""

    entries: tuple[view.Lines, ...]
    in_flood: bool

    def shows(self, alarm_id: int) -> bool:
        """Whether that alarm has a line of its own that sounds."""
        for entry in self.entries:
            if entry.lines[0].id == alarm_id and len(entry.lines) == 1:
                line = entry.lines[0]
                return line.state == "unacknowledged" and (not self.in_flood or line.sounds_in_flood)
        return False


@dataclass(slots=True)
class _Operator:
    name: str
    free_ms: int = 0
    works_on: frozenset[int] = frozenset()


class Desk:
    """Some operators before one list.

    Args:
        is_true: whether a press of that gateway and device is in earnest, as ringing back would tell.
    """

    def __init__(self, hub: Hub, operators: int, *, is_true: Mapping[tuple[str, str], bool]) -> None:
        self._hub = hub
        self._is_true = is_true
        self._operators = [_Operator(f"operator-{number + 1}") for number in range(operators)]
        self._all_taken = -1
        self._begun: list[tuple[int, Callable[[int], None]]] = []

    def look(self, now_ms: int) -> Shown:
        """The list as the page draws it."""
        conn, region = self._hub.conn, self._hub.region
        rang = [row["at_ms"] for row in alarms.announced(conn, now_ms - LOOK_BACK_MS)]
        found = flood.floods(sorted(rang), operators=len(self._operators), now_ms=now_ms)
        in_flood = bool(found) and found[-1].to_ms is None
        lines = view.alarm_lines(region, alarms.active(conn), reads.listed(conn))
        return Shown(tuple(view.entries(lines, in_flood=in_flood)), in_flood)

    def work(self, now_ms: int) -> None:
        """What was begun is done when its time has come; whoever is free takes the next line that nobody has taken."""
        due = [one for one in self._begun if one[0] <= now_ms]
        self._begun = [one for one in self._begun if one[0] > now_ms]
        for at_ms, step in due:
            step(at_ms)
        mark = self._hub.mark()
        if mark == self._all_taken:
            return
        for operator in self._operators:
            if operator.free_ms > now_ms:
                continue
            operator.works_on = frozenset()
            taken = frozenset().union(*(one.works_on for one in self._operators))
            for entry in self.look(now_ms).entries:
                waiting = [alarm for alarm in entry.waiting if alarm not in taken]
                if waiting:
                    self._take(operator, entry, waiting, now_ms)
                    break
            else:
                self._all_taken = mark
                return

    def _take(self, operator: _Operator, entry: view.Lines, waiting: list[int], now_ms: int) -> None:
        seen_ms = now_ms + SEES_MS
        operator.works_on = frozenset(waiting)
        operator.free_ms = seen_ms + (ALARM_MS if len(waiting) == 1 else GROUP_MS)
        self._begun.append((seen_ms, lambda at_ms: self._acknowledge(operator, waiting, at_ms)))
        row = alarms.one(self._hub.conn, waiting[0])
        if row["condition"] == "panic":
            operator.free_ms = seen_ms + PRESS_MS
            self._begun.append((operator.free_ms, lambda at_ms: self._answer(operator, row, at_ms)))

    def _acknowledge(self, operator: _Operator, waiting: Sequence[int], at_ms: int) -> None:
        for alarm_id in waiting:
            row = alarms.one(self._hub.conn, alarm_id)
            if row["condition"] == "panic":
                actor = Actor(operator.name, "console")
                actions.acknowledge(self._hub.conn, str(row["detail"]["incident"]), actor=actor, now_ms=at_ms)
            alarms.acknowledge(self._hub.conn, alarm_id, actor=operator.name, now_ms=at_ms)

    def _answer(self, operator: _Operator, row: Mapping[str, Any], at_ms: int) -> None:
        """The button's place was rung back: a mistake is closed, what is true is verified."""
        conn, actor = self._hub.conn, Actor(operator.name, "console")
        incident_id = str(row["detail"]["incident"])
        version = conn.execute(select(incidents.c.version).where(incidents.c.id == incident_id)).scalar_one()
        is_true = self._is_true.get((row["gateway"], row["device"]), False)
        actions.act(
            conn,
            self._hub.region,
            incident_id,
            "verify" if is_true else "mark_false",
            actor=actor,
            version=version,
            now_ms=at_ms,
            note="ditelepon balik / called back",
        )
