"""One world: a seed, its history, and what the oracle says of it."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from edge.spool import Quotas
from simulator.world import disk, faults
from simulator.world.clocks import HubClock
from simulator.world.gateway import Enrolment, GatewayMachine
from simulator.world.hub import HubMachine
from simulator.world.influx import FakeInflux
from simulator.world.loop import Stalled, WorldLoop
from simulator.world.network import Broker, Link, Weather
from simulator.world.oracle import Oracle, Violation
from simulator.world.place import SITES, region
from simulator.world.store import template
from simulator.world.trace import Trace

ACTIVE_S = (30.0, 90.0)
"""How long records are made and faults strike."""
DRAIN_S = 420.0
"""How long after the healing everything must have drained: a few of the longest pauses between resends."""
PROBE_S = 30.0
"""How long after a river rises its alarm must be there, with InfluxDB down."""


@dataclass
class Outcome:
    """What became of a seed."""

    seed: int
    digest: str
    violations: list[Violation]
    counts: dict[str, int]
    lines: list[str] = field(repr=False)
    virtual_s: float = 0.0


class World:
    """A city with one to three gateways, a broker, a hub and an InfluxDB, all driven by one seed."""

    def __init__(self, seed: int, *, keep: int = 400) -> None:
        self.seed = seed
        self.loop = WorldLoop()
        self.trace = Trace(self.loop, keep=keep)
        self.oracle = Oracle(self.trace)
        self.broker = Broker(self.loop, self._random("network"))
        self.influx = FakeInflux(self._random("influx"), on_point=self.oracle.stored)
        self.healing = False
        self.gateways: list[GatewayMachine] = []
        self._tips = 0
        self._load = self._random("load")
        self.hub = self._make_hub()
        for number in range(self._load.choice((1, 1, 2, 3))):
            self.gateways.append(self._make_gateway(number))

    def _random(self, name: str) -> Random:
        # A text as seed goes through SHA-512 and so never depends on PYTHONHASHSEED.
        return Random(f"{self.seed}/{name}")

    def _make_hub(self) -> HubMachine:
        card = disk.Disk()
        card.restore(template())
        random = self._random("hub")
        return HubMachine(
            self.loop,
            random,
            self.trace,
            card=card,
            broker=self.broker,
            influx=self.influx,
            oracle=self.oracle,
            clock=HubClock(self.loop, random.uniform(-3, 3)),
            region=region(),
        )

    def _make_gateway(self, number: int) -> GatewayMachine:
        random = self._random(f"gateway {number}")
        site = SITES[number]
        quotas = Quotas(
            panic_bytes=random.choice((400, 64 * 1024, 64 * 1024)),
            event_bytes=random.choice((700, 64 * 1024, 64 * 1024)),
            telemetry_bytes=random.choice((600, 1_500, 64 * 1024)),
            wal_bytes=256 * 1024,
        )
        if min(quotas.panic_bytes, quotas.event_bytes) < 64 * 1024:
            self.oracle.small_rings.add(site.gateway)
        return GatewayMachine(
            f"board-{number}",
            Enrolment(site.gateway, site.cell, site.site, random.choice((10.0, 20.0)), quotas),
            self.loop,
            random,
            self.trace,
            card=disk.Disk(capacity=8_000_000),
            broker=self.broker,
            link=Link(f"link-{number}"),
            oracle=self.oracle,
            next_tip=self._next_tip,
        )

    def clone(self, machine: GatewayMachine) -> GatewayMachine:
        """A second board with a copy of the card, as it is now, and with the same certificate."""
        card = disk.Disk(capacity=machine.card.capacity)
        card.restore(machine.card.image())
        twin = GatewayMachine(
            f"{machine.name}-twin",
            machine.enrolment,
            self.loop,
            self._random(f"twin of {machine.name}"),
            self.trace,
            card=card,
            broker=self.broker,
            link=Link(f"{machine.link.name}-twin"),
            oracle=self.oracle,
            next_tip=self._next_tip,
        )
        self.oracle.disaster(twin.name, twin.gateway, "cloned", clone=True)
        self.oracle.twins.add(twin.gateway)
        self.gateways.append(twin)
        twin.start()
        return twin

    def _next_tip(self) -> int:
        self._tips += 1
        return self._tips

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something after a time, whether or not the world is healing by then."""
        self.loop.call_later(seconds, act)

    # The history

    def run(self) -> Outcome:
        """Let it all happen."""
        try:
            try:
                self.loop.run_until_complete(self._history())
            except Stalled as stalled:
                self.oracle.fail("code", str(stalled))
            for error in self.loop.errors:
                self.oracle.fail("code", f"nobody took {error!r}")
            return Outcome(
                self.seed,
                self.trace.digest,
                self.oracle.violations,
                dict(self.oracle.counts),
                list(self.trace.lines),
                self.loop.time(),
            )
        finally:
            self._end()

    async def _history(self) -> None:
        random = self._random("faults")
        self.hub.start()
        for machine in self.gateways:
            self.later(random.uniform(0, 3), machine.start)
        active_s = random.uniform(*ACTIVE_S)
        for at_s, fault in faults.draw(random, active_s):
            self.later(at_s, lambda fault=fault: self._strike(fault, random))  # type: ignore[misc]
        for machine in self.gateways:
            self._plan_load(machine, active_s)
        await asyncio.sleep(active_s)
        self.heal()
        if self.seed % 3 == 0:
            await self._probe()
        if await self._drained():
            self.oracle.finish(self.hub.raw(), losses=self._losses())
        else:
            self.oracle.fail("I8", "; ".join(self._undrained()))

    def _strike(self, fault: faults.Fault, random: Random) -> None:
        if not self.healing:
            self.trace("fault", fault.name)
            self.oracle.counts["faults"] += 1
            fault.strike(self, random)

    def _plan_load(self, machine: GatewayMachine, active_s: float) -> None:
        random = self._load
        for _ in range(random.randint(1, 6)):
            button = random.choice(("button-1", "button-2"))
            self.later(random.uniform(1, active_s), lambda button=button: machine.press(button))  # type: ignore[misc]
        for _ in range(random.randint(2, 10)):
            self.later(random.uniform(1, active_s), lambda: machine.happen("door_edge"))
        at = random.uniform(0.5, 2)
        pace = random.uniform(1.5, 5)
        while at < active_s:
            self.later(
                at, self._sampling(machine, random.choice((1, 1, 1, 2, 5)), random.uniform(-0.3, 0.32))
            )
            at += pace * random.uniform(0.5, 1.5)

    def _sampling(self, machine: GatewayMachine, count: int, rise_m: float) -> Callable[[], None]:
        def sample() -> None:
            machine.level_m = min(4.0, max(0.2, machine.level_m + rise_m))
            machine.sample(count)

        return sample

    # Healing

    def heal(self) -> None:
        """End every fault. From now on the world must come to rest."""
        self.trace("heal")
        for board in self.gateways:
            if board.name.endswith("-twin"):
                board.retire()
        self.healing = True
        self.broker.start()
        self.influx.mood = "well"
        self.influx.poison = None
        self.hub.desk.failing = False
        self.gateways = [board for board in self.gateways if not board.retired]
        for machine in (self.hub, *self.gateways):
            machine.card.failing = False
            machine.card.filler = 0
            machine.card.stop_at = None
            machine.quick = True
            self.broker.mend(machine.link)
            machine.link.weather = Weather()
            machine.start()

    async def _probe(self) -> None:
        """With InfluxDB down, a river that rises must raise its alarm (I14)."""
        for machine in self.gateways:
            machine.level_m = 0.5
        await self._sample_for(24.0)
        self.trace("probe")
        self.influx.mood = "refuses"
        await self._sample_for(4.0)
        # One that waits for its next try to connect is not there to be heard.
        there = {machine.name: machine.connection for machine in self.gateways if machine.connection}
        before = {machine.gateway: self.hub.level_changes(machine.gateway) for machine in self.gateways}
        for machine in self.gateways:
            machine.level_m = 3.6
        await self._sample_for(PROBE_S)
        for machine in self.gateways:
            if machine.connection is None or machine.connection is not there.get(machine.name):
                continue
            self.oracle.counts["probed"] += 1
            changes = self.hub.level_changes(machine.gateway)[len(before[machine.gateway]) :]
            if not any(new == 3 for new in changes):
                self.oracle.fail("I14", f"the river of {machine.gateway} rose unseen while InfluxDB was down")
        self.influx.mood = "well"

    async def _sample_for(self, seconds: float) -> None:
        until = self.loop.time() + seconds
        while self.loop.time() < until:
            for machine in self.gateways:
                machine.sample()
            await asyncio.sleep(2.0)

    async def _drained(self) -> bool:
        until = self.loop.time() + DRAIN_S
        while self.loop.time() < until:
            await asyncio.sleep(2.0)
            if not self._undrained():
                return True
        return False

    def _undrained(self) -> list[str]:
        """What still waits, in words."""
        waits = []
        for machine in self.gateways:
            if machine.spool is None or machine.clock is None:
                waits.append(f"{machine.name} is down")
                continue
            usage = machine.spool.usage(machine.clock.mono_ms())
            for lane, count in sorted(usage.lane_unsettled.items()):
                if count:
                    waits.append(f"{machine.name} has {count} unsettled in {lane}")
            if machine.spool.losses() or machine.spool.closed():
                waits.append(f"{machine.name} has losses or closed epochs to tell")
            if machine.unstored:
                waits.append(f"{machine.name} has presses in memory")
        return waits + self.hub.undrained()

    def _losses(self) -> list[tuple[str, str, str, int, int]]:
        found = list(self.hub.losses())
        for machine in self.gateways:
            if machine.spool is not None:
                found += [
                    (machine.gateway, loss.epoch, loss.lane, loss.first, loss.last)
                    for loss in machine.spool.losses()
                ]
        return found

    def _end(self) -> None:
        for machine in (self.hub, *self.gateways):
            machine.retired = True
            machine.kill()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()
        disk.unmount_all()


def run_seed(seed: int, *, keep: int = 400) -> Outcome:
    """Run one world from its begin to its end."""
    logging.disable(logging.CRITICAL)
    gc.disable()
    try:
        return World(seed, keep=keep).run()
    finally:
        gc.enable()
