"""Dry contacts and lamps at the board's GPIO lines, by gpiozero on lgpio.

The pin factory is always named: gpiozero would fall back to whatever library it finds and warn, and a panic button
that is watched by the wrong one is dead without a word. The chip is found by its label, because its number moves
between kernels (4, then 0, then 11 to 15 on the Raspberry Pi 5).

gpiozero is imported where lines are claimed: a gateway without contacts and lamps is 3 MB smaller without it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.kinds import KINDS, Quality
from edge.clock import Clock
from edge.config import CONTACT_KINDS, Contact, Lights
from edge.drivers.base import Edge, MissedPollError, OnEdge, Reading
from edge.errors import PinError
from edge.outputs import Proven, Shown

log = logging.getLogger(__name__)

CHIP_LABELS = ("pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835")
"""Chips with the header's lines: Raspberry Pi 5, 4, and 3 and Zero."""

SOUNDS = ("buzzer", "siren")

RECHECK_S = 0.5
"""How often each level is read again, so that an edge that the kernel lost is found."""


def real_pins(
    chips: Callable[[], Mapping[int, str]] | None = None, environment: Mapping[str, str] = os.environ
) -> Any:
    """The pin factory of this board.

    Args:
        chips: label of each GPIO chip by its number; None asks the kernel.

    Raises:
        PinError: lgpio is missing, another factory is asked for in the environment, no chip of a Raspberry Pi is
            there, or it may not be opened.
    """
    asked = environment.get("GPIOZERO_PIN_FACTORY", "")
    if asked not in ("", "lgpio"):
        raise PinError(
            "factory",
            f"GPIOZERO_PIN_FACTORY asks for {asked!r}, and contacts are watched by lgpio only",
            "unset GPIOZERO_PIN_FACTORY for this service",
        )
    try:
        from gpiozero.pins.lgpio import LGPIOFactory
    except ImportError as error:
        raise PinError("factory", f"lgpio is not there: {error}", "install siaga[edge] anew") from error
    chip = find_chip((chips or kernel_chips)())
    try:
        return LGPIOFactory(chip=chip)
    except Exception as error:  # lgpio raises bare exceptions of its own
        raise PinError(
            "factory", f"gpiochip{chip} cannot be opened: {error}", "add the service's user to the group gpio"
        ) from error


def find_chip(labels: Mapping[int, str]) -> int:
    """The number of the chip that has the header's lines.

    Raises:
        PinError: none has.
    """
    for wanted in CHIP_LABELS:
        for number in sorted(labels):
            if labels[number] == wanted:
                return number
    found = ", ".join(f"gpiochip{number} {label}" for number, label in sorted(labels.items())) or "none"
    raise PinError(
        "chip",
        f"no GPIO chip of a Raspberry Pi is here (found: {found})",
        "run this gateway on a Raspberry Pi, or take the contacts out of its configuration",
    )


def kernel_chips(devices: Path = Path("/dev")) -> dict[int, str]:
    """Label of each GPIO chip that may be opened.

    Raises:
        PinError: there are chips, and none may be opened.
    """
    import lgpio

    labels: dict[int, str] = {}
    refused: list[str] = []
    for path in sorted(devices.glob("gpiochip*")):
        number = int(path.name.removeprefix("gpiochip"))
        try:
            handle = lgpio.gpiochip_open(number)
        except lgpio.error as error:
            refused.append(f"{path}: {error}")
            continue
        labels[number] = lgpio.gpio_get_chip_info(handle)[3]
        lgpio.gpiochip_close(handle)
    if refused and not labels:
        raise PinError("chip", "; ".join(refused), "add the service's user to the group gpio")
    return labels


def check_pins(pins: Any) -> Any:
    """Return the factory unchanged if contacts may be watched by it: lgpio's, or a mock given by code.

    Raises:
        PinError: it is neither.
    """
    name = type(pins).__name__
    if name == "LGPIOFactory":
        return pins
    from gpiozero.pins.mock import MockFactory

    if isinstance(pins, MockFactory):
        return pins
    raise PinError("factory", f"{name} is no pin factory for contacts", "pass none, and lgpio is taken")


