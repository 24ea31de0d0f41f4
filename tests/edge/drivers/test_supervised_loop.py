"""A button in a supervised loop: five states told apart by resistors, none of them taken for another."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.kinds import Quality
from edge.clock import SystemClock
from edge.config import SupervisedLoop
from edge.drivers import ads1115, supervised_loop
from edge.drivers.base import Edge, LineFault, MissedPollError
from edge.drivers.supervised_loop import AGREEING, Loops, LoopState, Settled, SupervisedLoopDriver, judge_loop
from simulator.devices.ads1115 import FakeAds1115
from simulator.devices.panic_loop import FakePanicLoop
from tests.edge.drivers.rigs import FakeClock
from tests.suites.driver_suite import DriverSuite

NORMAL, ALARM, OPEN, SHORT, FAULT = LoopState


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(ads1115, "CONVERSION_S", 0)
    monkeypatch.setattr(supervised_loop, "SAMPLE_S", 0.002)


@pytest.mark.parametrize(
    ("volts", "state"),
    [
        (0.0, SHORT),
        (0.39, SHORT),
        (0.41, FAULT),
        (0.89, FAULT),
        (0.91, ALARM),
        (1.10, ALARM),
        (1.29, ALARM),
        (1.37, FAULT),
        (1.46, NORMAL),
        (1.65, NORMAL),
        (1.84, NORMAL),
        (1.86, FAULT),
        (2.89, FAULT),
        (2.91, OPEN),
        (3.3, OPEN),
    ],
)
def test_the_bands(volts, state):
    assert judge_loop(volts) is state
    # They move with what feeds the loop.
    assert judge_loop(volts * 3.45 / 3.3, 3.45) is state


def loop_volts(act):
    chip = FakeAds1115()
    loop = FakePanicLoop(chip, 2)
    act(loop)
    return chip.volts[2]


@pytest.mark.parametrize(
    ("act", "state"),
    [
        (lambda loop: None, NORMAL),
        (lambda loop: loop.press(), ALARM),
        (lambda loop: loop.cut(), OPEN),
        (lambda loop: loop.short(), SHORT),
        (lambda loop: loop.leak(30_000), NORMAL),  # a little damp is no fault
        (lambda loop: loop.leak(1_000), FAULT),
    ],
)
def test_the_resistors_give_these_states(act, state):
    assert judge_loop(loop_volts(act)) is state


def test_a_pressed_button_is_an_alarm_though_the_cable_is_damp():
    def act(loop):
        loop.leak(30_000)
        loop.press()

    assert judge_loop(loop_volts(act)) is ALARM


@given(st.floats(0, 4.096), st.floats(3.0, 3.6))
def test_every_voltage_has_one_state_and_no_fault_is_peace(volts, supply_v):
    state = judge_loop(volts, supply_v)
    if state in (NORMAL, ALARM):
        assert 0.85 * supply_v / 3.3 < volts < 1.9 * supply_v / 3.3


def test_only_samples_in_a_row_settle_a_state():
    settled = Settled()
    assert [settled.feed(state) for state in (NORMAL,) * AGREEING] == [False, False, True]
    # A contact that bounces, and a spike of the mains.
    assert not any(settled.feed(state) for state in (ALARM, NORMAL, ALARM, NORMAL, FAULT, NORMAL))
    assert settled.state is NORMAL
    assert [settled.feed(ALARM) for _ in range(4)] == [False, False, True, False]


@dataclass
class Bench:
    chip: FakeAds1115 = field(default_factory=FakeAds1115)
    edges: list[Edge] = field(default_factory=list)
    faults: list[LineFault] = field(default_factory=list)

    def __post_init__(self):
        self.loop = FakePanicLoop(self.chip, 0)
        self.bell = FakePanicLoop(self.chip, 1)
        settings = [
            SupervisedLoop(name="tombol", role="panic", channel=0, sample_s=1.0),
            SupervisedLoop(name="bel", role="nurse_call", channel=1, sample_s=1.0),
        ]
        self.loops = Loops(settings, self.chip, clock=SystemClock())
        self.drivers = {each.name: SupervisedLoopDriver(each, self.loops) for each in settings}

    @contextlib.asynccontextmanager
    async def watched(self):
        task = asyncio.create_task(self.loops.run(self.edges.append, self.faults.append))
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, there):
        async with asyncio.timeout(3):
            while not there():  # noqa: ASYNC110 - what a thread brings has no event
                await asyncio.sleep(0.002)


class Rig:
    """A loop that is sampled by hand, as its thread does."""

    def __init__(self):
        self.clock, self.chip = FakeClock(), FakeAds1115()
        self.loop = FakePanicLoop(self.chip, 0)
        settings = SupervisedLoop(name="tombol", role="panic", channel=0)
        self.loops = Loops([settings], self.chip, clock=self.clock)
        self._own = SupervisedLoopDriver(settings, self.loops)
        self.driver = self
        self.device, self.kind, self.quantities = self._own.device, self._own.kind, self._own.quantities

    async def poll(self):
        for _ in range(AGREEING):
            self.loops._sample(self.loops._loops["tombol"], lambda _: None)
        return await self._own.poll()

    async def show(self, quantity, value):
        self.loop.mend()
        act = {None: self.loop.cut, 1: self.loop.press, 0: self.loop.release}[value]
        act()

    async def silence(self, silent):
        self.chip.fault = "absent" if silent else "none"
        self.clock.mono += 10_000

    async def rested(self):
        return


class TestSupervisedLoop(DriverSuite):
    shown = unsaid = "pressed"
    values = (1, 0, 1)

    @pytest.fixture
    def rig(self):
        return Rig()


async def test_a_press_its_release_a_cut_and_a_mended_cable():
    async with Bench().watched() as bench:
        await bench.until(lambda: bench.loops._loops["tombol"].settled.state is NORMAL)
        assert bench.edges == []
        bench.loop.press()
        await bench.until(lambda: bench.edges)
        bench.loop.release()
        await bench.until(lambda: len(bench.edges) == 2)
        assert [(edge.device, edge.role, edge.active) for edge in bench.edges] == [
            ("tombol", "panic", True),
            ("tombol", "panic", False),
        ]
        bench.loop.cut()
        await bench.until(lambda: bench.faults)
        bench.loop.mend()
        await bench.until(lambda: len(bench.faults) == 2)
        assert [fault.state for fault in bench.faults] == ["open", ""]
        bench.bell.press()
        await bench.until(lambda: bench.edges[-1].role == "nurse_call")


async def test_a_button_that_is_held_at_the_start_is_a_press_and_a_cut_cable_is_none():
    bench = Bench()
    bench.loop.press()
    bench.bell.cut()
    async with bench.watched():
        await bench.until(lambda: bench.edges and bench.faults)
        assert [(edge.device, edge.initial) for edge in bench.edges] == [("tombol", True)]
        assert [(fault.device, fault.state) for fault in bench.faults] == [("bel", "open")]


async def test_a_press_through_a_short_circuit_that_ends_is_still_heard():
    async with Bench().watched() as bench:
        bench.loop.short()
        await bench.until(lambda: bench.faults)
        bench.loop.press()
        bench.loop.mend()
        await bench.until(lambda: bench.edges)
        assert bench.edges[0].active


async def test_a_chip_that_is_gone_is_missed_and_watched_again_when_it_is_back():
    async with Bench().watched() as bench:
        await bench.until(lambda: bench.loops._loops["tombol"].settled.state is NORMAL)
        assert (await bench.drivers["tombol"].poll()).values["pressed"] == 0
        bench.chip.fault = "absent"
        bench.loops._clock = LateClock()
        await bench.until(lambda: bench.loops._loops["tombol"].trouble)
        with pytest.raises(MissedPollError) as missed:
            await bench.drivers["tombol"].poll()
        assert missed.value.reason == "no_answer"
        bench.loops._clock = SystemClock()
        bench.chip.fault = "none"
        bench.loop.press()
        await bench.until(lambda: bench.edges)


class LateClock(SystemClock):
    """Three seconds later: longer than a sample counts."""

    def mono_ms(self):
        return super().mono_ms() + 3_000


async def test_a_bus_that_hangs_keeps_no_gateway_from_stopping(monkeypatch):
    monkeypatch.setattr(supervised_loop, "STOP_S", 0.05)
    freed = threading.Event()
    bench = Bench()
    monkeypatch.setattr(bench.chip, "transfer", lambda *_: freed.wait(5) or b"")
    began_s = asyncio.get_running_loop().time()
    async with bench.watched():
        with pytest.raises(MissedPollError, match="not watched yet"):
            await bench.drivers["tombol"].poll()
    assert asyncio.get_running_loop().time() - began_s < 4, "the chip hangs for five seconds"
    freed.set()


async def test_what_a_sample_says_of_a_broken_line():
    bench = Bench()
    bench.loop.cut()
    for _ in range(AGREEING):
        for watched in bench.loops._loops.values():
            bench.loops._sample(watched, lambda _: None)
    reading = await bench.drivers["tombol"].poll()
    assert (reading.values["pressed"], reading.quality) == (None, {"pressed": Quality.INVALID})
    assert reading.values["loop_v"] == pytest.approx(3.3, abs=0.01)
    # Its neighbour on the same chip is whole.
    assert (await bench.drivers["bel"].poll()).values["called"] == 0
