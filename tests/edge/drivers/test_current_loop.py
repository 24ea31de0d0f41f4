"""4 to 20 mA through an ADS1115: what each band of current means, the mains averaged out, and chips that are none."""

from __future__ import annotations

import asyncio
import threading

import pytest

from contract.kinds import Quality
from edge.drivers import ads1115, current_loop
from edge.drivers.ads1115 import LinuxI2c
from edge.drivers.base import MissedPollError
from edge.drivers.current_loop import CurrentLoopDriver
from simulator.devices.ads1115 import FakeAds1115
from tests.edge.drivers.rigs import FakeClock
from tests.suites.driver_suite import DriverSuite


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(ads1115, "CONVERSION_S", 0)


def driver(chip: FakeAds1115, **more: object) -> CurrentLoopDriver:
    given = {"address": 0x48, "channel": 1, "shunt_ohm": 150.0, "at_4_ma": 0.0, "at_20_ma": 8.0} | more
    return CurrentLoopDriver("probe", "river_post", "level_m", chip, clock=FakeClock(), **given)


class LoopRig:
    """A level probe of 0 to 8 m at channel 1."""

    def __init__(self) -> None:
        self.chip = FakeAds1115()
        self.driver = driver(self.chip)

    async def show(self, quantity: str, value: float | None) -> None:
        self.chip.show_ma(1, 3.5 if value is None else 4 + value * 2)

    async def silence(self, silent: bool) -> None:
        self.chip.fault = "absent" if silent else "none"

    async def rested(self) -> None:
        return


class TestCurrentLoop(DriverSuite):
    unsaid = "level_m"
    exactly = 0.001

    @pytest.fixture
    def rig(self) -> LoopRig:
        return LoopRig()


@pytest.mark.parametrize(
    ("current_ma", "value", "quality"),
    [
        (0.0, None, Quality.INVALID),  # a broken wire
        (3.55, None, Quality.INVALID),
        (3.65, -0.175, Quality.OUT_OF_RANGE),
        (3.85, -0.075, Quality.GOOD),
        (4.0, 0.0, Quality.GOOD),
        (12.0, 4.0, Quality.GOOD),
        (20.0, 8.0, Quality.GOOD),
        (20.45, 8.225, Quality.GOOD),
        (20.55, 8.275, Quality.OUT_OF_RANGE),
        (21.1, None, Quality.INVALID),
        (27.0, None, Quality.INVALID),  # a short circuit
    ],
)
async def test_the_bands_of_namur(current_ma, value, quality):
    chip = FakeAds1115()
    chip.show_ma(1, current_ma)
    reading = await driver(chip).poll()
    assert reading.values["level_m"] == (None if value is None else pytest.approx(value, abs=0.002))
    assert reading.quality.get("level_m", Quality.GOOD) is quality


async def test_the_bits_of_the_data_sheet():
    chip = FakeAds1115()
    chip.volts[1] = 0.6
    assert chip._config == 0x8583  # as after its reset
    volts = ads1115.read_volts(chip, 0x48, 1)
    assert volts == pytest.approx(4800 * 125e-6)
    assert chip._config == 0x53E3  # AIN1, 4.096 V, one shot, 860 a second
    assert chip.conversions == 16


async def test_the_mains_is_averaged_out():
    chip = FakeAds1115()
    chip.show_ma(1, 12.0)
    chip.ripple_v = 0.3
    assert (await driver(chip).poll()).values["level_m"] == pytest.approx(4.0, abs=0.001)


async def test_a_scale_may_fall():
    chip = FakeAds1115()
    chip.show_ma(1, 8.0)
    assert (await driver(chip, at_4_ma=10.0, at_20_ma=2.0).poll()).values["level_m"] == pytest.approx(
        8, abs=0.001
    )


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("absent", "no_answer"), ("stuck", "garbage"), ("other", "garbage"), ("slow", "garbage")],
)
async def test_what_is_no_such_chip_gives_no_value(fault, reason):
    chip = FakeAds1115()
    chip.fault = fault
    with pytest.raises(MissedPollError) as missed:
        await driver(chip).poll()
    assert missed.value.reason == reason


async def test_a_bus_that_is_not_there():
    with pytest.raises(MissedPollError) as missed:
        await driver(LinuxI2c(31)).poll()
    assert missed.value.reason == "no_answer"


async def test_a_bus_that_hangs_holds_up_nobody_and_takes_one_thread_only(monkeypatch):
    monkeypatch.setattr(current_loop, "READ_S", 0.02)
    freed, asked = threading.Event(), []

    class Hanging(FakeAds1115):
        def transfer(self, address, write, read):
            asked.append(write)
            freed.wait(5)
            return super().transfer(address, write, read)

    chip = Hanging()
    chip.show_ma(1, 12.0)
    probe, loop = driver(chip), asyncio.get_running_loop()
    began_s = loop.time()
    for _ in range(3):
        with pytest.raises(MissedPollError, match="hangs"):
            await probe.poll()
    assert loop.time() - began_s < 4, "the chip hangs for five seconds"
    assert len(asked) == 1
    freed.set()
    monkeypatch.setattr(current_loop, "READ_S", 2)
    assert (await probe.poll()).values["level_m"] == pytest.approx(4.0, abs=0.001)