class Debounce:
    """When a bouncing contact has come to rest. Pure: levels and times in, settled changes out."""

    def __init__(self, level: bool | None, debounce_ms: int, *, release_ms: int | None = None) -> None:
        """
        Args:
            level: what counts as settled at the beginning; None: nothing is known before it has held.
            release_ms: how long it must be inactive to count, where that is longer than debounce_ms.
        """
        self.level = level
        """The settled level; None while it is unknown."""
        self._hold_ms = {True: debounce_ms, False: debounce_ms if release_ms is None else release_ms}
        self._candidate = level
        self._since_ms = 0

    def feed(self, level: bool, mono_ms: int) -> None:
        """A raw level. Only a change counts, so reading the same again is harmless."""
        if level != self._candidate:
            self._candidate = level
            self._since_ms = mono_ms

    @property
    def pending(self) -> bool:
        """Whether a change is waiting to settle."""
        return self._candidate != self.level

    @property
    def settles_ms(self) -> int:
        """How long the change that is waiting has to hold in all."""
        return self._hold_ms[bool(self._candidate)]

    def settle(self, mono_ms: int) -> int | None:
        """The time of a change that has held for the debounce time by now; None where there is none."""
        if self._candidate is None or not self.pending:
            return None
        if mono_ms - self._since_ms < self._hold_ms[self._candidate]:
            return None
        self.level = self._candidate
        return self._since_ms


@dataclass(slots=True)
class _Watched:
    contact: Contact
    device: Any
    debounce: Debounce


class Contacts:
    """Watches contacts while ``run`` runs."""

    def __init__(self, contacts: Sequence[Contact], *, pins: Callable[[], Any], clock: Clock) -> None:
        """
        Args:
            pins: gives the pin factory when the watch begins.
        """
        self._contacts = contacts
        self._pins = pins
        self._clock = clock
        self._watched: dict[str, _Watched] = {}

    async def run(self, on_edge: OnEdge) -> None:
        """Claim the lines and tell of every settled change, until cancelled. A contact that is active at the
        beginning is told too: a button held down while the gateway started is a press.

        Raises:
            PinError: the lines cannot be had.
        """
        if not self._contacts:
            return
        loop = asyncio.get_running_loop()
        factory = check_pins(self._pins())
        try:
            for contact in self._contacts:
                self._claim(contact, factory, loop, on_edge)
            for watched in self._watched.values():
                if watched.debounce.level:
                    # A mat's state is not known yet; a button that is held down is a press.
                    contact = watched.contact
                    on_edge(Edge(contact.name, contact.role, True, self._clock.mono_ms(), initial=True))
            while True:
                await asyncio.sleep(RECHECK_S)
                for watched in self._watched.values():
                    self._level(watched, bool(watched.device.is_active), self._clock.mono_ms(), loop, on_edge)
        finally:
            for watched in self._watched.values():
                watched.device.close()
            self._watched.clear()

    def watches(self, name: str) -> bool:
        """Whether a contact is watched now."""
        return name in self._watched

    def level(self, name: str) -> bool | None:
        """The settled level of a contact; None while it is not watched, or has not settled for the first time."""
        watched = self._watched.get(name)
        return None if watched is None else watched.debounce.level

    def _claim(
        self, contact: Contact, factory: Any, loop: asyncio.AbstractEventLoop, on_edge: OnEdge
    ) -> None:
        from gpiozero import DigitalInputDevice
        from gpiozero.exc import GPIOZeroError

        try:
            device = DigitalInputDevice(contact.pin, pull_up=contact.active_low, pin_factory=factory)
        except GPIOZeroError as error:
            raise PinError(
                "pin", f"line {contact.pin} of {contact.name}: {error}", "a free line, by its BCM number"
            ) from error
        known = None if contact.role == "bed_mat" else bool(device.is_active)
        debounce = Debounce(known, contact.debounce_ms, release_ms=contact.vacant_ms)
        watched = self._watched[contact.name] = _Watched(contact, device, debounce)
        self._level(watched, bool(device.is_active), self._clock.mono_ms(), loop, on_edge)

        def changed(active: bool) -> None:
            # In lgpio's own thread: only the time is taken here, before anything can wait.
            mono_ms = self._clock.mono_ms()
            loop.call_soon_threadsafe(self._level, watched, active, mono_ms, loop, on_edge)

        device.when_activated = lambda: changed(True)
        device.when_deactivated = lambda: changed(False)

    def _level(
        self, watched: _Watched, active: bool, mono_ms: int, loop: asyncio.AbstractEventLoop, on_edge: OnEdge
    ) -> None:
        watched.debounce.feed(active, mono_ms)
        if watched.debounce.pending:
            loop.call_later(watched.debounce.settles_ms / 1000, self._settle, watched, on_edge)

    def _settle(self, watched: _Watched, on_edge: OnEdge) -> None:
        if self._watched.get(watched.contact.name) is not watched:
            return
        was, changed_ms = watched.debounce.level, watched.debounce.settle(self._clock.mono_ms())
        level = watched.debounce.level
        # A mat that was found free at the start has not changed.
        if changed_ms is not None and level is not None and (level or was is not None):
            contact = watched.contact
            on_edge(Edge(contact.name, contact.role, level, changed_ms, initial=was is None))


