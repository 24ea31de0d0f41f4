"""A reader comes back after a month with everything it has, to a gateway that is killed in the middle.

SIAGA_SCANS=50000 SIAGA_KILLS=5 for the full size.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest
from gpiozero.pins.mock import MockFactory

from contract import codec, topics
from contract.messages import Hello, Receipt, State
from contract.topics import LANES
from edge.app import EdgeApp
from edge.clock import SystemClock
from edge.config import load
from edge.drivers import card_reader
from simulator.devices.attendance_reader import AttendanceReader, ServerGoneError, month
from simulator.devices.card_keyboard import FakeCardKeyboard
from simulator.processes import free_port
from simulator.servers import Mosquitto
from tests.edge.drivers.readers import SECRET, SERIAL, key_file
from tests.mqtt import peer
from tests.servers import new_gateway_id

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
SCANS = int(os.environ.get("SIAGA_SCANS", "4000"))
BATCH = max(50, SCANS // 40)
KILLS = min(5, int(os.environ.get("SIAGA_KILLS", "2")))
STEM = "19870312201001"
PEOPLE = [f"{STEM}{n:04d}" for n in range(200)]
NAMES = "Siti Rahmawati", "Budi Santoso"
INC = (1, 5)

CONFIG = """
[gateway]
id = "{gateway}"
cell = 3
site = "balai-kota"
beat_s = 1.0

[broker]
host = "127.0.0.1"
port = {broker}
ca_file = "{ca}"
cert_file = "{cert}"
key_file = "{key}"

[spool]
path = "card/spool.sqlite"
telemetry_mb = 2.0
event_mb = {event_mb}
panic_mb = 1.0

[[contact]]
name = "tombol-igd"
role = "panic"
pin = 17

[attendance]
key_file = "kota.key"
zone = "Asia/Jakarta"
book = "card/attendance.sqlite"
listen = {{ host = "127.0.0.1", port = {port} }}

[[reader]]
name = "absen-lobi"
serial = "{serial}"
sample_s = 0.5
"""


class Hub:
    """Stands where the hub stands: keeps every byte that the gateway says, and gives a receipt for every record."""

    def __init__(self, broker: Mosquitto, gateway: str) -> None:
        self.gateway = gateway
        self.said: list[tuple[str, bytes]] = []
        self.records: dict[tuple[str, str, int], bytes] = {}
        self.heard_panic: list[float] = []
        self._broker = broker
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Hub:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def events(self) -> list[bytes]:
        return [body for (lane, _, _), body in sorted(self.records.items()) if lane == "event"]

    def _run(self) -> None:
        authority = self._broker.authority
        with (
            peer(self._broker, authority.hub("hub")) as control,
            peer(self._broker, authority.hub("hub-telemetry")) as telemetry,
        ):
            for leaf in ("up/panic", "up/event", "up/beat", "up/reply", "state"):
                control.subscribe(f"siaga/1/+/{self.gateway}/{leaf}")
            telemetry.subscribe(f"siaga/1/+/{self.gateway}/up/telemetry")
            telemetry.messages = control.messages
            while not self._stop.is_set():
                with contextlib.suppress(queue.Empty):
                    topic, payload = control.messages.get(timeout=0.02)
                    for leaf, message in self._answers(topic, payload):
                        control.client.publish(topics.topic(3, self.gateway, leaf), codec.encode(message))

    def _answers(self, topic: str, payload: bytes):
        self.said.append((topic, payload))
        leaf = topics.parse(topic).leaf
        if leaf == "state":
            birth = codec.decode(State, payload)
            if birth.online:
                now_ms = time.time_ns() // 10**6
                yield "down/hello", Hello(inc=INC, hub_ms=now_ms, echo_ms=birth.mono_ms, echo_boot=birth.boot)
        for lane in LANES:
            if leaf == f"up/{lane}":
                frame = codec.decode_frame(lane, payload)
                if lane == "panic":
                    self.heard_panic.append(time.time())
                if lane != "telemetry":
                    for at, event in enumerate(frame.events):
                        body = bytes(event.body)
                        assert self.records.setdefault((lane, frame.epoch, frame.first + at), body) == body
                yield (
                    "down/receipt",
                    Receipt(inc=INC, epoch=frame.epoch, lane=lane, ranges=((frame.first, frame.last),)),
                )


class Gateway:
    """The gateway's process, which is killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "simulator.gateway", "--log", "debug"),
                    *("--config", str(self._folder / "gateway.toml")),
                    *("--control", str(self._folder / "control")),
                ],
                cwd=ROOT,
                stderr=log,
            )

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        (self._folder / "control").unlink(missing_ok=True)  # so that it is there only when somebody listens

    async def press(self) -> float:
        """Press the button; when that was."""
        reader, writer = await asyncio.open_unix_connection(str(self._folder / "control"))
        writer.write(b'{"do": "press", "pin": 17, "ms": 300}\n')
        said = json.loads(await reader.readline())
        writer.close()
        return float(said["wall_ms"]) / 1000


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    server = Mosquitto(tmp_path_factory.mktemp("broker"))
    server.start()
    yield server
    server.stop()


