"""Beds: taken, free or unknown, by radar and by mat. What is not known is never free."""

from __future__ import annotations

import asyncio
import functools

import pytest
from gpiozero.pins.mock import MockFactory
from hypothesis import given
from hypothesis import strategies as st

from contract.kinds import Quality
from edge.config import Contact
from edge.drivers import bed_radar
from edge.drivers.base import Edge, MissedPollError
from edge.drivers.bed_radar import BedRadarDriver, Target, targets
from edge.drivers.bed_state import BedState
from edge.drivers.gpio import ContactDriver, Contacts
from edge.drivers.serial_port import SerialPort
from simulator.devices.talker import Fault, Talker, radar_frame
from tests.edge.drivers.rigs import FakeClock
from tests.edge.timeless import LoopClock, timeless
from tests.suites.driver_suite import DriverSuite

MANUAL = bytes.fromhex("f4f3f2f1 0d00 02aa 02 5100 00 0000 3b 0000 5500 f8f7f6f5")


def state() -> BedState:
    return BedState(occupied_ms=2_000, vacant_ms=20_000)


def fed(bed: BedState, *moments: tuple[bool | None, int]) -> list[bool | None]:
    seen = []
    for what, at_ms in moments:
        bed.feed(what, at_ms)
        seen.append(bed.occupied)
    return seen


def test_taken_after_a_moment_free_after_long_and_unknown_before():
    assert fed(state(), (True, 0), (True, 1_999), (True, 2_000)) == [None, None, True]
    assert fed(state(), (False, 0), (False, 19_999), (False, 20_000)) == [None, None, False]


def test_a_sleeper_that_is_lost_for_a_while_still_lies_there():
    bed = state()
    fed(bed, (True, 0), (True, 2_000))
    assert (
        fed(bed, (False, 3_000), (False, 22_900), (True, 22_950), (False, 23_000), (False, 42_900))
        == [True] * 5
    )
    assert fed(bed, (False, 43_000)) == [False]


def test_a_fault_is_unknown_at_once_and_must_be_seen_anew():
    bed = state()
    fed(bed, (False, 0), (False, 20_000))
    assert fed(bed, (None, 21_000), (False, 21_100), (False, 41_099), (False, 41_100)) == [
        None,
        None,
        None,
        False,
    ]


@given(st.lists(st.tuples(st.sampled_from([True, False, None]), st.integers(1, 9_000)), max_size=60))
def test_free_is_said_only_after_nobody_was_seen_for_the_whole_time(steps):
    bed, now_ms, history = state(), 0, []
    for what, pause_ms in steps:
        before = bed.occupied
        now_ms += pause_ms
        bed.feed(what, now_ms)
        history.append((what, now_ms))
        if bed.occupied is False and before is not False:
            lately = [seen for seen, at_ms in history if at_ms >= now_ms - 20_000]
            earlier = [seen for seen, at_ms in history if at_ms <= now_ms - 20_000]
            assert set(lately) == {False}
            assert earlier[-1] is False
        if what is None:
            assert bed.occupied is None


def test_the_frame_of_the_manual():
    assert targets(MANUAL) == [Target(None, 0)]
    assert radar_frame(2, 0x51, 0).startswith(MANUAL[:11])
    assert targets(radar_frame(3, 120, 80)) == [Target(120, 80)]
    assert targets(radar_frame(0, 120, 80)) == [Target(None, None)]


@pytest.mark.parametrize("cut", range(1, len(MANUAL)))
def test_half_a_frame_is_none(cut):
    assert targets(MANUAL[:cut]) == []
    assert targets(MANUAL[cut:]) == []
    assert len(targets(MANUAL[cut:] + MANUAL)) == 1


@pytest.mark.parametrize(
    "damage",
    [(4, 0x0C), (5, 0x01), (6, 0x03), (7, 0xAB), (8, 0x04), (17, 0x54), (18, 0x01), (19, 0xF9), (22, 0)],
)
def test_a_damaged_frame_is_none(damage):
    at, byte = damage
    frame = bytearray(MANUAL)
    frame[at] = byte
    assert targets(bytes(frame)) == []


def test_what_is_further_than_the_bed_is_nobody():
    assert Target(150, None).within(1.5)
    assert not Target(151, 200).within(1.5)
    assert not Target(None, None).within(1.5)


