"""The sampler: samples are stamped, judged, grouped and committed; silence is told once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

import pytest

from contract.codec import decode_body
from contract.kinds import Quality
from contract.messages import EventBody
from edge.config import Wave
from edge.drivers.base import Edge, MissedPollError, Reading
from edge.drivers.simulated import SimulatedDriver
from edge.errors import DiskFull, RecordError
from edge.points import Limits
from edge.sampler import APART_MS, GROUP_ROWS, Sample, Sampler, Schedule
from tests.edge.drivers.rigs import FakeClock
from tests.edge.timeless import LoopClock, timeless


class Card:
    """A sink that keeps what is committed, or refuses."""

    def __init__(self) -> None:
        self.groups: list[list[Sample]] = []
        self.events: list[tuple[int, EventBody]] = []
        self.full = False
        self.poison: float | None = None

    @property
    def samples(self) -> list[Sample]:
        return [sample for group in self.groups for sample in group]

    def append_samples(self, samples: Sequence[Sample]) -> None:
        if self.full:
            raise DiskFull("full", "no space")
        if any(sample.values[0] == self.poison for sample in samples):
            raise RecordError("number", "cannot be stored")
        self.groups.append(list(samples))

    async def append_events(self, events: Sequence[tuple[int, bytes]]) -> None:
        if self.full:
            raise DiskFull("full", "no space")
        self.events += [(mono_ms, decode_body(body)) for mono_ms, body in events]


class Bench:
    """A sampler with one simulated river post, stepped by hand."""

    def __init__(self, **limits: Limits) -> None:
        self.clock, self.card = FakeClock(), Card()
        self.waves = {"level_m": Wave(mean=1.0), "tips": Wave(mean=3)}
        self.driver = SimulatedDriver("pos", "river_post", self.waves, clock=self.clock)
        self.ids = 0
        schedule = Schedule(self.driver, 1.0, limits, down_after=2)
        self.sampler = Sampler([schedule], clock=self.clock, sink=self.card, random_hex=self.random_hex)

    def random_hex(self, n_bytes: int) -> str:
        self.ids += 1
        return f"{self.ids:0{2 * n_bytes}x}"

    async def poll(self, after_ms: int = 1000) -> Sample | None:
        self.clock.mono += after_ms
        return await self.sampler.poll("pos")


async def test_a_sample_is_the_device_at_one_time_in_the_types_of_its_kind():
    bench = Bench()
    sample = await bench.poll()
    assert sample is not None
    assert sample.mono_ms == bench.clock.mono
    assert (sample.device, sample.kind) == ("pos", "river_post")
    assert sample.quantities == ("level_m", "tips")
    assert sample.values == (1.0, 3)
    assert [type(value) for value in sample.values] == [float, int]
    assert sample.quality == ()
    assert bench.card.samples == []
    await bench.sampler.flush()
    assert bench.card.samples == [sample]


async def test_quality_is_told_where_a_value_is_not_good():
    bench = Bench(level_m=Limits(low=0, high=2))
    bench.driver.set("level_m", 2.5)
    bench.driver.set("tips", None)
    sample = await bench.poll()
    assert sample is not None
    assert sample.values == (2.5, None)
    assert sample.quality == ((0, Quality.OUT_OF_RANGE), (1, Quality.INVALID))


async def test_two_samples_of_a_device_are_never_nearer_than_ten_milliseconds():
    bench = Bench()
    assert await bench.poll() is not None
    assert await bench.poll(APART_MS - 1) is None
    assert await bench.poll(1) is not None


async def test_down_and_up_are_told_once_each_and_never_as_zero():
    bench = Bench()
    await bench.poll()
    bench.driver.silence(True)
    for _ in range(5):
        assert await bench.poll() is None
    assert list(bench.sampler.devices_down) == ["pos"]
    bench.driver.silence(False)
    for _ in range(3):
        assert await bench.poll() is not None
    assert list(bench.sampler.devices_down) == []
    await bench.sampler.flush()
    kinds = [(body.kind, body.device) for _, body in bench.card.events]
    assert kinds == [("device_down", "pos"), ("device_up", "pos")]
    assert bench.card.events[0][1].data["reason"] == "no_answer"
    assert [sample.values[0] for sample in bench.card.samples] == [1.0] * 4


async def test_a_fault_of_a_driver_is_a_missed_poll_and_stops_nothing(caplog):
    bench = Bench()

    async def faulty():
        raise OverflowError("int too large to convert to float")

    poll, bench.driver.poll = bench.driver.poll, faulty  # type: ignore[method-assign]
    for _ in range(2):
        assert await bench.poll() is None
    assert bench.sampler.devices_down == ("pos",)
    assert "driver_failed device=pos" in caplog.text
    bench.driver.poll = poll  # type: ignore[method-assign]
    assert await bench.poll() is not None
    assert not bench.sampler.devices_down


async def test_who_asks_while_a_poll_is_under_way_gets_its_sample_and_makes_no_other():
    """Two samples at one time would be one in the database."""
    bench = Bench()
    answers = asyncio.Event()
    poll = bench.driver.poll

    async def slow():
        await answers.wait()
        return await poll()

    bench.driver.poll = slow  # type: ignore[method-assign]
    asking = [asyncio.create_task(bench.sampler.poll("pos")) for _ in range(2)]
    await asyncio.sleep(0)
    answers.set()
    first, second = await asyncio.gather(*asking)
    assert first is not None
    assert second is None
    assert bench.sampler.states[0].sample == first


async def test_one_missed_poll_is_not_down_and_resting_is_not_a_miss():
    bench = Bench()
    bench.driver.silence(True)
    await bench.poll()
    bench.driver.silence(False)
    await bench.poll()
    assert bench.ids == 0

    async def resting() -> Reading:
        raise MissedPollError("resting", "left alone")

    bench.driver.poll = resting  # type: ignore[method-assign]
    for _ in range(10):
        await bench.poll()
    assert bench.sampler.devices_down == ()


async def test_commits_are_of_at_most_a_group_and_in_order():
    bench = Bench()
    for _ in range(GROUP_ROWS + 50):
        await bench.poll()
    await bench.sampler.flush()
    assert [len(group) for group in bench.card.groups] == [GROUP_ROWS, 50]
    times = [sample.mono_ms for sample in bench.card.samples]
    assert times == sorted(times)


async def test_what_the_card_refuses_is_kept_and_committed_later_once():
    bench = Bench()
    bench.card.full = True
    first = await bench.poll()
    bench.sampler.edge(Edge("alas", "bed_mat", True, bench.clock.mono))
    assert not await bench.sampler.flush()
    second = await bench.poll()
    bench.card.full = False
    assert await bench.sampler.flush()
    assert bench.card.samples == [first, second]
    assert [body.kind for _, body in bench.card.events] == ["bed_edge"]
    assert await bench.sampler.flush()
    assert len(bench.card.samples) == 2


async def test_memory_is_bounded_while_the_card_refuses(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("edge.sampler.WAITING_MAX", 5)
    bench = Bench()
    bench.card.full = True
    polled = [await bench.poll() for _ in range(8)]
    assert bench.sampler.dropped == 3
    bench.card.full = False
    await bench.sampler.flush()
    assert bench.card.samples == polled[3:]


async def test_a_mat_at_a_card_that_refuses_for_months_does_not_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("edge.sampler.WAITING_MAX", 5)
    bench = Bench()
    bench.card.full = True
    for at in range(8):
        bench.sampler.edge(Edge("mat-1", "bed_mat", at % 2 == 0, 1000 + at))
    assert bench.sampler.dropped == 3
    bench.card.full = False
    await bench.sampler.flush()
    assert [mono_ms for mono_ms, _ in bench.card.events] == [1003, 1004, 1005, 1006, 1007]


async def test_a_record_that_can_never_be_stored_is_dropped_alone():
    bench = Bench()
    for value in (1.0, 66.0, 2.0):
        bench.driver.set("level_m", value)
        await bench.poll()
    bench.card.poison = 66.0
    assert await bench.sampler.flush()
    assert [sample.values[0] for sample in bench.card.samples] == [1.0, 2.0]
    assert bench.sampler.dropped == 1


async def test_edges_of_mats_and_doors_are_events():
    bench = Bench()
    bench.sampler.edge(Edge("alas", "bed_mat", True, 5))
    bench.sampler.edge(Edge("pintu", "door", False, 6))
    await bench.sampler.flush()
    told = [(mono_ms, body.kind, body.device, body.data["active"]) for mono_ms, body in bench.card.events]
    assert told == [(5, "bed_edge", "alas", True), (6, "door_edge", "pintu", False)]
    assert len({body.id for _, body in bench.card.events}) == 2


async def run(sampler: Sampler, seconds: float) -> None:
    task = asyncio.create_task(sampler.run())
    await asyncio.sleep(seconds)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@timeless
async def test_running_keeps_the_rhythm_and_commits_the_rest_at_the_end():
    clock, card = LoopClock(), Card()
    fast = SimulatedDriver("fast", "river_post", {"level_m": Wave(mean=1)}, clock=clock)
    slow = SimulatedDriver("slow", "river_post", {"level_m": Wave(mean=2)}, clock=clock)
    schedules = [Schedule(fast, 0.05, {}), Schedule(slow, 0.2, {})]
    await run(Sampler(schedules, clock=clock, sink=card, random_hex=lambda n: "0" * 2 * n), 1.3)
    count = {name: sum(s.device == name for s in card.samples) for name in ("fast", "slow")}
    assert 20 <= count["fast"] <= 27
    assert 5 <= count["slow"] <= 7
    # One commit about each second, not one each sample.
    assert len(card.groups) <= 3


@timeless
async def test_what_comes_after_a_quiet_time_is_committed_at_once_and_the_next_waits_for_its_second():
    clock, card = LoopClock(), Card()
    slow = SimulatedDriver("slow", "river_post", {"level_m": Wave(mean=2)}, clock=clock)
    sampler = Sampler([Schedule(slow, 0.2, {})], clock=clock, sink=card, random_hex=lambda n: "0" * 2 * n)
    task = asyncio.create_task(sampler.run())
    await asyncio.sleep(0.1)
    assert [len(group) for group in card.groups] == [1]
    await asyncio.sleep(0.4)
    assert [len(group) for group in card.groups] == [1]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@timeless
async def test_devices_that_are_polled_together_lie_in_one_commit():
    clock, card = LoopClock(), Card()
    drivers = [
        SimulatedDriver(f"pos-{at}", "river_post", {"level_m": Wave(mean=at)}, clock=clock) for at in range(5)
    ]
    schedules = [Schedule(driver, 1.0, {}) for driver in drivers]
    sampler = Sampler(schedules, clock=clock, sink=card, random_hex=lambda n: "0" * 2 * n)
    task = asyncio.create_task(sampler.run())
    await asyncio.sleep(1.3)
    assert [len(group) for group in card.groups] == [5, 5]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class Deaf:
    """A driver whose library swallows a cancellation that comes together with the answer."""

    device, kind, quantities = "tuli", "river_post", ("level_m",)

    def __init__(self, clock):
        self.asked, self._clock = asyncio.Event(), clock

    async def poll(self):
        if not self.asked.is_set():
            self.asked.set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(10)
        return Reading(self.device, {"level_m": 1.0}, self._clock.mono_ms())


@timeless
async def test_a_cancellation_that_a_driver_swallows_still_stops_the_sampler():
    """It kept a gateway running after SIGTERM: pymodbus waits with wait_for, which does this before Python 3.12."""
    clock, card = LoopClock(), Card()
    driver = Deaf(clock)
    sampler = Sampler([Schedule(driver, 5, {})], clock=clock, sink=card, random_hex=lambda n: "0" * 2 * n)
    task = asyncio.create_task(sampler.run())
    await driver.asked.wait()
    task.cancel()
    await asyncio.wait((task,), timeout=10)
    stopped = task.done()
    for left in asyncio.all_tasks() - {asyncio.current_task()}:
        left.cancel()
    assert stopped
    assert [sample.device for sample in card.samples] == ["tuli"], "what it read is kept"


@timeless
async def test_an_event_does_not_wait_for_its_group():
    clock, card = LoopClock(), Card()
    sampler = Sampler([], clock=clock, sink=card, random_hex=lambda n: "0" * 2 * n)
    task = asyncio.create_task(sampler.run())
    await asyncio.sleep(0.01)
    sampler.edge(Edge("alas", "bed_mat", True, 5))
    await asyncio.sleep(0.02)
    assert len(card.events) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_is_told_late_is_a_sample_of_its_own_time_and_no_state_of_now():
    bench = Bench(level_m=Limits(low=0, high=5, max_step=0.1))
    now = await bench.poll()
    earlier = [
        Reading("pos", {"level_m": m, "tips": 1}, bench.clock.mono - ago)
        for m, ago in ((4, 30_000), (9, 20_000))
    ]
    for one in earlier:
        bench.sampler.past(one)
    again = await bench.poll()
    await bench.sampler.flush()
    times = [now.mono_ms, *(one.mono_ms for one in earlier), again.mono_ms]
    assert [sample.mono_ms for sample in bench.card.samples] == times
    # By range, and not by a step from what is known of now.
    assert [sample.quality for sample in bench.card.samples[1:3]] == [(), ((0, int(Quality.OUT_OF_RANGE)),)]
    assert again.quality == (), "a step is judged from the last value of now"
    assert bench.sampler.states[0].sample is again
