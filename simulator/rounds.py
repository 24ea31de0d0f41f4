"""The rounds of a rehearsal: time passes, the water rises, the story acts, people are told, and the account is kept."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from simulator.account import Account
from simulator.evidence import Sql
from simulator.failure import DiskLow
from simulator.interference import Interference, Pressed, Refused
from simulator.operator import Operator
from simulator.processes import Child, ChildDied
from simulator.rehearsal import Rehearsal
from simulator.scenario import RAIN_MM, Act, Scenario, Story
from simulator.telling import Teller

TICK_S = 0.2
WATCH_S = 0.01
"""How often the database is looked into for a press that was just made; later less often."""
PRESS_S = 30.0
"""How long it is looked for; the account at the end finds it anyway."""
BETWEEN_S = 20.0
"""Between two rounds the operator gets this long to finish what is open."""
AGENCY = "psc"
OPERATOR = "simulasi"

LEAST_FREE = 100 * 1024 * 1024
"""Free bytes below which the demo ends: half-written databases help nobody."""
TIDY_S = 10.0
LOG_KEPT = 2 * 1024 * 1024
"""Bytes at which a child's log is emptied: hours of it would fill the disk, and only its end is ever read."""


def show(
    city: Rehearsal, scenario: Scenario, after_s: float, *, number: int, hands: Interference | None
) -> None:
    """Let every device measure what the scenario, or a visitor, says for now. Gauges count on from round to
    round."""
    region = city.region
    for station in region.stations.values():
        if station.gateway not in city.plans:
            continue
        level_m = scenario.level_m(station.id, after_s)
        rain_mm = (number - 1) * RAIN_MM + scenario.rain_mm(station.id, after_s)
        values = {
            "level_m": level_m if hands is None else hands.level_m(station.id, level_m),
            "rain_mm": float(f"{rain_mm:.1f}"),
            "temperature_c": 27.5,
        }
        city.show(station.gateway, station.device, values)
    for ward in region.wards.values():
        if ward.gateway in city.plans:
            city.show(ward.gateway, ward.device, scenario.occupied(ward, after_s))


