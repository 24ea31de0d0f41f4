"""A gateway of the world: the production spool, session, panic task and outputs on a fake board.

What edge/app.py and edge/link.py do with threads and sockets is done here on the world's loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

import msgspec

from contract import topics
from contract.codec import encode_body
from contract.messages import EventBody
from edge.drivers.base import Edge
from edge.errors import CardError, CorruptCard
from edge.health import Health
from edge.link import STEADY_S, Backoff
from edge.outputs import Outputs, Shown
from edge.panic import Panic
from edge.session import Identity, Publish, Session
from edge.spool import Appended, Quotas, Spool
from edge.uplink import Uplink
from simulator.world import disk
from simulator.world.card import WorldCard
from simulator.world.clocks import BoardClock, Wall, waking_wall
from simulator.world.loop import WorldLoop
from simulator.world.machine import Machine
from simulator.world.network import Broker, Connection, Filter, Link, Will
from simulator.world.oracle import Oracle, Promise, Sending
from simulator.world.trace import Trace

FILE = "spool.sqlite"
RESTART_S = (0.5, 12.0)
"""Time from the death of the process to the next start."""
OPEN_AGAIN_S = 2.0

MQTT_SLOTS = 64
FRAMES_AT_ONCE = 2000
"""Frames that are sent in one go; more are a sending side that never waits."""
SMALL_TABLES_BYTES = 1_800_000
"""What the spool may take beside its lanes and its log, whatever its quotas are."""


@dataclass(frozen=True)
class Enrolment:
    """What the gateway was given."""

    gateway: str
    cell: int
    site: str
    beat_s: float
    quotas: Quotas


class _Sample(NamedTuple):
    mono_ms: int
    values: tuple[float | int | None, ...]
    device: str = "river"
    kind: str = "river_post"
    quantities: tuple[str, ...] = ("level_m", "tips")
    """``tips`` counts up for ever, so the oracle knows each record by it."""
    quality: tuple[tuple[int, int], ...] = ()


class _Healthy:
    def health(self) -> Health:
        return Health(45.0, False, None)

    def devices_down(self) -> tuple[str, ...]:
        return ()


class GatewayMachine(Machine):
    """One board with its card.

    Attributes:
        level_m: what the river post measures now.
    """

    def __init__(
        self,
        name: str,
        enrolment: Enrolment,
        loop: WorldLoop,
        random: Random,
        trace: Trace,
        *,
        card: disk.Disk,
        broker: Broker,
        link: Link,
        oracle: Oracle,
        next_tip: Callable[[], int],
    ) -> None:
        super().__init__(name, loop, random, trace, card=card, link=link)
        self.enrolment = enrolment
        self.level_m = 1.0
        self.spool: Spool | None = None
        self.clock: BoardClock | None = None
        self.connection: Connection | None = None
        self._broker = broker
        self._oracle = oracle
        self._next_tip = next_tip
        self._session: Session | None = None
        self._panic: Panic | None = None
        self._outputs: Outputs | None = None
        self._files: WorldCard | None = None
        self._cold = True
        self._timer: asyncio.TimerHandle | None = None
        self._sending = Sending()
        self._pressed: dict[str, list[str]] = {}
        self._renewed = asyncio.Event()
        self._tokens: dict[int, int] = {}

    @property
    def gateway(self) -> str:
        """The id it is enrolled with."""
        return self.enrolment.gateway

    @property
    def unstored(self) -> int:
        """Presses that no card holds yet."""
        return self._panic.unstored if self._panic is not None else 0

    # Life and death

    def start(self) -> None:
        """Boot, or start the process again on a board that stayed up."""
        if self.running or self.retired:
            return
        if self._cold or self.clock is None:
            self.clock = BoardClock(
                self.loop,
                boot_id=self._uuid(),
                drift_ppm=self.random.uniform(-100, 100),
                wall=waking_wall(self.random, self.loop),
            )
            self._cold = False
        self.begin()
        self.spawn(self._run(), "run")

    def restart(self) -> None:
        """The process is stopped in good order, and started again."""
        if self.running:
            if self.spool is not None:
                self._guard(self.spool.close)
            self.kill()

    def retire(self) -> None:
        """Never seen again, and its card with it."""
        if not self.retired:
            self.retired = True
            self.kill()
            self._oracle.disaster(self.name, self.gateway, "retired", clone=True)

    def power_cut(self) -> None:
        self._cold = True
        if self.connection:
            self.connection.vanish()
        super().power_cut()

    def ended(self) -> None:
        if self.connection:
            self.connection.die()
        self.connection = None
        if self._timer:
            self._timer.cancel()
        if self._files:
            # Not here: the card may have stopped the machine in the middle of a statement.
            self.loop.call_soon(self._files.let_go)
        self.spool = self._session = self._panic = self._outputs = self._files = None
        self._pressed.clear()
        if not self.retired:
            self.loop.call_later(self.pause(RESTART_S), self.start)

    def _stopped_by_card(self) -> None:
        super()._stopped_by_card()
        if self.random.random() < 0.5:
            self._cold = True
            self.card.power_cut(self.random)

    def _uuid(self) -> str:
        text = self.random.randbytes(16).hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def _random_hex(self, n_bytes: int) -> str:
        return self.random.randbytes(n_bytes).hex()

    async def _run(self) -> None:
        assert self.clock is not None
        life = self.life
        self._files = WorldCard(self.name, self.card)
        spool = Spool(FILE, quotas=self.enrolment.quotas, card=self._files, random_hex=self._random_hex)
        while True:
            try:
                opening = spool.open(self.clock.boot_id(), self.clock.mono_ms())
                break
            except CardError as error:
                self.trace("spool not open", self.name, type(error).__name__)
                await self.sleep(OPEN_AGAIN_S)
        if not self.is_alive(life):
            return
        self._opened(opening.state)
        self.spool = spool
        self._outputs = Outputs(("button-1", "button-2"), clock=self.clock, show=self._show)
        outputs = self._outputs
        self._panic = panic = Panic(sink=self, outputs=outputs, random_hex=self._random_hex)
        if opening.state == "quarantined":
            self.happen("spool_quarantined")
        self.happen("gateway_start")
        if not self.is_alive(life):
            return
        self.spawn(panic.run(), "panic")
        self.spawn(self._keep(spool, outputs), "keep")
        while True:
            # As edge/app.py: a spool that was made anew gets a sending side of its own.
            self._renewed.clear()
            session = self._new_session(spool, outputs)
            link = self.spawn(self._linked(session), "link")
            await self._renewed.wait()
            link.cancel()
            if self.connection:
                self.connection.die()
                self.connection = None

    def _new_session(self, spool: Spool, outputs: Outputs) -> Session:
        assert self.clock is not None
        self._session = Session(
            Identity(self.gateway, self.enrolment.cell, self.enrolment.beat_s, "world", "0" * 64),
            spool,
            Uplink(spool, Random(self.random.randbytes(8)), mqtt_slots=MQTT_SLOTS),
            clock=self.clock,
            status=_Healthy(),
            on_received=outputs.received,
        )
        return self._session

    def _opened(self, state: str) -> None:
        self.trace("spool", self.name, state)
        if state == "quarantined":
            self._oracle.disaster(self.name, self.gateway, "quarantine")
        if state != "reopened":
            self._oracle.renewed(self.gateway)

    def _guard(self, act: Callable[[], None]) -> None:
        """What the app does around every use of the spool: a corrupt card is set aside, a failing one left."""
        try:
            act()
        except CorruptCard as error:
            self._quarantine(str(error))
        except CardError as error:
            self.trace("card", self.name, type(error).__name__)

    def _quarantine(self, reason: str) -> None:
        assert self.spool is not None
        assert self.clock is not None
        try:
            self._opened(self.spool.quarantine(reason, self.clock.mono_ms()).state)
        except CardError as error:
            self.trace("card", self.name, type(error).__name__)
            return
        self.happen("spool_quarantined")
        self._renewed.set()

    async def _keep(self, spool: Spool, outputs: Outputs) -> None:
        """Housekeeping: the spool's tick and the lamps."""
        while True:
            self._guard(lambda: spool.tick(self.clock.mono_ms() if self.clock else 0))
            outputs.refresh()
            await self.sleep(20.0)

    # What happens at the site

    def press(self, device: str) -> None:
        """Somebody presses a panic button."""
        if self._panic is not None and self.clock is not None:
            self._panic.edge(Edge(device, "panic", True, self.clock.mono_ms()))

    def happen(self, kind: str) -> None:
        """Something for the event lane."""
        if self.spool is None or self.clock is None:
            return
        event_id = self._random_hex(16)
        body = encode_body(EventBody(id=event_id, kind=kind, device="door", data={"n": self._next_tip()}))
        self._guard(lambda: self.append_events([(self.clock.mono_ms(), body)]))  # type: ignore[union-attr]

    def sample(self, count: int = 1) -> None:
        """The river post is polled; several samples are one group."""
        if self.spool is None or self.clock is None:
            return
        now = self.clock.mono_ms()
        samples = [
            _Sample(now - 20 * (count - 1 - at), (round(self.level_m, 3), self._next_tip()))
            for at in range(count)
        ]
        self._guard(lambda: self._append_samples(samples))

    def _append_samples(self, samples: Sequence[_Sample]) -> None:
        assert self.spool is not None
        life = self.life
        appended = self.spool.append_samples(samples)
        if self.is_alive(life):
            for at, sample in enumerate(samples):
                tip = str(sample.values[1])
                self._promise(
                    appended,
                    at,
                    uid=tip,
                    body=f"river:{tip}".encode(),
                    device="river",
                    mono_ms=sample.mono_ms,
                )
            self._pump()

    def append_panic(self, mono_ms: int, body: bytes) -> None:
        """The panic task commits a press."""
        assert self.spool is not None
        try:
            appended = self.spool.append_panic(mono_ms, body)
        except CorruptCard as error:
            self._quarantine(str(error))
            appended = self.spool.append_panic(mono_ms, body)
        self._append(appended, body, mono_ms)

    def append_events(self, events: Sequence[tuple[int, bytes]]) -> None:
        """An event is committed."""
        assert self.spool is not None
        [(mono_ms, body)] = events
        self._append(self.spool.append_events(events), body, mono_ms)

    def _append(self, appended: Appended, body: bytes, mono_ms: int) -> None:
        if self.running:
            uid, device = _identify(body)
            self._promise(appended, 0, uid=uid, body=body, device=device, mono_ms=mono_ms)
            if appended.lane == "panic":
                self._pressed.setdefault(device, []).append(uid)
            self._pump()

    def _promise(
        self, appended: Appended, at: int, *, uid: str, body: bytes, device: str, mono_ms: int
    ) -> None:
        assert self.clock is not None
        key = (self.gateway, appended.epoch, appended.lane, appended.first + at)
        self.trace("promise", self.name, *key[1:], uid)
        true_ms = self.clock.true_of(mono_ms)
        self._oracle.promised(
            Promise(self.name, self.gateway, appended.lane, uid, key, body, device, true_ms)
        )

    def _show(self, device: str, shown: Shown) -> None:
        if self.running and shown.proven is not None:
            self._oracle.lamp(self.name, self.gateway, int(shown.proven), self._pressed.get(device, ()))

    # The link

    async def _linked(self, session: Session) -> None:
        """The link; a card that fails under it ends it, and it begins anew."""
        while True:
            try:
                await self._stay_connected(session)
            except CorruptCard as error:
                self._quarantine(str(error))
            except CardError as error:
                self.trace("link ends", self.name, type(error).__name__)
            if self.connection:
                self.connection.close()
                self.connection = None
            await self.sleep(1.0)

    async def _stay_connected(self, session: Session) -> None:
        assert self.clock is not None
        clock = self.clock
        backoff, random = Backoff(), Random(self.random.randbytes(8))
        attempt = 0
        while True:
            began_ms = clock.mono_ms()
            await self.sleep(self.random.uniform(0.01, 0.2))
            lost = asyncio.Event()
            name = random.randbytes(8).hex()
            if self._connect(session, name, lost):
                await lost.wait()
                self.connection = None
                session.disconnected(clock.mono_ms())
                self.trace("disconnected", self.name)
            held_s = (clock.mono_ms() - began_ms) / 1000
            attempt = 0 if held_s > STEADY_S else attempt + 1
            await self.sleep(backoff.delay_s(attempt, random, urgent=session.panic_waits))

    def _connect(self, session: Session, name: str, lost: asyncio.Event) -> bool:
        assert self.clock is not None
        will = session.will(name)
        tokens: dict[int, int] = {}
        life = self.life

        def on_message(topic: str, payload: bytes, _retained: bool) -> None:
            if self.is_alive(life):
                self._guard(lambda: self._received(topic, payload))

        def on_puback(mid: int) -> None:
            token = tokens.pop(mid, None)
            if token is not None and self.is_alive(life) and self.clock is not None:
                session.acknowledged(token, self.clock.mono_ms())
                self._pump()

        connection = self._broker.connect(
            self.gateway,
            self.link,
            (Filter(topics.gateway_filter(self.enrolment.cell, self.gateway)),),
            on_message=on_message,
            on_puback=on_puback,
            on_lost=lost.set,
            will=Will(will.topic, will.payload),
        )
        if connection is None:
            return False
        self.trace("connected", self.name)
        self.connection = connection
        self._tokens = tokens
        self._sending = Sending()
        for message in session.connected(name, self.clock.mono_ms()):
            self._publish(message)
        self.spawn(self._beats(connection), "beats")
        self._pump()
        return True

    def _received(self, topic: str, payload: bytes) -> None:
        if self._session is not None and self.clock is not None:
            self.trace("hears", self.name, topic.rsplit("/", 1)[1], payload)
            for message in self._session.received(topic, payload, self.clock.mono_ms()):
                self._publish(message)
            self._pump()

    async def _beats(self, connection: Connection) -> None:
        while self._session is not None and self.clock is not None and connection is self.connection:
            self._weigh()
            self._guard(lambda: self._publish(self._session.beat(self.clock.mono_ms())))  # type: ignore[union-attr]
            await self.sleep(self._session.interval_s)

    def _pump(self) -> None:
        """Publish all that may be published now, and look again when the session says so."""
        if self._timer:
            self._timer.cancel()
        # Looked at again even if the card fails now; _send sets the true time.
        self._timer = self.loop.call_later(1.0, self._pump)
        self._guard(self._send)

    def _send(self) -> None:
        for _ in range(FRAMES_AT_ONCE):
            if self._session is None or self.connection is None or self.clock is None:
                return
            now_ms = self.clock.mono_ms()
            step = self._session.next(now_ms)
            if isinstance(step, int):
                pause = max(0.001, (step - now_ms) / 1000)
                if self._timer:
                    self._timer.cancel()
                self._timer = self.loop.call_later(min(pause, 5.0), self._pump)
                return
            self._publish(step)
        self._oracle.fail("I8", f"{self.name} sends without end")
        self.kill()

    def _publish(self, message: Publish) -> None:
        if self.connection is None or not self.running:
            return
        leaf = message.topic.split("/", 4)[4]
        self.trace("says", self.name, leaf, message.payload)
        lane = leaf.removeprefix("up/")
        if lane in topics.LANES:
            self._oracle.sent(
                self.name,
                self.gateway,
                lane,
                message.payload,
                sending=self._sending,
                unsettled=self._unsettled_panics(lane),
            )
        elif lane == "beat":
            self._oracle.told(self.gateway, message.payload)
        mid = self.connection.publish(message.topic, message.payload, retain=message.retain)
        if message.token is not None:
            self._tokens[mid] = message.token

    def _weigh(self) -> None:
        """The spool stays in its quota, as the card itself shows."""
        quotas = self.enrolment.quotas
        lanes = quotas.panic_bytes + quotas.event_bytes + quotas.telemetry_bytes
        limit = lanes + lanes // 4 + 2 * quotas.wal_bytes + SMALL_TABLES_BYTES
        size = sum(self.card.size(FILE + suffix) for suffix in ("", "-wal", ".reserve"))
        if size > limit:
            self._oracle.fail("I11", f"the spool of {self.name} takes {size} bytes, at most {limit}")

    def _unsettled_panics(self, lane: str) -> set[str]:
        """Event ids of the panics on the card that wait, read from the card itself."""
        if lane == "panic" or self.spool is None or self.clock is None:
            return set()
        return {
            _identify(panic.body)[0] for panic in self.spool.overdue_panics(self.clock.mono_ms(), after_ms=0)
        }


def _identify(body: bytes) -> tuple[str, str]:
    decoded = msgspec.json.decode(body)
    return decoded["id"], decoded["device"]


def set_wall(machine: GatewayMachine, wall: Wall) -> None:
    """Somebody or something sets the board's wall clock."""
    if machine.clock is not None:
        machine.clock.wall = wall