class ContactDriver:
    """The state of a contact as a sample, which shows that it is watched."""

    def __init__(self, contact: Contact, contacts: Contacts, *, clock: Clock) -> None:
        self.device = contact.name
        self.kind = CONTACT_KINDS[contact.role]
        self.quantities = (next(iter(KINDS[self.kind].quantities)),)
        self._contacts = contacts
        self._clock = clock

    async def poll(self) -> Reading:
        """The settled level.

        Raises:
            MissedPollError: ``not_started`` while the contact is not watched.
        """
        if not self._contacts.watches(self.device):
            raise MissedPollError("not_started", f"contact {self.device} is not watched yet")
        (quantity,), level, now_ms = self.quantities, self._contacts.level(self.device), self._clock.mono_ms()
        if level is None:
            return Reading(self.device, {quantity: None}, now_ms, {quantity: Quality.INVALID})
        return Reading(self.device, {quantity: int(level)}, now_ms)


class Lamps:
    """Drives the lamps at buttons while they are claimed."""

    def __init__(self, lights: Sequence[Lights], *, pins: Callable[[], Any]) -> None:
        self._lights = lights
        self._pins = pins
        self._devices: dict[str, dict[str, Any]] = {}

    def claim(self) -> None:
        """Take the lines, all lamps off.

        Raises:
            PinError: they cannot be had.
        """
        if not self._lights:
            return
        from gpiozero import DigitalOutputDevice
        from gpiozero.exc import GPIOZeroError

        factory = check_pins(self._pins())
        for lights in self._lights:
            for lamp, pin in lights.pins.items():
                try:
                    device = DigitalOutputDevice(pin, active_high=lights.active_high, pin_factory=factory)
                except GPIOZeroError as error:
                    self.release()
                    hint = "a free line, by its BCM number"
                    raise PinError("pin", f"line {pin} of lamp {lamp}: {error}", hint) from error
                self._devices.setdefault(lights.contact, {})[lamp] = device

    def release(self) -> None:
        """Let the lines go; idempotent."""
        for lamps in self._devices.values():
            for device in lamps.values():
                device.close()
        self._devices.clear()

    @property
    def any(self) -> bool:
        """Whether there are lamps."""
        return bool(self._devices)

    def all_on(self, on: bool) -> None:
        """Switch every lamp at once, as nothing that is proven ever looks; never buzzer or siren."""
        for lamps in self._devices.values():
            for lamp, output in lamps.items():
                if lamp not in SOUNDS:
                    output.value = on

    def show(self, device: str, shown: Shown) -> None:
        """Switch the lamps of a button; does nothing where it has none."""
        on = {
            "stored": shown.proven is Proven.STORED,
            "received": shown.proven is Proven.RECEIVED,
            "acknowledged": shown.proven is Proven.ACKNOWLEDGED,
            "fault": shown.fault,
            "buzzer": shown.buzzer,
            "siren": shown.siren,
        }
        for lamp, output in self._devices.get(device, {}).items():
            output.value = on[lamp]
