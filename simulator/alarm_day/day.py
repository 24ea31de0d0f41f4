"""The day itself: second by second where something happens, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

from sqlalchemy import Connection

from hub.alarms import service as alarms
from hub.alarms.quality import Quality
from hub.region import Region
from hub.rules import book
from simulator.alarm_day.desk import Desk
from simulator.alarm_day.hub import Hub
from simulator.alarm_day.plan import MINUTE_MS, Happening, Plan, Scale, level_m, plan
from simulator.alarm_day.town import town

BEGIN_MS = 1_790_000_000_000
SPARED = 20
"""Gateways that keep their power."""

STEP_MS = 1_000
SILENCE_MS = 10_000
WILL_MS = 15_000
"""After so long without a sign of life the broker calls a connection broken."""


@dataclass(frozen=True, slots=True)
class TruePress:
    """What became of the press in earnest.

    Attributes:
        looks: how often the list was looked at before somebody had acknowledged it.
        shown: how often it had a line of its own that sounded.
        waited_ms: from the press until somebody had acknowledged it; None where nobody did.
    """

    looks: int
    shown: int
    waited_ms: int | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the day came to.

    Attributes:
        backfilled: records that came late; ``backfill_rang`` of them made an alarm.
        late_presses: of those, presses: they always ring.
        presses, pressed: made, and found in an incident.
        suppressed: times that an alarm was withheld because its gateway explains it.
        most_listed, most_lines: the longest list, as alarms, and the lines that it was drawn together to.
        wrong: conditions that are there and have no alarm, or the other way round; empty where all is well.
    """

    quality: Quality
    backfilled: int
    backfill_rang: int
    late_presses: int
    suppressed: int
    presses: int
    pressed: int
    most_listed: int
    most_lines: int
    true_press: TruePress
    wrong: tuple[tuple[str, str, str], ...]


