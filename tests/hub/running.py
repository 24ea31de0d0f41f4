"""A whole hub in the test's event loop, and gateways that talk to it over the real broker."""

from __future__ import annotations

import asyncio
import itertools
import json
import queue
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from contract import codec
from contract.messages import Beat, Hello, LaneAccount, Receipt, State, VersionRefusal
from contract.topics import topic
from hub.app import HubApp, Ready
from hub.clock import SystemClock
from hub.config import load_config
from hub.region import load as load_region
from simulator.servers import Influx, Mosquitto
from tests.hub.ingest.frames import BOOT
from tests.mqtt import Peer, peer

PROFILE = Path(__file__).parents[2] / "profiles" / "kota-contoh"


def write_config(
    folder: Path, broker: Mosquitto, *, influx: Influx | None = None, influx_url: str = "", database: str = ""
) -> Path:
    """A hub's configuration in the folder; profile beside it."""
    profile = folder / "profile"
    if not profile.exists():
        shutil.copytree(PROFILE, profile)
    control, telemetry = broker.hub_control(), broker.hub_telemetry()
    if database:
        (folder / "url").write_text(database)
    (folder / "desk").write_text("k" * 32)
    text = f"""
profile = "profile"
[database]
{'url_file = "url"' if database else 'file = "hub.sqlite"'}
[broker]
host = "127.0.0.1"
port = {broker.port}
ca = "{control.authority}"
certificate = "{control.certificate}"
key = "{control.key}"
telemetry_certificate = "{telemetry.certificate}"
telemetry_key = "{telemetry.key}"
[api]
port = 0
[channels.piket-webhook]
url = "https://piket.example/"
secret_file = "desk"
"""
    if influx is not None or influx_url:
        text += f"""
[influx]
url = "{influx.url if influx is not None else influx_url}"
database = "hub_{uuid4().hex[:8]}"
timeout_s = 2.0
"""
    path = folder / "hub.toml"
    path.write_text(text)
    return path


@asynccontextmanager
async def running(config: Path) -> AsyncIterator[tuple[HubApp, Ready]]:
    """A hub that is ready, and stopped in good order afterwards."""
    ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()

    def said(what: Ready) -> None:
        if not ready.done():
            ready.set_result(what)

    hub = HubApp(load_config(config), clock=SystemClock(), on_ready=said)
    task = asyncio.create_task(hub.run(), name="hub")
    either: set[asyncio.Future[Any]] = {task, ready}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    try:
        if task.done():
            task.result()
        yield hub, await ready
    finally:
        hub.stop()
        await asyncio.wait_for(task, 20)


class Gateway:
    """A gateway as the broker sees it: it says what it is told, and remembers what it hears."""

    def __init__(self, name: str, cell: int, connection: Peer) -> None:
        self.name = name
        self.cell = cell
        self.peer = connection
        self.heard: list[Hello | Receipt | VersionRefusal] = []
        self.mono = itertools.count(1000)
        assert connection.subscribe(f"siaga/1/{cell:02d}/{name}/down/#") < 0x80

    def topic(self, leaf: str) -> str:
        return topic(self.cell, self.name, leaf)

    async def send(self, leaf: str, payload: bytes, *, retain: bool = False) -> int:
        return await asyncio.to_thread(self.peer.publish, self.topic(leaf), payload, retain=retain)

    async def be_born(self, connection: str = "c1", *, interval_s: float = 10) -> None:
        state = State(
            gateway=self.name,
            online=True,
            connection=connection,
            boot=BOOT,
            mono_ms=next(self.mono),
            interval_s=interval_s,
        )
        await self.send("state", codec.encode(state), retain=True)

    async def beat(self, lanes: dict[Any, LaneAccount], **fields: Any) -> None:
        said: dict[str, Any] = {"interval_s": 10} | fields
        await self.send(
            "up/beat",
            codec.encode(Beat(gateway=self.name, boot=BOOT, mono_ms=next(self.mono), lanes=lanes, **said)),
        )

    def _hear(self, timeout_s: float) -> None:
        name, payload = self.peer.messages.get(timeout=timeout_s)
        if name.endswith("/hello"):
            self.heard.append(codec.decode(Hello, payload))
        elif name.endswith("/receipt"):
            self.heard.append(codec.decode_receipt(payload))

    async def hears(self, wanted: Callable[[Any], bool], timeout_s: float = 10) -> Any:
        """The first message, of those that came or will come, that is wanted."""
        looked = 0
        end = asyncio.get_running_loop().time() + timeout_s
        while True:
            for message in self.heard[looked:]:
                if wanted(message):
                    return message
            looked = len(self.heard)
            left_s = end - asyncio.get_running_loop().time()
            if left_s <= 0:
                raise AssertionError(f"not heard; heard: {self.heard}")
            try:
                await asyncio.to_thread(self._hear, left_s)
            except queue.Empty:
                continue

    async def receipted(self, epoch: str, first: int, last: int, timeout_s: float = 10) -> Receipt:
        """The receipt that covers these."""

        def covers(message: object) -> bool:
            return (
                isinstance(message, Receipt)
                and message.epoch == epoch
                and any(a <= first and last <= b for a, b in message.ranges)
            )

        found = await self.hears(covers, timeout_s)
        assert isinstance(found, Receipt)
        return found

    async def silence(self, seconds: float) -> list[Receipt]:
        """The receipts with ranges that come within that time."""
        before = len(self.heard)
        with_nothing: Callable[[object], bool] = lambda _: False  # noqa: E731
        try:
            await self.hears(with_nothing, seconds)
        except AssertionError:
            pass
        return [
            one for one in self.heard[before:] if isinstance(one, Receipt) and (one.ranges or one.refused)
        ]


@contextmanager
def gateway(broker: Mosquitto, name: str) -> Iterator[Gateway]:
    """A gateway of the profile, enrolled and connected."""
    cell = load_region(PROFILE).gateways[name].cell
    with peer(broker, broker.enrol(name, cell)) as connection:
        yield Gateway(name, cell, connection)


def decoded(text: str) -> Any:
    """JSON of a column."""
    return json.loads(text)
