"""A press becomes a durable record, in order, whatever the card says; a lamp shows only what is proven."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.codec import decode_body
from edge.drivers.base import Edge
from edge.errors import DiskFull, PanicLaneFull, RecordError
from edge.outputs import ANSWER_MS, REMEMBERED, SHOWN_MS, SIREN_MS, Outputs, Proven, Shown
from edge.panic import TEST_HOLD_MS, Panic, Press
from tests.edge.drivers.rigs import FakeClock
from tests.edge.timeless import timeless


class Card:
    def __init__(self) -> None:
        self.panics: list[tuple[int, bytes]] = []
        self.events: list[tuple[int, bytes]] = []
        self.error: Exception | None = None

    def append_panic(self, mono_ms: int, body: bytes) -> None:
        if self.error:
            raise self.error
        self.panics.append((mono_ms, body))

    async def append_events(self, events: Sequence[tuple[int, bytes]]) -> None:
        if self.error:
            raise self.error
        self.events += events


class Bench:
    def __init__(self) -> None:
        self.clock, self.card = FakeClock(0), Card()
        self.shown: list[tuple[str, Shown]] = []
        self.outputs = Outputs(
            ["igd"], clock=self.clock, show=lambda device, shown: self.shown.append((device, shown))
        )
        self.stored: list[Press] = []
        self.ids = 0
        self.panic = Panic(
            sink=self.card, outputs=self.outputs, random_hex=self.random_hex, on_stored=self.stored.append
        )

    def random_hex(self, n_bytes: int) -> str:
        self.ids += 1
        return f"{self.ids:0{2 * n_bytes}x}"

    def press(self, active: bool = True, initial: bool = False) -> None:
        self.panic.edge(Edge("igd", "panic", active, self.clock.mono, initial))


async def test_a_press_is_a_record_of_the_panic_lane_and_its_release_an_event():
    bench = Bench()
    bench.clock.mono = 5
    bench.press()
    bench.clock.mono = 9
    bench.press(False)
    assert await bench.panic.step()
    ((mono_ms, body),) = bench.card.panics
    press = decode_body(body)
    assert (mono_ms, press.kind, press.device, press.data) == (5, "panic_press", "igd", {"initial": False})
    ((mono_ms, body),) = bench.card.events
    assert (mono_ms, decode_body(body).kind) == (9, "panic_release")
    assert decode_body(body).id != press.id
    assert [each.event_id for each in bench.stored] == [press.id]


async def test_presses_go_before_releases_and_keep_their_order():
    bench = Bench()
    for active in (True, False, True, False, True):
        bench.press(active)
    await bench.panic.step()
    assert [decode_body(body).id for _, body in bench.card.panics] == [f"{n:032x}" for n in (1, 3, 5)]
    assert [decode_body(body).id for _, body in bench.card.events] == [f"{n:032x}" for n in (2, 4)]


async def test_nothing_is_shown_as_stored_before_it_is():
    bench = Bench()
    bench.card.error = DiskFull("full", "no space")
    bench.press()
    assert not await bench.panic.step()
    assert bench.outputs.shown("igd") == Shown(None, fault=True)
    assert (bench.panic.unstored, bench.stored) == (1, [])
    bench.card.error = None
    assert await bench.panic.step()
    assert bench.outputs.shown("igd") == Shown(Proven.STORED, siren=True)
    assert (bench.panic.unstored, len(bench.card.panics)) == (0, 1)


@pytest.mark.parametrize("error", [DiskFull("full", "x"), PanicLaneFull("full", "x")])
@timeless
async def test_the_task_tries_again_for_as_long_as_it_lives(error, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("edge.panic.RETRY_S", 0.01)
    bench = Bench()
    bench.card.error = error
    task = asyncio.create_task(bench.panic.run())
    bench.press()
    bench.press()
    await asyncio.sleep(0.05)
    assert bench.card.panics == []
    bench.card.error = None
    await asyncio.sleep(0.05)
    assert [decode_body(body).id for _, body in bench.card.panics] == [f"{n:032x}" for n in (1, 2)]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_press_that_can_never_be_stored_does_not_hold_the_next_one_back():
    bench = Bench()
    bench.card.error = RecordError("size", "too large")
    bench.press()
    assert await bench.panic.step()
    assert bench.outputs.shown("igd").fault
    bench.card.error = None
    bench.press()
    assert await bench.panic.step()
    assert len(bench.card.panics) == 1


async def test_a_press_is_committed_at_once_and_waits_for_nothing():
    bench = Bench()
    task = asyncio.create_task(bench.panic.run())
    await asyncio.sleep(0)
    bench.press(initial=True)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert decode_body(bench.card.panics[0][1]).data == {"initial": True}
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# Lamps.


def outputs(clock: FakeClock) -> Outputs:
    return Outputs(["igd"], clock=clock)


def test_a_press_goes_through_what_is_proven():
    clock = FakeClock(0)
    lamps = outputs(clock)
    assert lamps.shown("igd") == Shown()
    lamps.stored("igd", "a", 0)
    assert lamps.shown("igd") == Shown(Proven.STORED, siren=True)
    lamps.received(["a"])
    assert lamps.shown("igd") == Shown(Proven.RECEIVED, siren=True)
    lamps.acknowledged(["a"])
    assert lamps.shown("igd") == Shown(Proven.ACKNOWLEDGED)
    lamps.received(["a"])
    assert lamps.shown("igd") == Shown(Proven.ACKNOWLEDGED)


def test_a_siren_sounds_until_a_person_answers_and_not_all_night():
    clock = FakeClock(0)
    lamps = outputs(clock)
    lamps.stored("igd", "a", 0)
    lamps.received(["a"])
    clock.mono = SIREN_MS
    assert lamps.shown("igd").siren
    clock.mono += 1
    assert not lamps.shown("igd").siren
    lamps.stored("igd", "b", clock.mono)
    assert lamps.shown("igd").siren
    lamps.acknowledged(["b"])
    assert not lamps.shown("igd").siren


def test_a_broken_line_lights_the_fault_lamp_until_it_is_whole_and_a_press_does_not_hide_it():
    lamps = outputs(FakeClock(0))
    lamps.line("igd", broken=True)
    lamps.stored("igd", "a", 0)
    assert lamps.shown("igd").fault
    lamps.line("igd", broken=False)
    assert not lamps.shown("igd").fault


@pytest.mark.parametrize(("held_ms", "tests"), [(TEST_HOLD_MS - 1, 0), (TEST_HOLD_MS, 1)])
async def test_a_long_press_is_a_press_and_a_test_too(held_ms, tests):
    bench = Bench()
    bench.press()
    bench.clock.mono += held_ms
    bench.press(active=False)
    assert await bench.panic.step()
    [press] = [decode_body(body) for _, body in bench.card.panics]
    events = [decode_body(body) for _, body in bench.card.events]
    assert [event.kind for event in events] == ["panic_release", "panic_test"][: 1 + tests]
    if tests:
        assert events[-1].data == {"press": press.id, "held_ms": held_ms}
    # A release of which nobody saw the press is no test.
    bench.clock.mono += TEST_HOLD_MS * 2
    bench.press(active=False)
    assert await bench.panic.step()
    assert decode_body(bench.card.events[-1][1]).kind == "panic_release"


async def test_a_test_of_the_way_raises_nothing_and_lights_nothing():
    bench = Bench()
    event_id = bench.panic.test("igd", 7, "ani")
    assert await bench.panic.step()
    assert bench.card.panics == []
    [(mono_ms, body)] = bench.card.events
    event = decode_body(body)
    assert (mono_ms, event.id, event.kind, event.device, event.data) == (
        7,
        event_id,
        "panic_test",
        "igd",
        {"actor": "ani"},
    )
    assert bench.outputs.shown("igd") == Shown()


def test_the_least_proven_press_decides():
    lamps = outputs(FakeClock(0))
    lamps.stored("igd", "a", 0)
    lamps.received(["a"])
    lamps.stored("igd", "b", 1)
    assert lamps.shown("igd").proven is Proven.STORED
    lamps.received(["other"])
    assert lamps.shown("igd").proven is Proven.STORED


def test_no_receipt_in_time_sounds_the_buzzer_until_it_comes():
    clock = FakeClock(0)
    lamps = outputs(clock)
    lamps.stored("igd", "a", 0)
    clock.mono = ANSWER_MS
    assert not lamps.shown("igd").buzzer
    clock.mono += 1
    assert lamps.shown("igd").buzzer
    lamps.received(["a"])
    assert not lamps.shown("igd").buzzer


def test_a_received_press_is_forgotten_after_a_while_and_a_stored_one_never():
    clock = FakeClock(0)
    lamps = outputs(clock)
    lamps.stored("igd", "a", 0)
    lamps.stored("igd", "b", 0)
    lamps.received(["a"])
    clock.mono = SHOWN_MS + 1
    lamps.refresh()
    assert lamps.shown("igd").proven is Proven.STORED
    lamps.received(["b"])
    assert lamps.shown("igd") == Shown()


def test_lamps_are_switched_on_change_only():
    switched: list[Shown] = []
    lamps = Outputs(["igd"], clock=FakeClock(0), show=lambda _, shown: switched.append(shown))
    lamps.refresh()
    lamps.stored("igd", "a", 0)
    lamps.refresh()
    lamps.stored("igd", "b", 0)
    assert switched == [Shown(Proven.STORED, siren=True)]


STEPS: dict[str, Callable[[Outputs, str], None]] = {
    "stored": lambda lamps, event: lamps.stored("igd", event, 0),
    "received": lambda lamps, event: lamps.received([event]),
    "acknowledged": lambda lamps, event: lamps.acknowledged([event]),
}


@given(st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.sampled_from("abc")), max_size=40))
def test_a_lamp_never_shows_more_than_is_proven_of_every_press(steps):
    """Against a plain model: a press counts from when it is stored, and only forward."""
    lamps, model = outputs(FakeClock(0)), {}
    for step, event in steps:
        if step == "stored":
            if event in model:
                continue
            model[event] = Proven.STORED
        elif event in model:
            model[event] = max(model[event], Proven[step.upper()])
        STEPS[step](lamps, event)
        assert lamps.shown("igd").proven == min(model.values(), default=None)


def test_memory_of_presses_is_bounded_and_forgets_the_proven_first():
    lamps = outputs(FakeClock(0))
    lamps.stored("igd", "open", 0)
    for number in range(REMEMBERED * 2):
        lamps.stored("igd", str(number), number)
        lamps.received([str(number)])
    assert lamps.shown("igd").proven is Proven.STORED
    lamps.received(["open"])
    assert lamps.shown("igd").proven is Proven.RECEIVED