class Rounds:
    """Plays a running city.

    Args:
        plan: the story of a round, by its number from 1.
        once: one round only.
        began_ns: a time before the city's first reading.
    """

    def __init__(
        self,
        city: Rehearsal,
        sql: Sql,
        *,
        plan: Callable[[int], Scenario],
        once: bool,
        teller: Teller,
        stop: asyncio.Event,
        began_ns: int,
    ) -> None:
        self._city = city
        self._sql = sql
        self._plan = plan
        self._once = once
        self._teller = teller
        self._stop = stop
        self._round = 1
        self._scenario = plan(1)
        self._after_s = 0.0
        self._next: Act | None = None
        self._watching: set[asyncio.Task[None]] = set()
        self._tidied_s = time.monotonic()
        self._working: asyncio.Task[None] | None = None
        self.hands = Interference(city, on_press=self._pressed)
        self.account = Account(city, sql, self.hands.powered_off, began_ns)

    def story(self) -> Story:
        """Where the story is."""
        return Story(self._round, self._after_s, self._scenario.duration_s, self._next)

    async def play(self) -> None:
        """Play until the last round is over, or until stopped; at the end nothing is disturbed any more.

        Raises:
            ChildDied: a part of the city has ended by itself.
            DiskLow: there is no room any more.
            ServerFailed: a part that a visitor stopped does not start again.
        """
        base_url = self._city.api.base_url
        async with httpx.AsyncClient(base_url=base_url, timeout=10, trust_env=False) as api:
            self._working = asyncio.create_task(self._operator(api).run(), name="operator")
            try:
                await self._all_rounds()
                await self._undo()
                await asyncio.gather(*self._watching)
            finally:
                tasks = (self._working, *self._watching)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _all_rounds(self) -> None:
        while True:
            self._teller.round(self._round, self._scenario)
            await self._act()
            if self._once or self._stop.is_set():
                return
            await self.account.tick_off()
            await self._between()
            self._round += 1
            self._scenario = self._plan(self._round)

    def _operator(self, api: httpx.AsyncClient) -> Operator:
        true = {(act.gateway, act.device) for act in self._scenario.presses if act.true}

        async def log_in() -> None:
            await self._city.logins[OPERATOR].enter(api)

        return Operator(
            api,
            name=OPERATOR,
            log_in=log_in,
            is_true=lambda gateway, device: (gateway, device) in true,
            is_visitors=self.hands.is_visitors,
            agency=AGENCY,
            think_s=max(4.0, self._scenario.duration_s / 20),
        )

    async def _act(self) -> None:
        """One round."""
        began_s = time.monotonic()
        waiting = list(self._scenario.acts)
        while (after_s := time.monotonic() - began_s) < self._scenario.duration_s and not self._stop.is_set():
            while waiting and waiting[0].at_s <= after_s:
                await self._do(waiting.pop(0), after_s)
            self._next = waiting[0] if waiting else None
            await self._tick(after_s)

    async def _between(self) -> None:
        """Wait a little until what is open is answered: a press of the next round is then a new incident."""
        end_s = time.monotonic() + BETWEEN_S
        while self._sql.open_incidents():
            if time.monotonic() > end_s or self._stop.is_set():
                return
            await self._tick(self._scenario.duration_s)

    async def _tick(self, after_s: float) -> None:
        """Time passes."""
        self._after_s = after_s
        show(self._city, self._scenario, after_s, number=self._round, hands=self.hands)
        for notice in self.account.hear():
            self._teller.notice(notice, after_s)
        self._teller.tick(after_s, self.account, self.hands)
        if (dead := self.hands.died()) is not None:
            raise ChildDied(f"{dead.name} ended by itself with {dead.returncode}", dead.last_words())
        if self._working is not None and self._working.done():
            self._working.result()
        if time.monotonic() - self._tidied_s > TIDY_S:
            self._tidied_s = time.monotonic()
            check_room(self._city.choice.folder, LEAST_FREE)
            shorten_logs(self._city.children)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), TICK_S)

    async def _undo(self) -> None:
        if self.hands.disturbed:
            self._teller.says(
                "memulihkan semua gangguan; gateway tersambung lagi dalam semenit",
                "undoing every disturbance; gateways connect again within a minute",
            )
        await self.hands.heal()

    async def _do(self, act: Act, after_s: float) -> None:
        try:
            match act.kind:
                case "press":
                    button = self._city.region.button_at(act.gateway, act.device)
                    assert button is not None
                    await self.hands.press(button, by="story", hold_ms=act.hold_ms)
                case "cut":
                    self.hands.cut(act.gateway, by="story")
                case "restore":
                    self.hands.restore(act.gateway, by="story")
                case "silence":
                    self.hands.silence(act.gateway, act.device, by="story")
                case "answer":
                    self.hands.answer(act.gateway, act.device, by="story")
                case "come" | "leave":
                    self._city.doors[act.gateway, act.device].come(act.people, int(act.kind == "leave"))
        except Refused as refused:
            self._teller.says(
                f"{act.id}: tidak terjadi, {refused.id}", f"{act.en}: did not happen, {refused.en}"
            )
            return
        self._teller.act(act, after_s)

    def _pressed(self, pressed: Pressed) -> None:
        self.account.press(pressed)
        watching = asyncio.create_task(self._watch(pressed), name="watch press")
        self._watching.add(watching)
        watching.add_done_callback(self._watching.discard)

    async def _watch(self, pressed: Pressed) -> None:
        """Look for a press in the database until it is there: what others can read is committed."""
        began_s = time.monotonic()
        while (waited_s := time.monotonic() - began_s) < PRESS_S:
            # Right after the press by the hundredth of a second; one that is late is not hurried by our asking.
            await asyncio.sleep(WATCH_S if waited_s < 1 else waited_s / 10)
            if self._sql.has_press(pressed.gateway, pressed.device, pressed.made_ms):
                self.account.reached(pressed, time.time_ns() / 1_000_000 - pressed.made_ms)
                return


def check_room(folder: Path, least: int) -> None:
    """Whether there is room on the disk.

    Raises:
        DiskLow: there is not.
    """
    free = shutil.disk_usage(folder).free
    if free < least:
        raise DiskLow(folder, free, least)


def shorten_logs(children: list[Child]) -> None:
    """Empty the logs that have become long. Their writers append, so they go on at the new end."""
    for child in children:
        with contextlib.suppress(OSError):
            if child.log.stat().st_size > LOG_KEPT:
                os.truncate(child.log, 0)
