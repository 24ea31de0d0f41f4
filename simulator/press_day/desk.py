"""The scripted operators: they take the first line of the page's list, ring the button's place back, and decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from sqlalchemy import select

from hub.console.incidents import in_order
from hub.incidents import actions, reads
from hub.incidents.machine import Action
from hub.incidents.tables import incidents
from hub.incidents.timeline import Actor
from simulator.alarm_day.hub import Hub
from simulator.press_day.agenda import Agenda
from simulator.press_day.plan import Absence, Press

SEES_MS = 4_000
"""From looking up to acknowledging and claiming."""

RINGS_MS = (20_000, 60_000)
"""Least and most time for the call back."""

CHOOSES_MS = (5_000, 15_000)
"""Least and most time for choosing the agency of a true one."""


@dataclass(slots=True)
class _Operator:
    name: str
    busy: bool = False
    away: list[Absence] = field(default_factory=list)
    fetched_ms: int = 0

    @property
    def actor(self) -> Actor:
        return Actor(self.name, "console")

    def is_there(self, now_ms: int) -> bool:
        return not any(
            one.from_ms <= now_ms < one.to_ms and self.fetched_ms < one.from_ms for one in self.away
        )


class Desk:
    """Some operators before one list.

    Args:
        earnest: the press that was no mistake, as ringing back tells.
        suggest: the agency that the hub suggests for an incident.
    """

    def __init__(
        self,
        hub: Hub,
        operators: int,
        absences: Sequence[Absence],
        agenda: Agenda,
        random: Random,
        *,
        earnest: Press,
        suggest: Callable[[Mapping[str, Any], int], str],
    ) -> None:
        self._hub = hub
        self._agenda = agenda
        self._random = random
        self._earnest = earnest
        self._suggest = suggest
        self._taken: set[str] = set()
        self._heard: set[tuple[str, int]] = set()
        self._operators = [_Operator(f"operator-{number + 1}") for number in range(operators)]
        for absence in absences:
            self._operators[absence.operator].away.append(absence)
            agenda.add(absence.to_ms, self.work)

    def attended(self, now_ms: int) -> bool:
        """Whether anybody is at the desk."""
        return any(one.is_there(now_ms) for one in self._operators)

    def fetch(self, now_ms: int) -> None:
        """Somebody was told that nobody answers, and sends the operators back to the desk."""
        for one in self._operators:
            one.fetched_ms = now_ms
        self.work(now_ms)

    def work(self, now_ms: int) -> None:
        """Whoever is free takes the next line that nobody has taken."""
        rows = in_order(reads.listed(self._hub.conn), now_ms)
        for row in rows:
            if row["claimed_by"] and row["unseen"]:
                self._hear(row, now_ms)
        free = [one for one in self._operators if not one.busy and one.is_there(now_ms)]
        waiting = [row for row in rows if row["id"] not in self._taken]
        for operator, row in zip(free, waiting, strict=False):
            self._take(operator, str(row["id"]), now_ms)

    def _hear(self, row: Mapping[str, Any], now_ms: int) -> None:
        """Who has an incident in hand sees its next press too, though they are on the telephone."""
        heard = (str(row["id"]), int(row["last_press_ms"]))
        if heard not in self._heard:
            self._heard.add(heard)
            actor = Actor(row["claimed_by"], "console")
            self._agenda.add(
                now_ms + SEES_MS,
                lambda at_ms: actions.acknowledge(self._hub.conn, heard[0], actor=actor, now_ms=at_ms),
            )

    def finish(self, incident_id: str, at_ms: int) -> None:
        """The agency is through: whoever assigned it closes the incident."""
        self._act(self._operators[0], incident_id, "finish", at_ms)

    def _take(self, operator: _Operator, incident_id: str, now_ms: int) -> None:
        operator.busy = True
        self._taken.add(incident_id)
        seen_ms = now_ms + SEES_MS
        self._agenda.add(seen_ms, lambda at_ms: self._see(operator, incident_id, at_ms))
        told_ms = seen_ms + self._random.randint(*RINGS_MS)
        self._agenda.add(told_ms, lambda at_ms: self._decide(operator, incident_id, at_ms))

    def _see(self, operator: _Operator, incident_id: str, at_ms: int) -> None:
        actions.acknowledge(self._hub.conn, incident_id, actor=operator.actor, now_ms=at_ms)
        version = self._version(incident_id)
        actions.claim(self._hub.conn, incident_id, actor=operator.actor, version=version, now_ms=at_ms)

    def _decide(self, operator: _Operator, incident_id: str, at_ms: int) -> None:
        """The place was rung back: a mistake is closed, what is true is verified, and an agency chosen."""
        row = reads.one(self._hub.conn, incident_id)
        if self._is_true(row):
            self._act(
                operator, incident_id, "verify", at_ms, note="ditelepon balik: benar / called back: true"
            )
            chosen_ms = at_ms + self._random.randint(*CHOOSES_MS)
            self._agenda.add(chosen_ms, lambda then_ms: self._assign(operator, row, then_ms))
            return
        self._act(
            operator, incident_id, "mark_false", at_ms, note="ditelepon balik: salah tekan / by mistake"
        )
        self._taken.discard(incident_id)
        self._free(operator, at_ms)

    def _is_true(self, row: Mapping[str, Any]) -> bool:
        one = self._earnest
        there = (row["gateway"], row["device"]) == (one.gateway, one.device)
        return there and bool(row["opened_ms"] <= one.at_ms <= row["last_press_ms"])

    def _assign(self, operator: _Operator, row: Mapping[str, Any], at_ms: int) -> None:
        self._act(operator, str(row["id"]), "assign", at_ms, agency=self._suggest(row, at_ms))
        self._free(operator, at_ms)

    def _free(self, operator: _Operator, at_ms: int) -> None:
        operator.busy = False
        self.work(at_ms)

    def _act(
        self,
        operator: _Operator,
        incident_id: str,
        action: Action,
        at_ms: int,
        *,
        note: str = "",
        agency: str | None = None,
    ) -> None:
        actions.act(
            self._hub.conn,
            self._hub.region,
            incident_id,
            action,
            actor=operator.actor,
            version=self._version(incident_id),
            now_ms=at_ms,
            note=note,
            agency=agency,
        )

    def _version(self, incident_id: str) -> int:
        found = select(incidents.c.version).where(incidents.c.id == incident_id)
        return int(self._hub.conn.execute(found).scalar_one())
