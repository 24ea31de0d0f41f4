"""The gateway as a whole: one TaskGroup in which every room has its tasks.

A press goes device → panic task → spool → link and waits for nothing else. When the card is found damaged, the
spool is set aside and a new one made while the drivers go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any

from contract.messages import Reply
from contract.readiness import Readiness
from edge.card import Card
from edge.clock import Clock, random_hex
from edge.commands import FILE as NONCES
from edge.commands import Commands, UsedNonces
from edge.config import Config
from edge.desired import Desired
from edge.drivers import registry
from edge.drivers.ads1115 import I2c
from edge.drivers.base import Edge, LineFault
from edge.errors import CorruptCard
from edge.health import Health, read_health
from edge.link import Link
from edge.local_door import LocalDoor
from edge.orders import IDENTIFY_S, Orders
from edge.outputs import Outputs
from edge.panic import Panic
from edge.pictures import Pictures
from edge.renewal import Renewal
from edge.sampler import Sampler
from edge.second_path import SecondPath
from edge.session import Identity, Session
from edge.spool import Spool
from edge.uplink import Uplink
from edge.version import left_behind_ms, software_version
from edge.vitals import Showing
from edge.wanted import Wanted
from edge.watchdog import STUCK_MS, Watchdog
from edge.ways import ways

log = logging.getLogger(__name__)

MQTT_SLOTS = 64
"""Publishes without a PUBACK at once: what our broker allows (provisioning/broker.py)."""

HOUSEKEEPING_S = 1.0
"""How often lamps are refreshed and the spool is offered its housekeeping."""

SPOOL_TICK_MS = 60_000

AGE_LOOK_S = 86_400.0
"""How often it is told that the running version has expired."""


class EdgeApp:
    """Everything that a gateway is. The constructor only stores; ``run`` opens, works and closes."""

    def __init__(
        self,
        config: Config,
        *,
        clock: Clock,
        random: Random,
        pins: Any = None,
        i2c: Callable[[int], I2c] | None = None,
        config_hash: str = "",
        desired: Desired | None = None,
        trial: bool = False,
        readiness: Readiness | None = None,
    ) -> None:
        """
        Args:
            pins: a gpiozero pin factory; None takes the board's own. Only the simulator passes one.
            i2c: an I2C bus by its number; None takes the board's own. Only the simulator passes one.
            config_hash: SHA-256 of the configuration file, told in beats.
            desired: keeps what the hub wants; None: only the file's configuration runs.
            trial: this configuration is on trial.
        """
        self._config = config
        self._clock = clock
        self._random = random
        self._identity = Identity(
            config.gateway.id, config.gateway.cell, config.gateway.beat_s, software_version(), config_hash
        )
        self._readiness = readiness or Readiness()
        self._drivers = registry.build(config, clock=clock, pins=pins, i2c=i2c)
        self.card = Card(config.spool, gateway=config.gateway.id, clock=clock, committed=self._wake)
        self.outputs = Outputs(self._drivers.buttons, clock=clock, show=self._drivers.show)
        self.panic = Panic(
            sink=self.card, outputs=self.outputs, random_hex=random_hex, on_stored=self._drivers.pressed
        )
        self._watchdog = Watchdog(self._readiness, clock=clock)
        self.sampler = Sampler(
            self._drivers.schedules,
            clock=clock,
            sink=self.card,
            random_hex=random_hex,
            on_poll=self._watchdog.polled,
        )
        self._link: Link | None = None
        self.pictures = Pictures(config, read=self._drivers.picture)
        self.uplink: Uplink | None = None
        """The sending side; None before the gateway runs."""
        self._orders = Orders(self)
        self._session: Session | None = None
        self._wanted = None if desired is None else self._new_wanted(desired, trial=trial)
        self._blinking: asyncio.Task[None] | None = None
        self._commands = self._new_commands()
        self._door = LocalDoor(config.spool.path.parent, self._orders)
        self._second_path = self._new_second_path()
        self._showing = Showing(config.spool.path, self._identity.software, clock)
        self._renewal = Renewal(config, clock=clock, random=random, renewed=self._renewed)

    def _new_wanted(self, desired: Desired, *, trial: bool) -> Wanted:
        return Wanted(
            desired,
            self._identity,
            trial=trial,
            reached=self._reached,
            answer=self._reply,
            clock=self._clock,
        )

    def _new_commands(self) -> Commands:
        return Commands(
            self._orders,
            UsedNonces(self._config.spool.path.parent / NONCES),
            gateway=self._config.gateway.id,
            hub_ms=self._hub_ms,
            answer=self._reply,
        )

    def _new_second_path(self) -> SecondPath:
        return SecondPath(
            ways(self._config),
            self.spool,
            gateway=self._config.gateway.id,
            clock=self._clock,
            received=self.outputs.received,
        )

    async def run(self) -> None:
        """Work until cancelled.

        Raises:
            EdgeError: the gateway cannot start as it is configured here; the message carries a hint.
        """
        self.card.open()
        try:
            self.card.note("gateway_start", {"software": self._identity.software})
            self._link = self._new_link()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._drivers.run(self._edge), name="drivers")
                group.create_task(
                    self._drivers.listen(self._edge, self._line_fault, self.sampler.past),
                    name="devices that speak",
                )
                group.create_task(self._drivers.serve(self.card), name="services")
                group.create_task(self.panic.run(), name="panic")
                group.create_task(self.sampler.run(), name="sampler")
                group.create_task(self._linked(self._link), name="link")
                group.create_task(self._second_path.run(), name="second path")
                group.create_task(self._renewal.run(), name="renewal")
                group.create_task(self._housekeeping(), name="housekeeping")
                group.create_task(self._watchdog.run(), name="watchdog")
                group.create_task(self._tell_age(), name="age")
                group.create_task(self._door.run(), name="door")
                group.create_task(self._commands.run(), name="commands")
                if self._wanted is not None:
                    group.create_task(self._wanted.take(), name="desired")
                    group.create_task(self._wanted.judge(), name="trial")
                self._showing.begin()
                self._readiness.ready()
        finally:
            self._readiness.stopping()
            self._showing.end()
            self.card.close()

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """The spool open and the devices watched, and nothing sent: for who looks while no gateway runs.

        Raises:
            EdgeError: a gateway could not start here either.
        """
        self.card.open()
        watching = asyncio.gather(
            self._drivers.run(lambda _: None),
            self._drivers.listen(lambda _: None, lambda _: None, lambda _: None),
        )
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            self.card.close()

    # What orders ask.

    @property
    def spool(self) -> Spool:
        """What is stored and not settled."""
        return self.card.spool

    @property
    def buttons(self) -> tuple[str, ...]:
        """The panic buttons."""
        return self._drivers.buttons

    @property
    def clock(self) -> Clock:
        """The gateway's clocks."""
        return self._clock

    @property
    def software(self) -> str:
        """The version that runs."""
        return self._identity.software

    @property
    def config_hash(self) -> str:
        """SHA-256 of the configuration file."""
        return self._identity.config

    def identify(self) -> bool:
        """Blink all lamps for a while; False where there are none."""
        if not self._drivers.has_lamps:
            return False
        if self._blinking is None or self._blinking.done():
            self._blinking = asyncio.create_task(self._blink(), name="identify")
        return True

    async def _blink(self) -> None:
        try:
            await self._drivers.blink(IDENTIFY_S)
        finally:
            self.outputs.again()

    def restart(self, device: str) -> bool:
        """Open the line of a device anew; False where it has none."""
        return self._drivers.restart(device)

    def _hub_ms(self) -> int | None:
        """The hub's time: the gateway's own, which it has from a time server or from the hub."""
        now = self.spool.timeline.at(self._clock.mono_ms())
        return None if now is None else now.t_ms

    def _reached(self) -> bool:
        """Whether the hub is within reach now."""
        return self.uplink is not None and self.uplink.reached

    def _reply(self, reply: Reply) -> None:
        if self._session is not None and self._link is not None:
            self._session.answer(reply)
            self._link.wake()

    @property
    def link_trouble(self) -> str:
        """Why there is no connection; empty while there is one."""
        return "" if self._link is None else self._link.trouble

    # What the beat asks.

    def health(self) -> Health:
        """The state of the box."""
        return read_health(self._config.spool.path.parent)

    def devices_down(self) -> tuple[str, ...]:
        """Devices that do not answer now."""
        return self.sampler.devices_down

    def _edge(self, edge: Edge) -> None:
        if edge.role == "panic":
            if self._blinking is not None:
                # A lamp must not blink where it has something to say.
                self._blinking.cancel()
            self.panic.edge(edge)
        else:
            self.sampler.edge(edge)

    def _line_fault(self, fault: LineFault) -> None:
        broken = bool(fault.state)
        if broken:
            log.warning("line_fault device=%s state=%s", fault.device, fault.state)
        else:
            log.info("line_whole device=%s", fault.device)
        self.outputs.line(fault.device, broken=broken)
        kind = "panic_fault" if broken else "panic_line_whole"
        self.sampler.event(kind, fault.device, {"state": fault.state} if broken else {}, fault.mono_ms)

    def _wake(self) -> None:
        if self._link is not None:
            self._link.wake()

    def _renewed(self) -> None:
        if self._link is not None:
            self._link.renewed()

    def _new_link(self) -> Link:
        self.uplink = Uplink(self.spool, self._random, mqtt_slots=MQTT_SLOTS)
        session = Session(
            self._identity,
            self.spool,
            self.uplink,
            clock=self._clock,
            status=self,
            on_received=self.outputs.received,
            on_answered=self.outputs.acknowledged,
            on_command=self._commands.take,
            on_config=None if self._wanted is None else self._wanted.want,
        )
        self._session = session
        return Link(self._config.broker, session, clock=self._clock, random=self._random)

    async def _linked(self, link: Link) -> None:
        """Keep the link. It goes on with the new spool when the card turns out to be damaged."""
        while True:
            try:
                await link.run()
            except* CorruptCard as group:
                self.card.quarantine(_first(group))

    async def _housekeeping(self) -> None:
        last_ms = self._clock.mono_ms()
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            self._watchdog.progress.made("housekeeping", again_ms=STUCK_MS)
            self._watchdog.look_at(self.panic)
            self.outputs.refresh()
            self._showing.show(reached=self._reached())
            now_ms = self._clock.mono_ms()
            if now_ms - last_ms >= SPOOL_TICK_MS:
                last_ms = now_ms
                self.card.tick()

    async def _tell_age(self) -> None:
        """Tell once a day that this version was to be replaced by now: somebody may be keeping newer ones away."""
        while True:
            late_ms = left_behind_ms(self._clock.now_ms())
            if late_ms is not None:
                days = late_ms // 86_400_000
                log.error("software.left_behind version=%s days=%d", self._identity.software, days)
                self.card.note("software_left_behind", {"software": self._identity.software, "days": days})
            await asyncio.sleep(AGE_LOOK_S)


def _first(group: BaseExceptionGroup[CorruptCard]) -> CorruptCard:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, CorruptCard)
    return error
