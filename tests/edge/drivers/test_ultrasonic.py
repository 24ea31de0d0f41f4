"""An ultrasonic sensor on a real pseudo-terminal: frames among noise, echoes that mean nothing, a port that breaks."""

from __future__ import annotations

import asyncio

import pytest

from contract.kinds import Quality
from edge.drivers import ultrasonic
from edge.drivers.base import MissedPollError
from edge.drivers.serial_port import SerialPort
from edge.drivers.ultrasonic import UltrasonicDriver, distances_mm
from simulator.devices.talker import Talker, ultrasonic_frame
from tests.edge.drivers.rigs import FakeClock
from tests.suites.driver_suite import DriverSuite

HEIGHT_M = 4.4


class UltrasonicRig:
    """A sensor 4.4 m above the zero."""

    def __init__(self) -> None:
        self.mm = [3150]
        self.sent = 0
        self.device = Talker(self._frame)
        self.port = SerialPort("", ultrasonic.BAUD)
        self.driver = UltrasonicDriver(
            "pos",
            "river_post",
            self.port,
            mounting_height_m=HEIGHT_M,
            blind_m=0.3,
            range_m=4.5,
            clock=FakeClock(),
        )

    def _frame(self) -> bytes:
        self.sent += 1
        return ultrasonic_frame(self.mm[self.sent % len(self.mm)])

    async def show(self, quantity: str, value: float | None) -> None:
        self.mm = [100 if value is None else round((HEIGHT_M - value) * 1000)]

    async def silence(self, silent: bool) -> None:
        self.device.fault = "silent" if silent else "none"

    async def rested(self) -> None:
        return


@pytest.fixture
async def rig(monkeypatch):
    monkeypatch.setattr(ultrasonic, "LISTEN_S", 0.2)
    made = UltrasonicRig()
    async with made.device as device:
        made.port._path = device.path
        yield made
        made.port.close()


@pytest.mark.real
class TestUltrasonic(DriverSuite):
    @pytest.fixture
    def rig(self, rig):
        return rig


def test_the_frame_of_the_manual():
    assert distances_mm(bytes.fromhex("ff07a1a7")) == [1953]
    assert ultrasonic_frame(1953) == bytes.fromhex("ff07a1a7")


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ("", []),
        ("ff07a1", []),
        ("ff07a1a8", []),
        ("a1a7 ff07a1a7 ff07", [1953]),
        ("ffff07a1a7", [1953]),
        ("ff07a100 ff07a1a7", [1953]),
        ("ff07a1a7 00 ff03e8ea", [1953, 1000]),
        ("ff00ffff07a1a7", [1953]),
    ],
)
def test_frames_are_found_wherever_they_begin(data, found):
    assert distances_mm(bytes.fromhex(data)) == found


@pytest.mark.real
async def test_one_wrong_echo_among_good_ones_changes_nothing(rig):
    rig.mm = [2000, 2001, 700, 2000, 1999]
    assert (await rig.driver.poll()).values["distance_m"] == pytest.approx(2.0, abs=0.002)


@pytest.mark.real
async def test_echoes_in_the_blind_zone_are_no_value_and_never_a_flood(rig):
    rig.mm = [100, 90, 110, 2000, 95]
    reading = await rig.driver.poll()
    assert reading.values == {"distance_m": None, "level_m": None}
    assert set(reading.quality.values()) == {Quality.INVALID}
    rig.mm = [5000]
    assert (await rig.driver.poll()).values["level_m"] is None


@pytest.mark.real
async def test_noise_between_frames_is_passed_over_and_noise_alone_is_told(rig):
    rig.device.noise = b"\xff\x00\x13"
    assert (await rig.driver.poll()).values["distance_m"] == pytest.approx(3.15)
    for fault in ("garbage", "half"):
        rig.device.fault = fault
        await asyncio.sleep(0.03)
        with pytest.raises(MissedPollError) as missed:
            await rig.driver.poll()
        assert missed.value.reason == "garbage"


@pytest.mark.real
async def test_what_was_said_long_ago_is_not_taken(rig):
    rig.mm = [1000]
    await rig.driver.poll()
    await asyncio.sleep(0.1)
    rig.mm = [3000]
    await asyncio.sleep(0.02)
    assert (await rig.driver.poll()).values["distance_m"] == pytest.approx(3.0)


@pytest.mark.real
async def test_a_port_that_is_not_there_or_goes_away_is_told_and_opened_again(rig):
    await rig.driver.poll()
    there = rig.port._path
    rig.port.close()
    rig.port._path = "/dev/serial/by-id/none"
    for _ in range(2):
        with pytest.raises(MissedPollError) as missed:
            await rig.driver.poll()
        assert missed.value.reason == "bus_down"
    rig.port._path = there
    assert (await rig.driver.poll()).values["distance_m"] == pytest.approx(3.15)


@pytest.mark.real
async def test_an_adapter_that_is_pulled_out_while_it_is_heard():
    rig = UltrasonicRig()
    async with rig.device as device:
        rig.port._path = device.path
        rig.device.fault = "silent"
        polling = asyncio.create_task(rig.driver.poll())
        await asyncio.sleep(0.05)
    async with asyncio.timeout(10):
        with pytest.raises(MissedPollError) as missed:
            await polling
    assert missed.value.reason == "bus_down"
    rig.port.close()


@pytest.mark.real
async def test_other_devices_are_not_held_up_by_a_silent_one(rig):
    rig.device.fault = "silent"
    polling = asyncio.create_task(rig.driver.poll())
    turns = 0
    while not polling.done():
        await asyncio.sleep(0.002)
        turns += 1
    # One turn begins the waiting and one ends it; how many are between them is the machine's affair.
    assert turns > 2, "the loop stood still while it waited"
    with pytest.raises(MissedPollError):
        await polling
