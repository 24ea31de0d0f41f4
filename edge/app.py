"""The gateway as a whole: one TaskGroup in which every room has its tasks.

A press goes device → panic task → spool → link and waits for nothing else. When the card is found damaged, the
spool is set aside and a new one made while the drivers go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from random import Random
from typing import Any, TypeVar

from contract.codec import encode_body
from contract.messages import DesiredConfig, EventBody, Reply
from contract.readiness import Readiness
from edge.clock import Clock, random_hex
from edge.commands import FILE as NONCES
from edge.commands import Commands, UsedNonces
from edge.config import Config, SpoolSettings
from edge.desired import PATIENCE_MS, SETTLE_MS, Desired
from edge.drivers import registry
from edge.drivers.ads1115 import I2c
from edge.drivers.base import Edge, LineFault
from edge.errors import ConfigChanged, CorruptCard, EdgeError
from edge.health import Health, read_health
from edge.link import Link
from edge.local_door import LocalDoor
from edge.orders import IDENTIFY_S, Orders
from edge.outputs import Outputs
from edge.panic import Panic
from edge.progress import Progress
from edge.renewal import Renewal
from edge.sampler import Sampler
from edge.second_path import SecondPath
from edge.session import Identity, Session
from edge.spool import Appended, Quotas, Sample, Spool
from edge.uplink import Uplink
from edge.version import left_behind_ms, software_version
from edge.vitals import Showing
from edge.ways import ways

log = logging.getLogger(__name__)

T = TypeVar("T")

MQTT_SLOTS = 64
"""Publishes without a PUBACK at once: what our broker allows (provisioning/broker.py)."""

HOUSEKEEPING_S = 1.0
"""How often lamps are refreshed and the spool is offered its housekeeping."""

SPOOL_TICK_MS = 60_000

TRIAL_LOOK_S = 0.5

STUCK_MS = 20_000
"""A room that should have got on and has not for so long is stuck: the watchdog is not fed any more."""

AGE_LOOK_S = 86_400.0
"""How often it is told that the running version has expired."""

SCAN_BYTES = 240
"""What an attendance scan takes in the event lane, at most."""


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
        self.spool = Spool(str(config.spool.path), quotas=quotas(config.spool))
        self.outputs = Outputs(self._drivers.buttons, clock=clock, show=self._drivers.show)
        self.panic = Panic(sink=self, outputs=self.outputs, random_hex=random_hex)
        self._progress = Progress(clock)
        self._polled_s = 0.0
        self._panic_steps = 0
        self.sampler = Sampler(
            self._drivers.schedules, clock=clock, sink=self, random_hex=random_hex, on_poll=self._polled
        )
        self._link: Link | None = None
        self.uplink: Uplink | None = None
        """The sending side; None before the gateway runs."""
        self._orders = Orders(self)
        self._session: Session | None = None
        self._desired = desired
        self._trial = trial
        self._wanted: asyncio.Queue[DesiredConfig] = asyncio.Queue()
        self._blinking: asyncio.Task[None] | None = None
        self._commands = Commands(
            self._orders,
            UsedNonces(config.spool.path.parent / NONCES),
            gateway=config.gateway.id,
            hub_ms=self._hub_ms,
            answer=self._reply,
        )
        self._door = LocalDoor(config.spool.path.parent, self._orders)
        self._second_path = SecondPath(
            ways(config),
            self.spool,
            gateway=config.gateway.id,
            clock=clock,
            received=self.outputs.received,
        )
        self._showing = Showing(config.spool.path, self._identity.software, clock)
        self._renewal = Renewal(config, clock=clock, random=random, renewed=self._renewed)

    async def run(self) -> None:
        """Work until cancelled.

        Raises:
            EdgeError: the gateway cannot start as it is configured here; the message carries a hint.
        """
        self._config.spool.path.parent.mkdir(parents=True, exist_ok=True)
        opening = self.spool.open(self._clock.boot_id(), self._clock.mono_ms())
        log.info("spool.open state=%s reason=%s salvaged=%d", opening.state, opening.reason, opening.salvaged)
        try:
            if opening.state == "quarantined":
                self._note("spool_quarantined", {"reason": opening.reason})
            self._note("gateway_start", {"software": self._identity.software})
            self._link = self._new_link()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._drivers.run(self._edge), name="drivers")
                group.create_task(self._drivers.watch_loops(self._edge, self._line_fault), name="loops")
                group.create_task(self._drivers.serve(self), name="services")
                group.create_task(self.panic.run(), name="panic")
                group.create_task(self.sampler.run(), name="sampler")
                group.create_task(self._linked(self._link), name="link")
                group.create_task(self._second_path.run(), name="second path")
                group.create_task(self._renewal.run(), name="renewal")
                group.create_task(self._housekeeping(), name="housekeeping")
                group.create_task(self._watchdog(), name="watchdog")
                group.create_task(self._tell_age(), name="age")
                group.create_task(self._door.run(), name="door")
                group.create_task(self._commands.run(), name="commands")
                if self._desired is not None:
                    group.create_task(self._take_wanted(self._desired), name="desired")
                    group.create_task(self._judge_trial(self._desired), name="trial")
                self._showing.begin()
                self._readiness.ready()
        finally:
            self._readiness.stopping()
            self._showing.end()
            self.spool.close()

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """The spool open and the devices watched, and nothing sent: for who looks while no gateway runs.

        Raises:
            EdgeError: a gateway could not start here either.
        """
        self._config.spool.path.parent.mkdir(parents=True, exist_ok=True)
        self.spool.open(self._clock.boot_id(), self._clock.mono_ms())
        watching = asyncio.gather(
            self._drivers.run(lambda _: None), self._drivers.watch_loops(lambda _: None, lambda _: None)
        )
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            self.spool.close()

    # What sampler and panic commit through.

    def append_samples(self, samples: Sequence[Sample]) -> Appended:
        """Commit samples to the telemetry lane."""
        return self._committed(lambda: self.spool.append_samples(samples))

    def append_events(self, events: Sequence[tuple[int, bytes]]) -> Appended:
        """Commit (boot clock, body) records to the event lane."""
        return self._committed(lambda: self.spool.append_events(events))

    def event_room(self) -> int:
        """Half of the event lane is for devices that can wait: doors, beds and faults cannot."""
        return int(self._config.spool.event_mb * 1e6) // 2 // SCAN_BYTES - self.spool.unsettled("event")

    def next_event_row(self) -> int:
        """Row that the next event will have."""
        return self.spool.next_row("event")

    def event_body(self, row: int) -> bytes | None:
        """The event of that row; None when it is not on the card any more."""
        return self.spool.body("event", row)

    def append_panic(self, mono_ms: int, body: bytes) -> Appended:
        """Commit one record to the panic lane."""
        return self._committed(lambda: self.spool.append_panic(mono_ms, body))

    # What orders ask.

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

    def _committed(self, act: Callable[[], Appended]) -> Appended:
        appended = self._guarded(act)
        if self._link is not None:
            self._link.wake()
        return appended

    def _renewed(self) -> None:
        if self._link is not None:
            self._link.renewed()

    def _guarded(self, act: Callable[[], T]) -> T:
        """Do it on the spool; on a damaged card make a new spool and do it there."""
        try:
            return act()
        except CorruptCard as error:
            self._quarantine(error)
            return act()

    def _quarantine(self, error: CorruptCard) -> None:
        opening = self.spool.quarantine(error.reason, self._clock.mono_ms())
        log.error(
            "spool.quarantined reason=%s salvaged=%d error=%r", opening.reason, opening.salvaged, str(error)
        )
        self._note("spool_quarantined", {"reason": opening.reason})

    def _note(self, kind: str, data: dict[str, str | int | float | bool | None]) -> None:
        """Record something that happened to the gateway itself; it must not stop the gateway."""
        body = encode_body(EventBody(id=random_hex(16), kind=kind, device=self._identity.gateway, data=data))
        try:
            self.spool.append_events([(self._clock.mono_ms(), body)])
        except EdgeError as error:
            log.error("event.unstored kind=%s error=%r", kind, str(error))

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
            on_config=None if self._desired is None else self._wanted.put_nowait,
        )
        self._session = session
        return Link(self._config.broker, session, clock=self._clock, random=self._random)

    async def _linked(self, link: Link) -> None:
        """Keep the link. It goes on with the new spool when the card turns out to be damaged."""
        while True:
            try:
                await link.run()
            except* CorruptCard as group:
                self._quarantine(_first(group))

    async def _housekeeping(self) -> None:
        last_ms = self._clock.mono_ms()
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            self._progress.made("housekeeping", again_ms=STUCK_MS)
            self._watch_panic()
            self.outputs.refresh()
            self._showing.show(reached=self.uplink is not None and self.uplink.reached)
            now_ms = self._clock.mono_ms()
            if now_ms - last_ms >= SPOOL_TICK_MS:
                last_ms = now_ms
                try:
                    self._guarded(lambda: self.spool.tick(self._clock.mono_ms()))
                except EdgeError as error:
                    log.error("spool.housekeeping_failed error=%r", str(error))

    async def _take_wanted(self, desired: Desired) -> None:
        """Try what the hub wants: the gateway then ends in good order, with everything committed, and begins anew.

        Raises:
            ConfigChanged: it is to begin anew now.
        """
        while True:
            wanted = await self._wanted.get()
            try:
                desired.take(wanted)
            except ConfigChanged:
                raise
            except (EdgeError, OSError) as error:
                log.error("config.refused version=%d error=%s", wanted.config_version, error)
                self._reply(self._standing(wanted.config_version, str(error)))

    async def _judge_trial(self, desired: Desired) -> None:
        """Keep the trial once the hub was within reach for long enough, or take it back; then tell the hub.

        Raises:
            ConfigChanged: it is taken back, and what ran before is to begin.
        """
        began_ms = since_ms = self._clock.mono_ms()
        while self._trial:
            await asyncio.sleep(TRIAL_LOOK_S)
            now_ms = self._clock.mono_ms()
            if self.uplink is None or not self.uplink.reached:
                since_ms = now_ms
            if now_ms - since_ms >= SETTLE_MS:
                desired.keep()
                self._trial = False
            elif now_ms - began_ms >= PATIENCE_MS:
                desired.refuse("pusat tidak terjangkau / hub out of reach")
                raise ConfigChanged("config", "the trial has not reached the hub")
        state = desired.state
        if state is not None:
            self._reply(self._standing(state.version, state.error if state.phase == "refused" else ""))

    def _standing(self, version: int, error: str) -> Reply:
        """What runs, in answer to what the hub wants."""
        return Reply(
            gateway=self._identity.gateway,
            ok=not error,
            error=error,
            config_version=version,
            config_hash=self._identity.config,
        )

    async def _tell_age(self) -> None:
        """Tell once a day that this version was to be replaced by now: somebody may be keeping newer ones away."""
        while True:
            late_ms = left_behind_ms(self._clock.now_ms())
            if late_ms is not None:
                days = late_ms // 86_400_000
                log.error("software.left_behind version=%s days=%d", self._identity.software, days)
                self._note("software_left_behind", {"software": self._identity.software, "days": days})
            await asyncio.sleep(AGE_LOOK_S)

    async def _watchdog(self) -> None:
        """Tell the service manager of progress, for as long as the event loop turns and every room gets on."""
        pause_s = self._readiness.watchdog_s
        while pause_s is not None:
            stuck = self._progress.stuck()
            if stuck is None:
                self._readiness.progress()
            else:
                log.critical("watchdog.withheld room=%s", stuck)
            await asyncio.sleep(pause_s)

    def _polled(self, poll_s: float) -> None:
        # One device may hang in its driver; that none is polled any more is another thing.
        self._polled_s = max(self._polled_s, poll_s)
        self._progress.made("sampler", again_ms=int(self._polled_s * 1000) + STUCK_MS)

    def _watch_panic(self) -> None:
        """The panic room gets on while nothing waits in it, and while it tries."""
        if not self.panic.unstored or self.panic.steps != self._panic_steps:
            self._panic_steps = self.panic.steps
            self._progress.made("panic", again_ms=STUCK_MS)


def quotas(settings: SpoolSettings) -> Quotas:
    """The spool's quotas as its settings say."""
    return Quotas(
        panic_bytes=int(settings.panic_mb * 1e6),
        event_bytes=int(settings.event_mb * 1e6),
        telemetry_bytes=int(settings.telemetry_mb * 1e6),
    )


def _first(group: BaseExceptionGroup[CorruptCard]) -> CorruptCard:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, CorruptCard)
    return error