async def until(what, timeout_s=30.0):
    async with asyncio.timeout(timeout_s):
        while not what():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def tell_all(device: AttendanceReader) -> None:
    """As the firmware does: what was not acknowledged is told again, whatever happens to the server."""
    device.timeout_s = 5.0
    ask = device.post

    async def in_time(*what):
        # A reader is slower than this machine, which would be told everything before the first kill.
        await asyncio.sleep(0.02)
        return await ask(*what)

    device.post = in_time  # type: ignore[method-assign]
    names = f"USER PIN={PEOPLE[0]}\tName={NAMES[0]}\nUSER PIN={PEOPLE[1]}\tName={NAMES[1]}\n".encode()
    while device.sent < len(device.rows):
        try:
            await device.start()
            await device.post(f"cdata?SN={SERIAL}&table=USERINFO&Stamp=1", names)
            await device.post(
                f"cdata?SN={SERIAL}&table=ATTPHOTO&Stamp=1", b"PIN=" + PEOPLE[0].encode() + bytes(9999)
            )
            await device.upload(batch=BATCH)
        except ServerGoneError:
            await asyncio.sleep(0.05)


async def test_a_month_of_scans_arrives_once_through_kills_and_a_press_overtakes_it(
    tmp_path, broker, measured
):
    random, gateway = Random(7), new_gateway_id()
    identity = broker.enrol(gateway, 3)
    key_file(tmp_path)
    port = free_port()
    (tmp_path / "gateway.toml").write_text(
        CONFIG.format(
            gateway=gateway,
            broker=broker.port,
            ca=identity.authority,
            cert=identity.certificate,
            key=identity.key,
            port=port,
            serial=SERIAL,
            event_mb=max(4.0, SCANS / 1500),
        )
    )
    process = Gateway(tmp_path)
    device = AttendanceReader(SERIAL, "127.0.0.1", port, month(PEOPLE, SCANS))
    presses = []
    with Hub(broker, gateway) as hub:
        process.start()
        began = time.monotonic()
        telling = asyncio.create_task(tell_all(device))
        for at in range(KILLS):
            # In the midst of what this life of the gateway is told.
            share = min(SCANS, max(device.sent + 1, int(SCANS * (at + 1) / (KILLS + 2))))
            await until(lambda share=share: device.sent >= share, 120)
            await until((tmp_path / "control").is_socket)
            presses.append(await process.press())
            await until(lambda: len(hub.heard_panic) >= len(presses))
            await asyncio.sleep(random.uniform(0, 0.05))
            process.kill()
            process.start()
        await asyncio.wait_for(telling, 300)
        took_s = time.monotonic() - began

        def scans() -> list[bytes]:
            return [body for body in hub.events() if b'"attendance_scan"' in body]

        await until(lambda: len(scans()) >= SCANS, 120)
        all_s = time.monotonic() - began
        # A reset reader tells its last days once more, and nothing of it is new.
        device.sent = SCANS - 500
        assert await device.upload() == 500
        await asyncio.sleep(0.3)
        process.kill()
        await device.close()

    bodies = [codec.decode_body(body) for body in scans()]
    assert len(bodies) == len({body.id for body in bodies}) == SCANS
    assert len({body.data["who"] for body in bodies}) == len(PEOPLE)
    assert (
        min(int(str(body.data["at_ms"])) for body in bodies) == 1793491200000
    )  # 1 November, 07:00 in Jakarta
    waits = [
        round(1000 * (heard - pressed)) for pressed, heard in zip(presses, hub.heard_panic, strict=False)
    ]
    assert max(waits) < 1000, waits
    measured(
        f"attendance: {SCANS} scans, {KILLS} kill -9: told in {took_s:.1f} s, at the hub in {all_s:.1f} s,"
        f" presses meanwhile {max(waits)} ms at most"
    )
    search(tmp_path, hub, {body.data["who"] for body in bodies})