class RadarRig:
    """A radar on a pseudo-terminal, whose bed counts at once; `hurry` as long as nothing is to come."""

    def __init__(self, device, port, frame, hurry):
        self.device_, self.frame, self.hurry = device, frame, hurry
        at_once = BedState(occupied_ms=0, vacant_ms=0)
        self.driver = BedRadarDriver("bed-1", port, range_m=1.5, state=at_once, clock=FakeClock())

    async def show(self, quantity, value):
        if value is None:
            self.driver._state = BedState(occupied_ms=60_000, vacant_ms=60_000)  # it has not held yet
        self.frame[0] = radar_frame(2 if value else 0, 0, 80)
        await asyncio.sleep(0.05)

    async def silence(self, silent):
        self.device_.fault = "silent" if silent else "none"
        self.hurry(0.15 if silent else 10.0)
        await asyncio.sleep(0.03)

    async def rested(self):
        return


class TestBedRadar(DriverSuite):
    shown = unsaid = "occupied"
    values = (1, 0, 1)

    @pytest.fixture
    async def rig(self, monkeypatch):
        frame = [radar_frame(0)]
        async with Talker(lambda: frame[0]) as device:
            port = SerialPort(device.path, bed_radar.BAUD)
            yield RadarRig(device, port, frame, functools.partial(monkeypatch.setattr, bed_radar, "LISTEN_S"))
            port.close()


@pytest.mark.real
async def test_a_radar_on_a_real_line(monkeypatch):
    monkeypatch.setattr(bed_radar, "LISTEN_S", 0.15)
    clock, frame = FakeClock(), [radar_frame(2, 0, 80)]
    async with Talker(lambda: frame[0]) as device:
        port = SerialPort(device.path, bed_radar.BAUD)
        radar = BedRadarDriver("bed-1", port, range_m=1.5, state=state(), clock=clock)
        first = await radar.poll()
        assert (first.values, first.quality) == ({"occupied": None}, {"occupied": Quality.INVALID})
        clock.mono += 2_000
        assert (await radar.poll()).values == {"occupied": 1}
        frame[0] = radar_frame(3, 300, 250)  # somebody walks by
        await asyncio.sleep(0.03)
        await radar.poll()
        clock.mono += 19_000
        assert (await radar.poll()).values == {"occupied": 1}
        clock.mono += 1_000
        assert (await radar.poll()).values == {"occupied": 0}
        faults: dict[Fault, str] = {"silent": "no_answer", "garbage": "garbage", "half": "garbage"}
        for fault, reason in faults.items():
            device.fault = fault
            await asyncio.sleep(0.03)
            with pytest.raises(MissedPollError) as missed:
                await radar.poll()
            assert missed.value.reason == reason
        device.fault = "none"
        assert (await radar.poll()).values == {"occupied": None}, "after a fault nothing is known"
        port.close()


MAT = Contact(name="alas", role="bed_mat", pin=27, debounce_ms=30, vacant_ms=150)


@pytest.mark.parametrize("taken", [True, False])
@timeless
async def test_a_mat_is_unknown_until_it_has_held(taken):
    pins, clock, edges = MockFactory(), LoopClock(), list[Edge]()
    watch = Contacts([MAT], pins=lambda: pins, clock=clock)
    driver = ContactDriver(MAT, watch, clock=clock)
    if taken:  # somebody lies on it before the gateway starts: the pull-up loses against the mat
        pin = pins.pin(27)
        pin._set_pull = lambda value: setattr(pin, "_pull", value)
        pin._state = False
    task = asyncio.create_task(watch.run(edges.append))
    await asyncio.sleep(0.01)
    reading = await driver.poll()
    assert (reading.values, reading.quality) == ({"occupied": None}, {"occupied": Quality.INVALID})
    await asyncio.sleep(0.07 if taken else 0.2)
    assert (await driver.poll()).values == {"occupied": int(taken)}
    assert [(edge.active, edge.initial) for edge in edges] == ([(True, True)] if taken else [])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@timeless
async def test_a_mat_is_free_only_after_long():
    pins, clock, edges = MockFactory(), LoopClock(), list[Edge]()
    watch = Contacts([MAT], pins=lambda: pins, clock=clock)
    task = asyncio.create_task(watch.run(edges.append))
    await asyncio.sleep(0.01)
    pins.pin(27).drive_low()
    await asyncio.sleep(0.06)
    for _ in range(3):  # he turns over
        pins.pin(27).drive_high()
        await asyncio.sleep(0.06)
        pins.pin(27).drive_low()
        await asyncio.sleep(0.04)
    assert watch.level("alas") is True
    pins.pin(27).drive_high()
    await asyncio.sleep(0.1)
    assert watch.level("alas") is True
    await asyncio.sleep(0.1)
    assert watch.level("alas") is False
    assert [(edge.active, edge.initial) for edge in edges] == [(True, True), (False, False)]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
