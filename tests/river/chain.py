"""Gauges, gateway, broker, hub and stores as one chain that is stepped through a river's own time.

Only the clocks are not the product's: both sides read the same one, and it moves when the river's next row is due.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, TypeVar
from unittest.mock import patch
from uuid import uuid4

import httpx
import msgspec

from contract.readiness import Readiness
from edge import config as edge_config
from edge.app import EdgeApp
from edge.clock import Discipline
from hub import config as hub_config
from hub.app import HubApp
from hub.region import load as load_region
from hub.retention.periods import CLASSES
from hub.rollups.worker import Rollups
from hub.rules.model import siaga
from simulator.city import HubPlace, city_devices, gateway_toml, gateways, hub_toml, new_secrets, webhooks
from simulator.devices.modbus_server import ModbusServer
from simulator.instruments import Showing
from simulator.servers import Influx, Mosquitto
from tests.ciliwung import THRESHOLDS_CM, Siaga
from tests.servers import new_gateway_id

T = TypeVar("T")

INSTRUMENT = "holykell_hpt200"
"""Shows the level in millimetres as a signed 16-bit number: every height of all three gauges, exactly."""

KIND = "river_post"
SEEN_S = 20.0
"""Longest wait for one row to come through, and for the chain to come to stand."""

KEEP_ALL = "[retention]\n" + "".join(f"{name}_days = 0\n" for name in CLASSES)
"""The clock passes years: a test that takes longer than the hub waits before it clears up would find notices gone."""

QUIET_S = 0.5
"""When nothing new was written for this long, nothing more will be."""


class FileClock:
    """The time of the river's file, for the gateway and for the hub: it stands until it is moved."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self._booted_ms = now_ms - 1_000_000
        self._boot = str(uuid4())

    def move(self, now_ms: int) -> None:
        """It is this time now; never back."""
        assert now_ms >= self._now_ms
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def mono_ms(self) -> int:
        return self._now_ms - self._booted_ms

    def boot_id(self) -> str:
        return self._boot

    def discipline(self) -> Discipline:
        return Discipline(synced=True, error_ms=0)


class Opened(Readiness):
    """Notes when the gateway has its spool open."""

    def __init__(self) -> None:
        super().__init__()
        self.event = asyncio.Event()

    def ready(self) -> None:
        self.event.set()


def write_profile(folder: Path, gateway: str, posts: Iterable[str], hysteresis_m: float) -> Path:
    """A region of one gateway that reads the gauges of these posts."""
    folder.mkdir()
    place = f'gateway = "{gateway}"\ndevice = "{{0}}"\n'
    stations, devices = [], []
    for unit, post in enumerate(posts, 1):
        third, second, first = (cm / 100 for cm in THRESHOLDS_CM[post])
        stations.append(
            f'[[station]]\nid = "{post}"\nname = "{post.title()}"\nriver = "Ciliwung"\n{place.format(post)}'
            f"siaga_3_m = {third}\nsiaga_2_m = {second}\nsiaga_1_m = {first}\nhysteresis_m = {hysteresis_m}\n"
        )
        devices.append(
            f'[[modbus]]\n{place.format(post)}kind = "{KIND}"\npoll_s = 3600\n'
            f'instrument = [{{ name = "{INSTRUMENT}", unit = {unit} }}]\n'
        )
    (folder / "region.toml").write_text(
        'id = "ciliwung"\nname = "Ciliwung"\nzone = "Asia/Jakarta"\nzone_label = "WIB"\nduty_desk = "piket"\n'
        '[[site]]\nid = "ciliwung"\nname = "Ciliwung"\nkind = "river_post"\nlat = -6.4\nlon = 106.8\n'
        f'[[gateway]]\nid = "{gateway}"\ncell = 7\nsite = "ciliwung"\nbeat_s = 3600\n' + "".join(stations)
    )
    (folder / "devices.toml").write_text("".join(devices))
    (folder / "agencies.toml").write_text(
        '[[agency]]\nid = "piket"\nname = "Meja Piket"\nshort = "Piket"\n'
        '[[agency.channel]]\nid = "piket-webhook"\nkind = "webhook"\nname = "Piket"\n'
    )
    return folder


