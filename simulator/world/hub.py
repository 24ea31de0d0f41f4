"""The hub of the world: production ingest, rules, series writer and notify worker on the fake disk and network."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

import apsw
import httpx
from sqlalchemy import Connection as SqlConnection

from hub import life
from hub.alarms import service as alarms
from hub.bus import Bus
from hub.errors import StoreUnavailableError
from hub.fleet import gateways as fleet
from hub.fleet.liveness import Liveness
from hub.incidents.service import Incidents
from hub.ingest import broker as production
from hub.ingest.accept import AcceptedBeat
from hub.ingest.answers import Answers, over
from hub.ingest.control import Control
from hub.ingest.events import StoredEvent
from hub.ingest.judging import Judging
from hub.ingest.pipeline import Pipeline
from hub.ingest.quota import Quotas, Rates
from hub.ingest.samples import Samples
from hub.ingest.subscriber import Subscriber
from hub.notify.channels.base import Answer, Message
from hub.notify.worker import NotifyWorker
from hub.region import Region
from hub.rules.engine import Engine
from hub.rules.model import Change
from hub.series import post
from hub.series.influx import Influx, InfluxConfig
from hub.series.writer import SeriesWriter
from simulator.world import dbapi, disk
from simulator.world.clocks import HubClock
from simulator.world.influx import FakeInflux
from simulator.world.loop import WorldLoop
from simulator.world.machine import Machine
from simulator.world.network import Broker, Connection, Filter, Link
from simulator.world.oracle import Oracle
from simulator.world.store import WorldDatabase
from simulator.world.trace import Trace

RESTART_S = (0.5, 8.0)


class WorldInflux(Influx):
    """The production client, with the fake server behind it instead of a socket."""

    def __init__(self, server: FakeInflux) -> None:
        super().__init__(InfluxConfig("http://influx", timeout_s=10.0))
        self._server = server

    async def __aenter__(self) -> WorldInflux:
        self._client = httpx.AsyncClient(base_url=self.config.url, transport=self._server, trust_env=False)
        self._poster = WorldPoster(self._server, self.config)
        return self


class WorldPoster(post.Poster):
    """Posts to the fake server as to a real one."""

    def __init__(self, server: FakeInflux, config: InfluxConfig) -> None:
        super().__init__(config.url, {}, config.timeout_s)
        self._server = server
        self._database = config.database

    async def post(self, path: str, headers: Mapping[str, str], body: bytes) -> post.Answer:
        """The fake server's answer."""
        where, _, asked = path.partition("?")
        assert asked == f"db={self._database}", "a write names its database and nothing else"
        return await self._server.answer(where, self._database, body)


class WorldConnection(production.Connection):
    """One of the hub's two connections, over the world's broker. It takes the place of a production one."""

    def __init__(self, like: production.Connection, machine: HubMachine, broker: Broker) -> None:
        self.__dict__.update(like.__dict__)
        self._machine = machine
        self._life = machine.life
        self._broker = broker
        self._session_now: Connection | None = None

    async def _session(self) -> None:
        lost = asyncio.Event()
        await self._machine.sleep(self._machine.random.uniform(0.01, 0.1))
        session = self._broker.connect(
            self._name,
            self._machine.link,
            [Filter(topics.filter, topics.as_published) for topics in self._topics],
            on_message=self._hear,
            on_puback=lambda _: None,
            on_lost=lost.set,
        )
        if session is None:
            raise OSError("the broker cannot be reached")
        self._machine.trace("hub connected", self._name)
        self._machine.sessions.append(session)
        self._session_now, self.up = session, True
        self._on_up()
        try:
            await lost.wait()
        finally:
            if self._machine.is_alive(self._life):
                self._machine.sessions.remove(session)
                self._session_now, self.up = None, False
                self._on_down()

    def _hear(self, topic: str, payload: bytes, retained: bool) -> None:
        if self._machine.is_alive(self._life):
            self._machine.trace("hub hears", topic, payload)
            if topic.endswith("/up/panic"):
                self._machine.oracle.heard(topic.split("/")[3], payload)
            self._on_message(topic, payload, retained)

    def _send_waiting(self) -> None:
        if self._session_now is None or not self._machine.is_alive(self._life):
            return
        for queue in self._waiting:
            while queue:
                self._machine.said(self._session_now, *queue.popleft())