CARDS = [f"00{n:08d}" for n in range(48_151_623, 48_151_633)]

CARD_READER = """
[[card_reader]]
name = "kartu-lobi"
device = "{keyboard}"
sample_s = 0.5
"""


async def test_cards_that_are_typed_leave_no_number_either(tmp_path, broker, monkeypatch):
    gateway = new_gateway_id()
    identity = broker.enrol(gateway, 3)
    key_file(tmp_path)
    text = CONFIG.format(
        gateway=gateway,
        broker=broker.port,
        ca=identity.authority,
        cert=identity.certificate,
        key=identity.key,
        port=free_port(),
        serial=SERIAL,
        event_mb=4.0,
    )
    (tmp_path / "gateway.toml").write_text(text + CARD_READER.format(keyboard=tmp_path / "kbd"))
    # A pipe cannot be grabbed; all else is the kernel's bytes.
    monkeypatch.setattr(card_reader, "fcntl", SimpleNamespace(ioctl=lambda *_: 0))
    keyboard = FakeCardKeyboard(tmp_path / "kbd")
    keyboard.plug()
    lines = logging.FileHandler(tmp_path / "log")
    logging.getLogger().addHandler(lines)
    monkeypatch.setattr(logging.getLogger(), "level", logging.DEBUG)
    app = EdgeApp(load(tmp_path / "gateway.toml"), clock=SystemClock(), random=Random(5), pins=MockFactory())
    running = asyncio.create_task(app.run())
    try:
        with Hub(broker, gateway) as hub:
            for card in CARDS:
                keyboard.tap(card)

            def scans() -> list[bytes]:
                return [body for body in hub.events() if b'"attendance_scan"' in body]

            await until(lambda: len(scans()) >= len(CARDS))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        logging.getLogger().removeHandler(lines)
        lines.close()
        keyboard.unplug()
    bodies = [codec.decode_body(body) for body in scans()]
    assert [body.device for body in bodies] == ["kartu-lobi"] * len(CARDS)
    who = {body.data["who"] for body in bodies}
    assert len(who) == len(CARDS)
    # With and without the zeros before it, and in hexadecimal.
    forms = {form for card in CARDS for form in (card, card.lstrip("0"), f"{int(card):X}")}
    search(tmp_path, hub, who, (*forms, SECRET))


def search(
    folder: Path, hub: Hub, pseudonyms: set[object], secrets: tuple[str, ...] = (STEM, *NAMES, SECRET)
) -> None:
    """No number and no name is in what was sent, in the log, or on the card; what stands for them is."""
    wire = b"\n".join(topic.encode() + b" " + payload for topic, payload in hub.said)
    assert len(hub.said) > 2
    assert str(sorted(map(str, pseudonyms))[0]).encode() in wire
    kept = [path for path in (folder / "card").iterdir() if path.is_file()]
    assert {"spool.sqlite", "attendance.sqlite"} <= {path.name for path in kept}
    places = {"the wire": wire, "log": (folder / "log").read_bytes()} | {p.name: p.read_bytes() for p in kept}
    for place, data in places.items():
        for secret in secrets:
            assert secret.encode() not in data, f"{secret} is in {place}"