@dataclass(frozen=True, slots=True)
class Noted:
    """A row of the hub's level changes."""

    station: str
    change: Siaga
    history: bool


class Chain:
    """What runs, and what it has come to. ``running`` makes one."""

    def __init__(
        self,
        *,
        gateway: str,
        clock: FileClock,
        edge: EdgeApp,
        opened: Opened,
        shows: Mapping[str, Showing],
        store: Path,
        influx: Influx,
        database: str,
    ) -> None:
        self._gateway = gateway
        self._clock = clock
        self._edge = edge
        self._opened = opened
        self._shows = shows
        self._store = store
        self._influx = influx
        self._database = database
        self._taken = asyncio.Event()

    async def stand(self) -> None:
        """Wait until both sides know of each other."""
        async with asyncio.timeout(SEEN_S):
            await self._opened.event.wait()
            await self._heard(lambda: self._edge.spool.inc is not None)

    def listen(self) -> None:
        """Notice every hello and receipt that the gateway takes. Once, before the gateway runs."""
        spool = self._edge.spool
        spool.adopt = self._noticed(spool.adopt)  # type: ignore[method-assign]
        spool.settle = self._noticed(spool.settle)  # type: ignore[method-assign]

    def _noticed(self, take: Callable[..., T]) -> Callable[..., T]:
        def noticed(*given: Any, **more: Any) -> T:
            taken = take(*given, **more)
            self._taken.set()
            return taken

        return noticed

    async def _heard(self, enough: Callable[[], bool]) -> None:
        while not enough():
            self._taken.clear()
            await self._taken.wait()

    async def row(self, t_ms: int, levels_cm: Mapping[str, float]) -> None:
        """The river stands so at that time: have it read, and wait until the hub has it.

        The receipt says so, and comes after the judgement. A row that came later would be no news but history.
        """
        for post, level_cm in levels_cm.items():
            self._shows[post].show({"level_m": level_cm / 100})
        self._clock.move(t_ms)
        for post in levels_cm:
            assert await self._edge.sampler.poll(post) is not None, f"{post} was not read"
        assert await self._edge.sampler.flush(), "the card refused"
        async with asyncio.timeout(SEEN_S):
            await self._heard(self._settled)

    def _settled(self) -> bool:
        spool = self._edge.spool
        return spool.pending("telemetry", 1, spool.end("telemetry") - 1) is None

    async def changes(self) -> list[Noted]:
        """The level changes on record, once no more are coming."""
        found = self._on_record()
        while True:
            await asyncio.sleep(QUIET_S)
            before, found = found, self._on_record()
            if found == before:
                return found

    def _on_record(self) -> list[Noted]:
        rows = self._asked(
            "select station, t_ms, old_severity, new_severity, history from level_changes order by id"
        )
        return [Noted(row[0], Siaga(row[1], siaga(row[2]), siaga(row[3])), bool(row[4])) for row in rows]

    def told(self) -> list[tuple[str, int]]:
        """Of which changes the duty desk is told: post and time, ascending."""
        rows = self._asked("select data from outbox where kind = 'level'")
        return sorted((data["station"], data["t_ms"]) for data in (json.loads(row[0]) for row in rows))

    def _asked(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self._store}?mode=ro", uri=True)) as connection:
            return connection.execute(sql).fetchall()

    async def series(self, post: str) -> list[tuple[int, float]]:
        """What InfluxDB holds of a gauge: time in ms and level in m."""
        q = f'SELECT "level_m" FROM "{KIND}" WHERE "gateway" = \'{self._gateway}\' AND "device" = \'{post}\''
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(
                f"{self._influx.url}/query", params={"db": self._database, "q": q, "epoch": "ns"}, timeout=60
            )
        [series] = answer.json()["results"][0]["series"]
        return [(ns // 1_000_000, level) for ns, level in series["values"]]


@asynccontextmanager
async def running(
    folder: Path,
    *,
    broker: Mosquitto,
    influx: Influx,
    posts: Sequence[str],
    start_ms: int,
    hysteresis_m: float = 0.05,
) -> AsyncIterator[Chain]:
    """A chain whose clock stands just before the river's first row."""
    gateway = new_gateway_id("ciliwung")
    profile = write_profile(folder / "profile", gateway, posts, hysteresis_m)
    region = load_region(profile)
    [plan] = gateways(region)
    shows = {device.device: Showing(device) for device in city_devices(region)}
    units = {number: unit for show in shows.values() for number, unit in show.units.items()}
    clock = FileClock(start_ms - 1000)
    secrets = new_secrets(webhooks(region))
    store, database = folder / "hub.sqlite", f"river_{uuid4().hex[:8]}"
    async with (
        ModbusServer(units, now_ms=clock.now_ms) as server,
        await asyncio.start_server(_take_all, "127.0.0.1", 0) as desk,
    ):
        desk_port = desk.sockets[0].getsockname()[1]
        hub_file, gateway_file = folder / "hub.toml", folder / "gateway.toml"
        place = HubPlace(
            profile=profile,
            broker_port=broker.port,
            control=broker.hub_control(),
            telemetry=broker.hub_telemetry(),
            influx_url=influx.url,
            influx_database=database,
            influx_login=None,
            database=store,
            api_port=0,
            receiver_port=desk_port,
            channels={name: f"http://127.0.0.1:{desk_port}/{name}" for name in secrets},
            secrets=secrets,
        )
        hub_file.write_text(hub_toml(place, folder) + "\n" + KEEP_ALL)
        gateway_file.write_text(
            gateway_toml(
                region,
                plan,
                broker_port=broker.port,
                modbus_port=server.port,
                identity=broker.enrol(gateway, plan.cell),
                spool=folder / "spool.sqlite",
            )
        )
        opened = Opened()
        edge = EdgeApp(
            _patient(edge_config.load(gateway_file)), clock=clock, random=Random(1), readiness=opened
        )
        # The gateway's own rhythm is of the machine's time; here every poll is of the file's.
        await edge.sampler.rest()
        hub = HubApp(hub_config.load_config(hub_file), clock=clock)
        chain = Chain(
            gateway=gateway,
            clock=clock,
            edge=edge,
            opened=opened,
            shows=shows,
            store=store,
            influx=influx,
            database=database,
        )
        chain.listen()
        # At each row a minute or an hour of this clock is over; to roll them up would be most of what is done here.
        with patch.object(Rollups, "run", _nothing):
            async with _until_left("hub", hub.run(), hub.stop), _until_left("edge", edge.run()):
                await chain.stand()
                yield chain


async def _nothing(_: object) -> None:
    """Work until cancelled."""
    await asyncio.Event().wait()


async def _take_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A duty desk that takes whatever comes, and does not mind that its clock is years ahead of the river's."""
    head = await reader.readuntil(b"\r\n\r\n")
    [length] = [
        line.split(b":")[1] for line in head.lower().splitlines() if line.startswith(b"content-length")
    ]
    await reader.readexactly(int(length))
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


def _patient(config: edge_config.Config) -> edge_config.Config:
    """On a busy machine a unit may be slow; one that is missed would leave a hole in the file."""
    buses = tuple(msgspec.structs.replace(bus, timeout_ms=10_000) for bus in config.bus)
    return msgspec.structs.replace(config, bus=buses)


@asynccontextmanager
async def _until_left(
    name: str, work: Coroutine[Any, Any, None], stop: Callable[[], None] | None = None
) -> AsyncIterator[None]:
    """Work in a task of its own; that it ends too early ends the block."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work, name=name)
        try:
            yield
        finally:
            if stop is None:
                task.cancel()
            else:
                stop()
