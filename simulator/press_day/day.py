"""The day itself: presses come, operators work, whoever does not answer is passed by."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from sqlalchemy import Connection

from hub.agencies.directory import Directory
from hub.escalation.asking import City, Rung, climb
from hub.escalation.worker import waiting
from hub.notify.policy import Priority
from hub.region import Region
from simulator.alarm_day.hub import Hub
from simulator.alarm_day.town import town
from simulator.press_day.agenda import Agenda, Doing
from simulator.press_day.desk import Desk
from simulator.press_day.people import People
from simulator.press_day.plan import BEGIN_MS, Press, Scale, absences, plan

TRAVEL_MS = 100
"""From the contact of a button to the hub."""


class Day:
    """One day on empty tables.

    Args:
        conn: a connection on the hub's tables, empty.
        directory: of the profile: whom escalations ask, and how long they wait.
    """

    def __init__(
        self, conn: Connection, profile: Region, directory: Directory, scale: Scale, seed: int
    ) -> None:
        random = Random(seed)
        region = town(profile, scale.buttons)
        self.presses = plan(region, scale, random)
        self.earnest = next(press for press in self.presses if press.earnest)
        self.directory = directory
        self._conn = conn
        self._region = region
        self._agenda = Agenda()
        self._hub = Hub(conn, region)
        self._desk = Desk(
            self._hub,
            scale.operators,
            absences(scale),
            self._agenda,
            random,
            earnest=self.earnest,
            suggest=self._suggest,
        )
        people = People(conn, self._agenda, random, fetch=self._desk.fetch, finished=self._desk.finish)
        self._city = City(region, directory, self._attended, people.ask)

    def run(self) -> None:
        """Live through it: from each moment at which something happens to the next."""
        self._hub.start(BEGIN_MS)
        for press in self.presses:
            self._agenda.add(press.at_ms, self._pressing(press))
        while (now_ms := self._next_ms()) is not None:
            self._agenda.work(now_ms)
            self._climb(now_ms)

    def _next_ms(self) -> int | None:
        due = [row.due_ms for row in waiting(self._conn)]
        return min((t_ms for t_ms in (self._agenda.next_ms, *due) if t_ms is not None), default=None)

    def _attended(self, _: Connection, now_ms: int) -> bool:
        return self._desk.attended(now_ms)

    def _pressing(self, one: Press) -> Doing:
        def press(at_ms: int) -> None:
            t_ms = at_ms - TRAVEL_MS
            self._hub.event(one.gateway, one.device, "panic_press", t_ms=t_ms, now_ms=at_ms)
            self._desk.work(at_ms)

        return press

    def _climb(self, now_ms: int) -> None:
        """Every rung that is due, as the hub's worker takes it."""
        for row in waiting(self._conn):
            if row.due_ms <= now_ms:
                climb(self._conn, Rung.of(row), self._city, now_ms=now_ms)

    def _suggest(self, incident: Mapping[str, Any], at_ms: int) -> str:
        site = self._region.sites[incident["site"]]
        priority = Priority(incident["priority"])
        return self.directory.route(incident["kind"], priority, site.lat, site.lon, at_ms)[0].id
