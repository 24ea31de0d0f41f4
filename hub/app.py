"""The hub, put together: what is made of what, in which order it starts, and how it stops."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

from sqlalchemy import Connection, select

from contract.messages import Incarnation
from hub import life
from hub.alarms import service as alarms
from hub.api.app import create_app
from hub.api.auth import setup
from hub.api.services import Services
from hub.bus import Bus
from hub.city.beds import PanelWords
from hub.city.watch import CityWatch
from hub.clock import Clock
from hub.config import BrokerSection, HubConfig, read_secret
from hub.db import Database
from hub.errors import StoreUnavailableError
from hub.fleet import gateways as fleet
from hub.fleet.liveness import Liveness
from hub.incidents.service import Incidents
from hub.incidents.tables import presses
from hub.incidents.technical import FAULTS
from hub.ingest.accept import AcceptedBeat
from hub.ingest.answered import Answered
from hub.ingest.answers import Answers, over
from hub.ingest.broker import Address
from hub.ingest.control import Control
from hub.ingest.events import StoredEvent
from hub.ingest.judging import Judging
from hub.ingest.pipeline import Pipeline
from hub.ingest.samples import Samples
from hub.ingest.subscriber import Subscriber
from hub.notify.channels.base import Channel
from hub.notify.channels.build import ChannelSpec, build
from hub.notify.worker import NotifyWorker
from hub.outbound import Outbound
from hub.readiness import Readiness
from hub.region import Region
from hub.region import load as load_region
from hub.rules import loader as rules
from hub.rules.model import Change, StationState
from hub.series.influx import Influx, InfluxConfig
from hub.series.shared import SharedQueries
from hub.series.writer import SeriesWriter
from hub.web import Web

log = logging.getLogger(__name__)

STORE_PAUSE_S = 1.0
"""Between two tries to reach a database server at start."""

REMEMBERED_PRESSES = 1000


@dataclass(frozen=True, slots=True)
class Ready:
    """What is said when the hub is ready.

    Attributes:
        api: address of the API.
        setup_code: the one-time code for the first administrator; None where there are users.
    """

    api: str
    setup_code: str | None


@dataclass(frozen=True, slots=True)
class _Memory:
    """What the store knew at start."""

    inc: Incarnation
    setup_code: str | None
    states: list[StationState]
    gateways: Sequence[Any]


class HubApp:
    """One hub. The constructor only stores; ``run`` acts.

    Args:
        on_ready: told once, when the store is open and the API listens. Broker and InfluxDB may come later.
    """

    def __init__(
        self,
        config: HubConfig,
        *,
        clock: Clock,
        random: Random | None = None,
        on_ready: Callable[[Ready], None] | None = None,
    ) -> None:
        self._config = config
        self._clock = clock
        self._random = random or SystemRandom()
        self._on_ready = on_ready
        self._stop = asyncio.Event()
        self._readiness = Readiness()

    def stop(self) -> None:
        """End ``run`` in good order. Call it in the event loop; idempotent."""
        self._stop.set()

    async def run(self) -> None:
        """Work until ``stop``.

        Raises:
            contract.strict_toml.TomlError: the region profile has mistakes.
            HubError: the store or a channel cannot be used as it is.
            OSError: the API's address is taken, or a secret's file cannot be read.
        """
        region = load_region(Path(self._config.profile))
        async with AsyncExitStack() as stack:
            db = Database(self._config.database_url)
            stack.push_async_callback(asyncio.to_thread, db.close)
            await self._open(db)
            if not self._stop.is_set():
                await self._with_store(stack, db, region)

    async def _open(self, db: Database) -> None:
        """Open the store, however long its server is away."""
        while not self._stop.is_set():
            try:
                await asyncio.to_thread(db.open)
            except StoreUnavailableError as error:
                log.error("store=down error=%s", error)
                await asyncio.sleep(STORE_PAUSE_S)
            else:
                return

    async def _with_store(self, stack: AsyncExitStack, db: Database, region: Region) -> None:
        memory = await self._recall(db)
        if memory is None:
            return
        outbound = Outbound(self._config.outbound.allow, allow_private=self._config.outbound.private)
        stack.push_async_callback(outbound.aclose)
        channels = build(_channel_specs(self._config), outbound, self._clock)
        for channel in channels.values():
            stack.push_async_callback(channel.aclose)
        influx = None
        if self._config.influx is not None:
            influx = await stack.enter_async_context(Influx(_influx_config(self._config)))
        web = Web(self._config.api)
        stack.callback(web.close)
        hub = _Hub(
            config=self._config,
            clock=self._clock,
            random=self._random,
            db=db,
            region=region,
            memory=memory,
            channels=channels,
            influx=influx,
            web=web,
        )
        await hub.run(self._stop, lambda: self._ready(web, memory))

    async def _recall(self, db: Database) -> _Memory | None:
        """What the store knows, however long its server is away; None when stopped meanwhile."""
        while not self._stop.is_set():
            try:
                return await db.write(self._remember)
            except StoreUnavailableError as error:
                log.error("store=down error=%s", error)
                await asyncio.sleep(STORE_PAUSE_S)
        return None

    def _remember(self, conn: Connection) -> _Memory:
        now_ms = self._clock.now_ms()
        return _Memory(
            life.incarnation(conn, now_ms=now_ms, random=secrets.randbits),
            setup.new_code(conn, now_ms=now_ms),
            alarms.restore(conn),
            fleet.on_record(conn),
        )

    def _ready(self, web: Web, memory: _Memory) -> None:
        log.info("ready api=%s generation=%d", web.url, memory.inc[0])
        if self._on_ready is not None:
            self._on_ready(Ready(web.url, memory.setup_code))
        self._readiness.ready()


class _Hub:
    """The parts of a hub whose store is open, wired."""

    def __init__(
        self,
        *,
        config: HubConfig,
        clock: Clock,
        random: Random,
        db: Database,
        region: Region,
        memory: _Memory,
        channels: Mapping[str, Channel],
        influx: Influx | None,
        web: Web,
    ) -> None:
        known = fleet.registry(region)
        self._db = db
        self._web = web
        self._known = known
        self._clock = clock
        self._bus = Bus()
        self._readiness = Readiness()
        self._pipeline = Pipeline(clock)
        self._notify = NotifyWorker(db, channels, clock, self._bus)
        self._told = _Told(self._bus, self._notify, Incidents(region))
        liveness = Liveness((one.gateway, round(one.interval_s * 1000)) for one in known.values())
        self._subscriber = Subscriber(
            control_address=_address(config.broker, telemetry=False),
            telemetry_address=_address(config.broker, telemetry=True),
            db=db,
            clock=clock,
            gateways=known,
            liveness=liveness,
            pipeline=self._pipeline,
            random=random,
        )
        self._answers = Answers(
            memory.inc,
            known,
            clock,
            control=over(self._subscriber.control),
            telemetry=over(self._subscriber.telemetry),
        )
        self._answered = Answered(db, clock, self._bus, self._answers.say_answered)
        self._judging = Judging(
            rules.load(region, memory.states), region, db, clock, series=influx, changed=self._told.changed
        )
        self._told.judging = self._judging
        self._samples = Samples(db, clock, self._judging, self._answers, self._pipeline)
        self._writer: SeriesWriter | None = None
        if influx is not None:
            self._writer = SeriesWriter(
                influx, clock, self._samples.written, on_flow=lambda _: self._subscriber.judge_flow()
            )
            self._samples.write_to(self._writer)
        self._control = Control(
            db=db,
            clock=clock,
            gateways=known,
            consequences=self._told,
            answers=self._answers,
            pipeline=self._pipeline,
            liveness=liveness,
            fresh=self._samples.fresh,
            told=self._told,
        )
        self._control.restore(row for row in memory.gateways if row.gateway in known)
        self._subscriber.feed(self._control, self._samples, self._answers)
        series = None if influx is None else SharedQueries(influx, clock)
        panels = PanelWords(series)
        self._watch = CityWatch(region, self._bus, clock, levels=self._judging.states, panels=panels)
        self._services = Services(
            db=db,
            clock=clock,
            region=region,
            bus=self._bus,
            notify=self._notify,
            gateways=lambda conn: fleet.overview(conn, known.values()),
            silent=lambda: set(filter(liveness.silent, known)),
            unheard=lambda: {*filter(liveness.silent, known), *self._told.devices_down()},
            levels=self._judging.states,
            panels=panels,
            pipeline=self._numbers,
            ready=self._missing,
            series=series,
            secure_cookies=web.tls or config.api.proxy_tls,
        )

    def _tasks(self) -> Mapping[str, Coroutine[Any, Any, None]]:
        """Everything that runs, by name; each until cancelled."""
        tasks: dict[str, Coroutine[Any, Any, None]] = {
            "broker-control": self._subscriber.control.run(),
            "broker-telemetry": self._subscriber.telemetry.run(),
            "panics": self._control.commit_panics(),
            "events": self._control.commit_events(),
            "beats": self._control.note_words(),
            "silence": self._control.watch(),
            "greeting": self._subscriber.greet(),
            "dead-letters": self._subscriber.keep_dead(),
            "samples": self._subscriber.take_samples(),
            "refusals": self._samples.keep_refused(),
            "ledger-flush": self._samples.flush(),
            "level-changes": self._judging.write_changes(),
            "station-states": self._judging.save_states(),
            "history": self._judging.look_over_gaps(),
            "notify": self._notify.run(),
            "answered": self._answered.run(),
            "watch-levels": self._watch.watch_levels(),
            "watch-beds": self._watch.watch_beds(),
            "watchdog": self._readiness.watchdog(),
        }
        if self._writer is not None:
            tasks["series-writer"] = self._writer.run()
        return tasks

    async def run(self, stop: asyncio.Event, on_ready: Callable[[], None]) -> None:
        """Work until stopped, then put on record what is known and not yet there."""
        self._subscriber.judge_flow()
        app = create_app(self._services)
        async with asyncio.TaskGroup() as group:
            working = [group.create_task(work, name=name) for name, work in self._tasks().items()]
            web = group.create_task(self._web.run(app), name="web")
            on_ready()
            stopping = group.create_task(stop.wait(), name="stop")
            await asyncio.wait({stopping, web}, return_when=asyncio.FIRST_COMPLETED)
            self._readiness.stopping()
            stopping.cancel()
            self._web.stop()
            for task in working:
                task.cancel()
        await self._samples.flush_once()
        await self._judging.save_once()
        log.info("stopped")

    def _numbers(self) -> dict[str, Any]:
        writer = self._writer
        queues = {**self._subscriber.queues(), "sql": self._db.waiting, "changes": self._judging.waiting}
        numbers = self._pipeline.snapshot(queues, self._answers.flow)
        numbers["broker"] = {
            "control": self._subscriber.control.up,
            "telemetry": self._subscriber.telemetry.up,
            "unsent": self._subscriber.control.dropped + self._subscriber.telemetry.dropped,
        }
        numbers["series"] = None
        if writer is not None:
            numbers["series"] = {
                "waiting": writer.waiting,
                "waiting_bytes": writer.waiting_bytes,
                "written": writer.written,
                "rejected": writer.rejected,
                "down_ms": None
                if writer.down_since_ms is None
                else self._clock.mono_ms() - writer.down_since_ms,
            }
        return numbers

    def _missing(self) -> list[str]:
        parts = {"broker": self._subscriber.control.up, "broker telemetry": self._subscriber.telemetry.up}
        return [name for name, there in parts.items() if not there]


class _Told:
    """The consequences of events, and who hears of what has changed once it is committed."""

    def __init__(self, bus: Bus, notify: NotifyWorker, incidents: Incidents) -> None:
        self._bus = bus
        self._notify = notify
        self._incidents = incidents
        self._incident_of: dict[int, str] = {}
        self._down: dict[str, tuple[str, ...]] = {}
        self.judging: Judging | None = None

    def devices_down(self) -> Iterator[str]:
        """``gateway/device`` of each device that does not answer, as the last beats say."""
        return (f"{gateway}/{device}" for gateway, devices in self._down.items() for device in devices)

    # On the writer's thread, within the transaction

    def panic(self, conn: Connection, event: StoredEvent) -> None:
        """A press and its incident; which one it is, is told when it is committed."""
        self._incidents.panic(conn, event)
        query = select(presses.c.incident_id).where(
            presses.c.gateway == event.gateway, presses.c.event_id == event.event_id
        )
        if len(self._incident_of) >= REMEMBERED_PRESSES:
            self._incident_of.clear()
        self._incident_of[event.row_id] = conn.execute(query).scalar() or ""

    def event(self, conn: Connection, event: StoredEvent) -> None:
        """An event of the event lane."""
        self._incidents.event(conn, event)

    # On the event loop, after the commit

    def stored(self, new: Sequence[StoredEvent]) -> None:
        """These events are new."""
        self._notify.wake()
        for event in new:
            about = {"gateway": event.gateway, "device": event.device, "kind": event.kind}
            incident = self._incident_of.pop(event.row_id, None)
            if incident is not None:
                self._bus.publish("incident", incident, about)
            elif event.kind in FAULTS:
                self._bus.publish("alarm", event.gateway, about)

    def changed(self, change: Change) -> None:
        """A station's level or rise has changed."""
        self._notify.wake()
        about = {"kind": change.kind, "old": change.old, "new": change.new, "value_mm": change.value_mm}
        self._bus.publish("station", change.station, about)

    def gateway(self, gateway: str) -> None:
        """A gateway fell silent, or is back."""
        self._bus.publish("gateway", gateway)

    def account(self, accepted: AcceptedBeat) -> None:
        """A gateway's account: where its telemetry has no gap any more, the past can be looked over."""
        if self._down.get(accepted.gateway, ()) != accepted.beat.devices_down:
            self._down[accepted.gateway] = accepted.beat.devices_down
            self._bus.publish("gateway", accepted.gateway)
        said = accepted.beat.lanes.get("telemetry")
        if said is not None and self.judging is not None:
            self.judging.filled(accepted.gateway, said.epoch, said.floor)


def _address(broker: BrokerSection, *, telemetry: bool) -> Address:
    return Address(
        broker.host,
        broker.port,
        broker.ca,
        broker.telemetry_certificate if telemetry else broker.certificate,
        broker.telemetry_key if telemetry else broker.key,
        broker.keepalive_s,
    )


def _channel_specs(config: HubConfig) -> list[ChannelSpec]:
    """The channels with their secrets, read from their files."""
    return [
        ChannelSpec(name, "webhook", channel.url, read_secret(channel.secret_file))
        if channel.url
        else ChannelSpec(name, "apprise", read_secret(channel.url_file))
        for name, channel in config.channels.items()
    ]


def _influx_config(config: HubConfig) -> InfluxConfig:
    section = config.influx
    assert section is not None
    return InfluxConfig(
        section.url,
        section.database,
        section.auth,
        section.user,
        read_secret(section.secret_file) if section.secret_file else "",
        section.timeout_s,
        section.gzip,
    )
