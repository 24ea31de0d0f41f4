"""A gateway starts on a full disk, at a wrong clock, and without any of its devices; and its button rings."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from random import Random

import pytest
from gpiozero.pins.mock import MockFactory

from contract import codec
from edge.app import EdgeApp
from edge.clock import Discipline, SystemClock
from edge.config import load
from edge.errors import CardError
from tests.edge.drivers.readers import key_file
from tests.edge.test_spool_full_disk import fill, small_disk
from tests.mqtt import peer
from tests.servers import new_gateway_id

pytestmark = pytest.mark.real

PIN = 17

CONFIG = """
[gateway]
id = "{gateway}"
cell = 3
site = "rsud"
beat_s = 1.0

[broker]
host = "127.0.0.1"
port = {port}
ca_file = "{identity.authority}"
cert_file = "{identity.certificate}"
key_file = "{identity.key}"

[spool]
path = "card/spool.sqlite"
telemetry_mb = 1.0
event_mb = 0.5
panic_mb = 0.5

[[contact]]
name = "tombol"
role = "panic"
pin = 17
"""

EVERYTHING = """
[[bus]]
link = "rtu"
name = "rs485"
device = "/dev/tidak-ada-1"

[[bus]]
link = "tcp"
name = "tcp"
host = "127.0.0.1"
port = 1
timeout_ms = 200

[[device]]
name = "pos"
kind = "river_post"
instrument = "dfrobot_urm14"
bus = "rs485"
unit = 12
poll_s = 0.2
settings = { mounting_height_m = 6.5 }

[[device]]
name = "hujan-tcp"
kind = "rain_gauge"
instrument = "xm9505_rain"
bus = "tcp"
unit = 3
poll_s = 0.2

[[ultrasonic]]
name = "ultrasonik"
device = "/dev/tidak-ada-2"
mounting_height_m = 4.4
poll_s = 1.0

[[bed_radar]]
name = "ranjang"
device = "/dev/tidak-ada-3"
poll_s = 0.5

[[gps]]
name = "ambulans"
device = "/dev/tidak-ada-4"
poll_s = 1.0
down_after = 1

[[gps]]
name = "ambulans-gpsd"
gpsd = { port = 1 }
poll_s = 1.0
down_after = 1

[[current_loop]]
name = "tekanan"
kind = "pressure_probe"
quantity = "level_m"
i2c_bus = 9
channel = 0
at_4_ma = 0.0
at_20_ma = 5.0
poll_s = 0.5

[[supervised_loop]]
name = "tombol-loket"
role = "panic"
i2c_bus = 9
channel = 1
sample_s = 0.5

[[camera]]
name = "cctv"
rtsp = "rtsp://127.0.0.1:1/a"
snapshot = "http://127.0.0.1:1/a.jpg"
on_panic = ["tombol"]
poll_s = 1.0
down_after = 1

[local_broker]
port = 1

[[node]]
name = "tombol-taman"
id = "zigbee2mqtt/taman"
model = "zigbee2mqtt_button"
poll_s = 0.5

[attendance]
key_file = "kota.key"
zone = "Asia/Jakarta"
book = "card/attendance.sqlite"
listen = { host = "192.0.2.1", port = 8081 }

[[reader]]
name = "absen"
serial = "CQUJ201660042"
silent_s = 20.0
sample_s = 0.5

[[card_reader]]
name = "kartu"
device = "/dev/input/tidak-ada"
sample_s = 0.5
"""

AWAY = {
    "pos",
    "hujan-tcp",
    "ultrasonik",
    "ranjang",
    "ambulans",
    "ambulans-gpsd",
    "tekanan",
    "tombol-loket",
    "cctv",
    "kartu",
}
"""The attendance reader is given 20 s to speak first, and the local broker 15 s to come."""


class Board(SystemClock):
    """A board whose wall clock is wrong, and knows it."""

    def __init__(self, off_ms: int = 0) -> None:
        self._off_ms = off_ms

    def now_ms(self) -> int:
        return max(0, super().now_ms() + self._off_ms)

    def discipline(self) -> Discipline:
        return Discipline(synced=False)


class Bench:
    def __init__(self, broker, folder):
        self.broker, self.folder, self.gateway = broker, folder, new_gateway_id()
        self.identity = broker.enrol(self.gateway, 3)

    def write(self, more=""):
        text = CONFIG.format(gateway=self.gateway, port=self.broker.port, identity=self.identity)
        (self.folder / "gateway.toml").write_text(text + more)

    def app(self, clock=None):
        self.pins = MockFactory()
        config = load(self.folder / "gateway.toml")
        return EdgeApp(config, clock=clock or Board(), random=Random(3), pins=self.pins)

    @contextlib.asynccontextmanager
    async def running(self, clock=None):
        app = self.app(clock)
        task = asyncio.create_task(app.run())
        try:
            yield app
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    @contextlib.contextmanager
    def hub(self):
        with peer(self.broker, self.broker.hub_control()) as one:
            one.subscribe(f"siaga/1/+/{self.gateway}/up/panic")
            yield one

    async def rings(self, hub):
        """Press as a person in need does, again and again, until the hub hears it; how long that took."""
        began = time.monotonic()
        while time.monotonic() - began < 20:
            self.pins.pin(PIN).drive_low()
            await asyncio.sleep(0.12)
            self.pins.pin(PIN).drive_high()
            await asyncio.sleep(0.05)
            if not hub.messages.empty():
                frame = codec.decode_frame("panic", hub.messages.get_nowait()[1])
                assert codec.decode_body(bytes(frame.events[0].body)).device == "tombol"
                return time.monotonic() - began
        raise AssertionError("nobody heard the button")


@pytest.fixture
def bench(broker, tmp_path):
    return Bench(broker, tmp_path)


async def test_without_any_of_its_devices_it_starts_says_so_and_the_button_rings(bench):
    key_file(bench.folder)
    bench.write(EVERYTHING)
    with bench.hub() as hub:
        async with bench.running() as app:
            await bench.rings(hub)
            async with asyncio.timeout(20):
                while set(app.devices_down()) != AWAY:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            reasons = {one.device: one.missed for one in app.sampler.states if one.down}
            assert all(missed is not None and missed.hint for missed in reasons.values()), reasons
            await bench.rings(hub)


@pytest.mark.parametrize("year", [1970, 2036])
async def test_at_a_wrong_clock_it_starts_and_the_button_rings(bench, year):
    bench.write()
    off_ms = round((year - 1970) * 31_556_952_000 - time.time() * 1000)
    with bench.hub() as hub:
        async with bench.running(Board(off_ms)) as app:
            await bench.rings(hub)
            assert app.spool.timeline.at(app.clock.mono_ms()) is None, (
                "it tells no time that it does not know"
            )


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("mount") is None, reason="mounting a small file system needs root"
)
async def test_on_a_full_disk_it_starts_again_and_the_button_rings(bench):
    bench.write()
    with small_disk(bench.folder / "card", 16) as disk, bench.hub() as hub:
        async with bench.running():
            await bench.rings(hub)
        fill(disk)
        async with bench.running():
            await bench.rings(hub)


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("mount") is None, reason="mounting a small file system needs root"
)
async def test_on_a_disk_that_was_full_before_it_ever_ran_it_says_so_and_is_started_again(bench):
    bench.write()
    with small_disk(bench.folder / "card", 16) as disk:
        fill(disk)
        with pytest.raises(CardError) as refused:
            await bench.app().run()
        assert refused.value.retryable, "the service manager tries again"
        assert refused.value.hint
        (disk / "filler").unlink()
        with bench.hub() as hub:
            async with bench.running():
                await bench.rings(hub)