class Desk:
    """The duty desk's channel: takes messages, is slow, and sometimes fails after it has taken one."""

    def __init__(self, machine: HubMachine, oracle: Oracle) -> None:
        self._machine = machine
        self._oracle = oracle
        self.failing = False

    async def send(self, message: Message) -> Answer:
        """One attempt."""
        random = self._machine.random
        await self._machine.sleep(random.uniform(0.01, 0.5))
        if self.failing and random.random() < 0.5:
            return Answer("failed", status=503)
        self._machine.trace("page", message.key, message.attempt)
        gateway, event_id = (str(message.data.get(name)) for name in ("gateway", "event_id"))
        self._oracle.paged(message.key, gateway, event_id)
        if self.failing:
            return Answer("failed", detail="no answer")
        return Answer("delivered", status=200)

    async def aclose(self) -> None:
        """Nothing to let go of."""


class HubMachine(Machine):
    """The hub's box: one process, its disk, its connections to the broker."""

    def __init__(
        self,
        loop: WorldLoop,
        random: Random,
        trace: Trace,
        *,
        card: disk.Disk,
        broker: Broker,
        influx: FakeInflux,
        oracle: Oracle,
        clock: HubClock,
        region: Region,
    ) -> None:
        super().__init__("hub", loop, random, trace, card=card, link=Link("hub"))
        self.clock = clock
        self._broker = broker
        self._influx = influx
        self.oracle = oracle
        self._db: WorldDatabase | None = None
        self.sessions: list[Connection] = []
        self._region = region
        self.desk = Desk(self, oracle)
        self._backup: dict[str, bytes] | None = None
        self._generation = 0
        self._to_mark = False

    # Life and death

    def start(self) -> None:
        """The process starts."""
        if self.running or self.retired:
            return
        self.begin()
        self.spawn(self._run(), "run")

    def ended(self) -> None:
        for session in self.sessions:
            session.die()
        self.sessions.clear()
        if self._db is not None:
            # Not here: the disk may have stopped the machine in the middle of a statement.
            self.loop.call_soon(self._db.close)
        self._db = None
        if not self.retired:
            self.loop.call_later(self.pause(RESTART_S), self.start)

    async def _run(self) -> None:
        """What hub/wiring.py does: put the rooms together and let them work."""
        clock, random = self.clock, Random(self.random.randbytes(8))
        db = await self._opened(random)
        gateways = fleet.registry(self._region)
        liveness = Liveness((known.gateway, round(known.interval_s * 1000)) for known in gateways.values())
        pipeline, bus = Pipeline(clock), Bus()
        influx = await WorldInflux(self._influx).__aenter__()
        engine = Engine(self._region.stations.values())
        engine.restore(await db.read(alarms.restore))
        worker = NotifyWorker(db, {"desk": self.desk}, clock, bus, random=random)
        told = _Told(worker)
        judging = Judging(engine, self._region, db, clock, series=influx, changed=told.changed)
        told.judging = judging
        nowhere = production.Address("broker", 8883, "", "", "")
        subscriber = Subscriber(
            control_address=nowhere,
            telemetry_address=nowhere,
            db=db,
            clock=clock,
            gateways=gateways,
            liveness=liveness,
            pipeline=pipeline,
            quotas=Quotas(Rates()),
            random=random,
        )
        subscriber.control = WorldConnection(subscriber.control, self, self._broker)
        subscriber.telemetry = WorldConnection(subscriber.telemetry, self, self._broker)
        answers = Answers(
            await db.write(self._incarnation(random)),
            gateways,
            clock,
            control=over(subscriber.control),
            telemetry=over(subscriber.telemetry),
        )
        samples = Samples(db, clock, judging, answers, pipeline)
        writer = SeriesWriter(
            influx, clock, samples.written, on_flow=lambda _: subscriber.judge_flow(), random=random
        )
        samples.write_to(writer)
        control = Control(
            db=db,
            clock=clock,
            gateways=gateways,
            consequences=Incidents(self._region),
            answers=answers,
            pipeline=pipeline,
            liveness=liveness,
            fresh=samples.fresh,
            told=told,
        )
        control.restore(await db.read(fleet.on_record))
        subscriber.feed(control, samples, answers)
        subscriber.judge_flow()
        for work in (
            *(writer.run, worker.run, subscriber.greet, subscriber.keep_dead, subscriber.take_samples),
            *(control.commit_panics, control.commit_events, control.note_words, control.watch),
            *(samples.keep_refused, samples.flush),
            *(judging.write_changes, judging.save_states, judging.look_over_gaps),
            *(subscriber.control.run, subscriber.telemetry.run),
        ):
            self.spawn(self._working(work), work.__qualname__)

    async def _opened(self, random: Random) -> WorldDatabase:
        """Open the database as soon as its disk lets us, and mark it as restored if it was."""
        while True:
            try:
                db = WorldDatabase(self, Random(self.random.randbytes(8)), committed=self.oracle.committed)
                db.open()
                self._db = db
                self.oracle.reread(db.raw())
                if self._to_mark:
                    made, held = await db.write(
                        lambda conn: life.mark_restored(
                            conn,
                            now_ms=self.clock.now_ms(),
                            random=random.getrandbits,
                            above=self._generation,
                        )
                    )
                    self.trace("restore-mark", made[0], held)
                    self._to_mark = False
                return db
            except (StoreUnavailableError, apsw.Error, dbapi.Error):
                self.trace("hub database not open")
                await self.sleep(1.0)

    def _incarnation(self, random: Random) -> Callable[[SqlConnection], tuple[int, int]]:
        def read(conn: SqlConnection) -> tuple[int, int]:
            inc = life.incarnation(conn, now_ms=self.clock.now_ms(), random=random.getrandbits)
            self._generation = max(self._generation, inc[0])
            return inc

        return read

    async def _working(self, work: Callable[[], Awaitable[None]]) -> None:
        """A room's task. One that fails ends the process, as the production TaskGroup does."""
        mine = self.life
        try:
            await work()
        except Exception as error:
            if self.is_alive(mine):
                self.trace("hub failed", type(error).__name__)
                if not self.card.failing:
                    self.oracle.fail("code", f"{work.__qualname__}: {error!r}")
                self.kill()

    def said(self, session: Connection, topic: str, payload: bytes) -> None:
        """The hub publishes."""
        _, _, _, gateway, leaf = topic.split("/", 4)
        self.trace("hub says", gateway, leaf, payload)
        if leaf == "down/receipt":
            self.oracle.receipt(gateway, payload)
        session.publish(topic, payload)

    def back_up(self) -> None:
        """Take a copy of the database, as an online backup does: a state between two transactions."""
        if self._db is not None and self.running:
            self.trace("backup")
            self._backup = self.card.image()

    def restore_backup(self) -> None:
        """Put the last copy back, and say so as the operator must: ``siaga-hub restore-mark``."""
        if self._backup is None:
            return
        self.trace("restore")
        self.kill()
        self.card.restore(self._backup)
        self.oracle.restored()
        self._to_mark = True

    # What the world and the oracle look at

    def raw(self) -> apsw.Connection:
        """The database's connection, to look on."""
        assert self._db is not None, "the hub is down"
        return self._db.raw()

    def level_changes(self, station: str) -> list[int]:
        """New severities of a station, in the order of their rows."""
        if self._db is None:
            return []
        rows: list[Any] = (
            self.raw()
            .execute("SELECT new_severity FROM level_changes WHERE station = ? ORDER BY id", (station,))
            .fetchall()
        )
        return [severity for (severity,) in rows]

    def losses(self) -> Iterator[tuple[str, str, str, int, int]]:
        """What the hub has on record as lost."""
        rows: list[Any] = (
            self.raw().execute("SELECT gateway, epoch, lane, first, last FROM losses").fetchall()
        )
        yield from rows

    def undrained(self) -> list[str]:
        """What still waits at the hub, in words."""
        if self._db is None:
            return ["the hub is down"]
        waits = self._db.raw().execute(
            "SELECT state, count(*) FROM outbox WHERE state IN ('waiting', 'sending', 'retrying') GROUP BY state"
        )
        return [f"{count} notices are {state}" for state, count in waits.fetchall()]


class _Told:
    """Who is told what has changed, as hub/told.py tells it."""

    def __init__(self, worker: NotifyWorker) -> None:
        self._worker = worker
        self.judging: Judging | None = None

    def stored(self, new: Sequence[StoredEvent]) -> None:
        """These events are new."""
        self._worker.wake()

    def changed(self, change: Change) -> None:
        """A change of a river is on record."""
        self._worker.wake()

    def gateway(self, gateway: str) -> None:
        """Nobody looks at the console here."""

    def account(self, accepted: AcceptedBeat) -> None:
        """A gateway has given its account."""
        telemetry = accepted.beat.lanes.get("telemetry")
        if self.judging is not None and telemetry is not None:
            self.judging.filled(accepted.gateway, telemetry.epoch, telemetry.floor)
