"""Contacts at GPIO lines: debounced, both ways, told in the event loop; never on a wrong pin factory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from gpiozero.pins.mock import MockFactory
from gpiozero.pins.native import NativeFactory
from hypothesis import given
from hypothesis import strategies as st

from edge.clock import SystemClock
from edge.config import Contact, Lights
from edge.drivers import gpio
from edge.drivers.base import Edge, MissedPollError
from edge.drivers.gpio import ContactDriver, Contacts, Debounce, Lamps, check_pins, find_chip, real_pins
from edge.errors import PinError
from edge.outputs import Proven, Shown
from tests.edge.timeless import LoopClock, timeless

BUTTON = Contact(name="igd", role="panic", pin=17, debounce_ms=30)
MAT = Contact(name="alas", role="bed_mat", pin=27, active_low=False, debounce_ms=30)


@asynccontextmanager
async def watched(*contacts: Contact, pressed: bool = False) -> AsyncIterator[SimpleNamespace]:
    factory = MockFactory()
    edges: list[Edge] = []
    watch = Contacts(contacts, pins=lambda: factory, clock=LoopClock())
    if pressed:
        # Held down before the gateway starts: the pull-up loses against the contact.
        pin = factory.pin(BUTTON.pin)
        pin._set_pull = lambda value: setattr(pin, "_pull", value)
        pin._state = False
    task = asyncio.create_task(watch.run(edges.append))
    await asyncio.sleep(0.01)
    try:
        yield SimpleNamespace(factory=factory, edges=edges, watch=watch, task=task, pin=factory.pin)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        factory.reset()


@timeless
async def test_press_and_release_are_told_once_each_with_the_time_they_began():
    async with watched(BUTTON) as bench:
        before = LoopClock().mono_ms()
        bench.pin(17).drive_low()
        after = LoopClock().mono_ms()
        assert bench.edges == []
        await asyncio.sleep(0.06)
        bench.pin(17).drive_high()
        await asyncio.sleep(0.06)
        press, release = bench.edges
        assert (press.device, press.role, press.active, press.initial) == ("igd", "panic", True, False)
        assert before <= press.mono_ms <= after
        assert (release.active, release.mono_ms >= press.mono_ms + 50) == (False, True)


@timeless
async def test_a_bouncing_contact_is_one_press():
    async with watched(BUTTON) as bench:
        for _ in range(15):
            bench.pin(17).drive_low()
            await asyncio.sleep(0.001)
            bench.pin(17).drive_high()
            await asyncio.sleep(0.001)
        bench.pin(17).drive_low()
        await asyncio.sleep(0.08)
        assert [edge.active for edge in bench.edges] == [True]


@timeless
async def test_a_spike_shorter_than_the_debounce_is_nothing():
    async with watched(BUTTON) as bench:
        bench.pin(17).drive_low()
        await asyncio.sleep(0.005)
        bench.pin(17).drive_high()
        await asyncio.sleep(0.08)
        assert bench.edges == []


@timeless
async def test_a_contact_may_be_active_high():
    async with watched(BUTTON, MAT) as bench:
        bench.pin(27).drive_high()
        await asyncio.sleep(0.06)
        assert [(edge.device, edge.role, edge.active) for edge in bench.edges] == [("alas", "bed_mat", True)]


@timeless
async def test_a_button_held_down_at_the_start_is_a_press():
    async with watched(BUTTON, pressed=True) as bench:
        assert [(edge.active, edge.initial) for edge in bench.edges] == [(True, True)]


async def test_edges_come_in_the_loop_even_from_another_thread():
    threads: list[threading.Thread] = []
    factory = MockFactory()
    watch = Contacts([BUTTON], pins=lambda: factory, clock=SystemClock())
    # In debug mode the loop refuses every call from another thread that is not meant for one.
    asyncio.get_running_loop().set_debug(True)
    task = asyncio.create_task(watch.run(lambda _: threads.append(threading.current_thread())))
    await asyncio.sleep(0.01)
    await asyncio.to_thread(factory.pin(17).drive_low)
    async with asyncio.timeout(10):
        while not threads:  # noqa: ASYNC110 - it is another's state
            await asyncio.sleep(0.01)
    assert threads == [threading.current_thread()]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@timeless
async def test_an_edge_that_the_kernel_lost_is_found(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gpio, "RECHECK_S", 0.02)
    async with watched(BUTTON) as bench:
        bench.pin(17)._state = False
        await asyncio.sleep(0.15)
        assert [edge.active for edge in bench.edges] == [True]


@timeless
async def test_the_state_is_sampled_while_it_is_watched():
    clock = LoopClock()
    async with watched(BUTTON, MAT) as bench:
        button = ContactDriver(BUTTON, bench.watch, clock=clock)
        assert (button.kind, button.quantities) == ("panic_button", ("pressed",))
        assert (await button.poll()).values == {"pressed": 0}
        bench.pin(17).drive_low()
        await asyncio.sleep(0.06)
        assert (await button.poll()).values == {"pressed": 1}
        mat = ContactDriver(MAT, bench.watch, clock=clock)
        assert (await mat.poll()).values == {"occupied": 0}
    with pytest.raises(MissedPollError, match="not_started"):
        await button.poll()


async def test_the_lines_are_let_go_at_the_end():
    async with watched(BUTTON) as bench:
        pass
    async with watched(BUTTON):
        bench.pin(17).drive_low()
    assert bench.edges == []


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 60)), max_size=40))
def test_a_settled_change_has_held_for_the_debounce_time(raw):
    """Replay any levels and pauses: changes alternate, and each settled level was there all the while."""
    debounce, mono_ms = Debounce(False, 50), 1
    history: list[tuple[int, bool]] = [(0, False)]
    changes: list[tuple[int, bool]] = []
    for level, pause_ms in raw:
        debounce.feed(level, mono_ms)
        history.append((mono_ms, level))
        for _ in range(pause_ms):
            mono_ms += 1
            since = debounce.settle(mono_ms)
            if since is not None:
                changes.append((since, debounce.level))
                assert mono_ms - since >= 50
                assert all(was == debounce.level for at, was in history if at >= since)
    assert [level for _, level in changes] == [at % 2 == 0 for at in range(len(changes))]


# The pin factory.


def test_the_chip_is_found_by_its_label_wherever_it_is():
    assert find_chip({0: "pinctrl-bcm2711", 1: "raspberrypi-exp-gpio"}) == 0
    assert find_chip({4: "pinctrl-rp1", 0: "gpio-brcmstb@107d508500"}) == 4
    assert find_chip({11: "pinctrl-rp1", 12: "gpio-brcmstb", 13: "x"}) == 11
    assert find_chip({0: "pinctrl-bcm2835"}) == 0


@pytest.mark.parametrize("labels", [{}, {0: "gpio-sim", 1: "pinctrl-rp1-fake"}])
def test_no_chip_of_a_raspberry_pi_is_an_error_that_says_what_is_there(labels):
    with pytest.raises(PinError) as caught:
        find_chip(labels)
    assert caught.value.reason == "chip"
    assert "Raspberry Pi" in caught.value.hint
    for label in labels.values():
        assert label in caught.value.message


def test_this_machine_is_refused_without_a_word_to_gpiozero():
    with pytest.raises(PinError):
        real_pins(chips=lambda: {0: "some-laptop"}, environment={})


@pytest.mark.parametrize("asked", ["mock", "rpigpio", "pigpio", "native"])
def test_no_other_factory_by_the_environment(asked: str):
    with pytest.raises(PinError, match="unset GPIOZERO_PIN_FACTORY"):
        real_pins(chips=lambda: {0: "pinctrl-rp1"}, environment={"GPIOZERO_PIN_FACTORY": asked})


def test_lgpio_is_opened_at_the_chip_that_was_found(monkeypatch: pytest.MonkeyPatch):
    import lgpio

    opened: list[int] = []

    def open_chip(number: int) -> int:
        opened.append(number)
        return 7

    monkeypatch.setattr(lgpio, "gpiochip_open", open_chip)
    monkeypatch.setattr(lgpio, "gpiochip_close", lambda handle: None)
    factory = real_pins(
        chips=lambda: {0: "x", 11: "pinctrl-rp1"}, environment={"GPIOZERO_PIN_FACTORY": "lgpio"}
    )
    assert opened == [11]
    assert check_pins(factory) is factory
    factory.close()


def test_a_chip_that_may_not_be_opened_says_which_group(monkeypatch: pytest.MonkeyPatch):
    import lgpio

    def refuse(number: int) -> int:
        raise lgpio.error("can not open gpiochip")

    monkeypatch.setattr(lgpio, "gpiochip_open", refuse)
    with pytest.raises(PinError, match="group gpio"):
        real_pins(chips=lambda: {0: "pinctrl-rp1"}, environment={})


def test_the_kernels_labels(monkeypatch: pytest.MonkeyPatch, tmp_path):
    import lgpio

    for name in ("gpiochip0", "gpiochip11", "gpiomem"):
        (tmp_path / name).touch()
    monkeypatch.setattr(lgpio, "gpiochip_open", lambda number: number + 100)
    monkeypatch.setattr(lgpio, "gpiochip_close", lambda handle: None)
    monkeypatch.setattr(lgpio, "gpio_get_chip_info", lambda handle: (0, 54, "n", f"label-{handle}"))
    assert gpio.kernel_chips(tmp_path) == {0: "label-100", 11: "label-111"}

    def refuse(number: int) -> int:
        raise lgpio.error("no permission")

    monkeypatch.setattr(lgpio, "gpiochip_open", refuse)
    with pytest.raises(PinError, match="group gpio"):
        gpio.kernel_chips(tmp_path)
    assert gpio.kernel_chips(tmp_path / "none") == {}


def test_a_mock_is_taken_from_code_and_anything_else_is_not():
    mock = MockFactory()
    assert check_pins(mock) is mock
    for wrong in (None, object(), NativeFactory):
        with pytest.raises(PinError, match="pass none, and lgpio is taken"):
            check_pins(wrong)


async def test_contacts_without_gpio_refuse_to_start():
    def none():
        raise PinError("chip", "no chip")

    with pytest.raises(PinError):
        await Contacts([BUTTON], pins=none, clock=SystemClock()).run(lambda _: None)


async def test_a_line_that_is_taken_is_named():
    factory = MockFactory()
    twice = [BUTTON, Contact(name="other", role="door", pin=17)]
    with pytest.raises(PinError, match="line 17 of other"):
        await Contacts(twice, pins=lambda: factory, clock=SystemClock()).run(lambda _: None)


# Lamps.


def test_lamps_show_what_is_proven():
    factory = MockFactory()
    lights = Lights(contact="igd", stored=5, received=6, acknowledged=13, fault=19, buzzer=26)
    lamps = Lamps([lights], pins=lambda: factory)
    lamps.claim()

    def lit() -> set[str]:
        return {name for name, pin in lights.pins.items() if factory.pin(pin).state}

    assert lit() == set()
    lamps.show("igd", Shown(Proven.STORED, buzzer=True))
    assert lit() == {"stored", "buzzer"}
    lamps.show("igd", Shown(Proven.RECEIVED))
    assert lit() == {"received"}
    lamps.show("igd", Shown(Proven.ACKNOWLEDGED, fault=True))
    assert lit() == {"acknowledged", "fault"}
    lamps.show("another", Shown(Proven.STORED))
    assert lit() == {"acknowledged", "fault"}
    lamps.release()
    lamps.show("igd", Shown(Proven.STORED))


def test_lamps_may_be_active_low():
    factory = MockFactory()
    lamps = Lamps([Lights(contact="igd", stored=5, active_high=False)], pins=lambda: factory)
    lamps.claim()
    assert factory.pin(5).state
    lamps.show("igd", Shown(Proven.STORED))
    assert not factory.pin(5).state
    lamps.release()
