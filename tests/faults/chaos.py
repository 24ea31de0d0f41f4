"""Kills processes of a running city at random, while samples and presses flow, and remembers what was promised.

What a gateway promises is taken from outside: a press is promised when its gateway says "stored" in its log (then the
lamp at the button is on), a sample when the gateway's spool counts it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from random import Random

from simulator.evidence import Sql
from simulator.processes import Child
from simulator.rehearsal import Rehearsal

STORED = re.compile(r"press_stored device=(\S+) event=([0-9a-f]{32})")
KINDS = ("gateway", "broker", "hub", "influx")


@dataclass
class Chaos:
    """One campaign of kills.

    Attributes:
        kills: how many of each kind were made.
        made: presses whose contact was closed while the gateway answered; some are killed before they are stored.
        accounts: highest next number that was ever seen of each stream (gateway, lane, epoch).
        shrunk: where a spool has counted backwards.
    """

    city: Rehearsal
    random: Random
    kills: Counter[str] = field(default_factory=Counter)
    made: list[tuple[str, str, int]] = field(default_factory=list)
    accounts: dict[tuple[str, str, str], int] = field(default_factory=lambda: defaultdict(int))
    shrunk: list[str] = field(default_factory=list)
    _restarts: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self, kills: int) -> None:
        """Make so many kills, each kind among them, and bring everything back."""
        targets = [*KINDS, *self.random.choices(KINDS, (5, 2, 3, 2), k=max(0, kills - len(KINDS)))]
        self.random.shuffle(targets)
        others = [
            asyncio.create_task(self._press(), name="presses"),
            asyncio.create_task(self._look(), name="accounts"),
        ]
        try:
            for kind in targets[:kills]:
                await asyncio.sleep(self.random.uniform(0.1, 3.0))
                await self._kill(kind)
            await asyncio.gather(*self._restarts)
            await asyncio.sleep(2)
        finally:
            for task in (*others, *self._restarts):
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        for task in others:
            if not task.cancelled():
                task.result()

    def stored(self) -> dict[str, tuple[str, str]]:
        """Every press that a gateway has said to be stored: event id to (gateway, device)."""
        found = {}
        for name, gateway in self.city.gateways.items():
            for device, event in STORED.findall(gateway.child.log.read_text(errors="replace")):
                found[event] = (name, device)
        return found

    async def _kill(self, kind: str) -> None:
        """Kill one that runs, at once, and start it again a little later."""
        child = self._child(kind)
        if not child.alive:
            # It is being started again; hit it when it is back, in whatever it does then.
            await asyncio.gather(*self._restarts)
            await asyncio.sleep(self.random.uniform(0, 0.5))
        child.kill()
        self.kills[kind] += 1
        task = asyncio.create_task(self._start_again(child), name=f"start {child.name} again")
        self._restarts.add(task)
        task.add_done_callback(self._restarts.discard)

    def _child(self, kind: str) -> Child:
        match kind:
            case "broker":
                return self.city.broker.child
            case "hub":
                return self.city.hub
            case "influx":
                return self.city.influx.child
        return self.city.gateways[self.random.choice(sorted(self.city.gateways))].child

    async def _start_again(self, child: Child) -> None:
        await asyncio.sleep(self.random.choice([0.0, self.random.uniform(0, 3.0)]))
        child.start()

    async def _press(self) -> None:
        """Press buttons all the time; one whose gateway is dead cannot be pressed."""
        buttons = [one for one in self.city.region.buttons.values() if one.gateway in self.city.gateways]
        while True:
            await asyncio.sleep(self.random.uniform(0.2, 1.5))
            button = self.random.choice(buttons)
            with contextlib.suppress(OSError, TimeoutError, ValueError):
                at_ms = await self.city.gateways[button.gateway].press(button.device, hold_ms=150)
                self.made.append((button.gateway, button.device, at_ms))

    async def _look(self) -> None:
        """Note what every spool has promised; none may ever take a promise back."""
        while True:
            await asyncio.sleep(0.5)
            for name, gateway in self.city.gateways.items():
                with contextlib.suppress(OSError, TimeoutError, ValueError):
                    self.note(name, await gateway.order(do="account"))

    def note(self, gateway: str, account: dict[str, object]) -> None:
        """Compare an account with the highest one seen."""
        lanes = account["lanes"]
        assert isinstance(lanes, dict)
        for lane, said in lanes.items():
            key = (gateway, lane, said["epoch"])
            if said["next"] < self.accounts[key]:
                self.shrunk.append(f"{key}: {self.accounts[key]} and then {said['next']}")
            self.accounts[key] = max(self.accounts[key], said["next"])


async def drained(city: Rehearsal, sql: Sql, *, timeout_s: float) -> float:
    """Wait until no gateway has anything to send and the outbox is done; how long it took in seconds."""
    from hub.notify.policy import UNFINISHED
    from simulator.report import unsettled

    began = time.monotonic()
    left: object = None
    while time.monotonic() - began < timeout_s:
        left = {name: unsettled(one) for name, one in (await city.accounts()).items() if unsettled(one)}
        left = left or [row["key"] for row in sql.outbox() if row["state"] in UNFINISHED]
        if not left:
            return time.monotonic() - began
        await asyncio.sleep(0.25)
    raise AssertionError(f"not drained after {timeout_s:g} s: {left}")