class Day:
    """One day on empty tables.

    Args:
        conn: a connection on the hub's tables, empty.
        rules: the profile's rules.toml.
    """

    def __init__(self, conn: Connection, profile: Region, scale: Scale, seed: int, *, rules: Path) -> None:
        self._random = Random(seed)
        self._scale = scale
        region = town(profile, scale.gateways + SPARED)
        self._plan: Plan = plan(region, scale, self._random, BEGIN_MS)
        self._hub = Hub(conn, region, book.read(rules, region))
        press = self._plan.true_press
        self._desk = Desk(self._hub, scale.operators, is_true={(press.gateway, press.device): True})
        self._away = {one.gateway: one for one in self._plan.away}
        self._backfilled = self._backfill_rang = self._late_presses = 0
        self._most_listed = self._most_lines = 0
        self._looks = self._shown = 0
        self._waited_ms: int | None = None
        self._truth: set[tuple[str, str, str]] = set()
        self._levels: dict[str, list[tuple[int, float]]] = {}

    def run(self) -> Outcome:
        """Live through it."""
        hub, day = self._hub, self._plan
        coming = list(reversed(day.happenings))
        hub.start(day.begin_ms)
        for now_ms in range(day.begin_ms, day.end_ms, STEP_MS):
            while coming and coming[-1].at_ms < now_ms + STEP_MS:
                self._arrive(coming.pop())
            if (now_ms - day.begin_ms) % MINUTE_MS == 0:
                self._beats(now_ms)
                self._rivers(now_ms)
            if (now_ms - day.begin_ms) % SILENCE_MS == 0:
                self._wills(now_ms)
                hub.judge_silence(now_ms)
                hub.pass_time(now_ms)
            self._watch(now_ms)
            self._desk.work(now_ms)
        return self._outcome()

    def _arrive(self, one: Happening) -> None:
        mark = self._hub.mark()
        self._hub.beat(one.gateway, one.at_ms)  # who speaks has been born before
        self._hub.event(one.gateway, one.device, one.kind, t_ms=one.t_ms, now_ms=one.at_ms)
        key = (one.gateway, one.device, "device_down")
        if one.kind == "device_up":
            self._truth.discard(key)
        elif one.kind == "device_down" and not one.is_backfill:
            self._truth.add(key)
        if one.is_backfill:
            self._backfilled += 1
            self._late_presses += one.kind == "panic_press"
            self._backfill_rang += len(self._hub.rang_since(mark))

    def _beats(self, now_ms: int) -> None:
        for gateway in self._hub.region.gateways:
            gone = self._away.get(gateway)
            if gone is None or not gone.from_ms <= now_ms < gone.to_ms:
                self._hub.beat(gateway, now_ms)

    def _wills(self, now_ms: int) -> None:
        for gone in self._plan.away:
            if gone.from_ms + WILL_MS <= now_ms < gone.from_ms + WILL_MS + SILENCE_MS:
                self._hub.will(gone.gateway)

    def _rivers(self, now_ms: int) -> None:
        """Each post says its level; one that was away says first what it has recorded, then what is now."""
        for place, station in enumerate(self._hub.region.stations.values()):
            value = level_m(station, place, now_ms, self._plan, self._random)
            gone = self._away.get(station.gateway)
            kept = self._levels.setdefault(station.id, [])
            if gone is not None and gone.from_ms <= now_ms < gone.to_ms:
                kept.append((now_ms, value))
                continue
            mark = self._hub.mark()
            for t_ms, old in kept:
                if now_ms - t_ms > 10 * MINUTE_MS:
                    self._hub.level(station, old, t_ms=t_ms, now_ms=now_ms)
                    self._backfilled += 1
            if kept:
                self._backfill_rang += len(self._hub.rang_since(mark))
                kept.clear()
            self._hub.level(station, value, t_ms=now_ms - 200, now_ms=now_ms)

    def _watch(self, now_ms: int) -> None:
        """Look at the list as it is shown: whether the press in earnest is seen, and how long the list is."""
        press = self._plan.true_press
        waits = press.at_ms <= now_ms and not self._is_answered()
        if not waits and (now_ms - self._plan.begin_ms) % (5 * SILENCE_MS):
            return
        shown = self._desk.look(now_ms)
        listed = sum(len(entry.lines) for entry in shown.entries)
        if listed > self._most_listed:
            self._most_listed, self._most_lines = listed, len(shown.entries)
        if waits:
            self._looks += 1
            self._shown += shown.shows(self._true_alarm())

    def _true_alarm(self) -> int:
        press = self._plan.true_press
        rows = (*alarms.active(self._hub.conn), *alarms.withheld(self._hub.conn))
        found = [
            row["id"]
            for row in rows
            if (row["gateway"], row["device"]) == (press.gateway, press.device)
            and row["condition"] == "panic"
        ]
        return int(found[0]) if found else 0

    def _is_answered(self) -> bool:
        """Whether somebody has acknowledged the press in earnest; noted with how long it has waited."""
        press = self._plan.true_press
        if self._waited_ms is not None:
            return True
        for row in alarms.active(self._hub.conn):
            if (row["gateway"], row["device"]) == (press.gateway, press.device) and row["acknowledged_ms"]:
                self._waited_ms = int(row["acknowledged_ms"]) - press.t_ms
                return True
        return False

    def _outcome(self) -> Outcome:
        hub, day = self._hub, self._plan
        quality = alarms.quality_of(
            hub.conn, since_ms=day.begin_ms, now_ms=day.end_ms, operators=self._scale.operators
        )
        told = {key for key in hub.present() if key[2] == "device_down"}
        return Outcome(
            quality=quality,
            backfilled=self._backfilled,
            backfill_rang=self._backfill_rang,
            late_presses=self._late_presses,
            suppressed=hub.suppressed(),
            presses=sum(one.kind == "panic_press" for one in day.happenings),
            pressed=hub.pressed(),
            most_listed=self._most_listed,
            most_lines=self._most_lines,
            true_press=TruePress(self._looks, self._shown, self._waited_ms),
            wrong=tuple(sorted(told ^ self._truth)),
        )
