"""Panic buttons and nurse calls in a supervised loop: a broken or shorted cable is told, not taken for peace.

The loop: the board's 3.3 V, a resistor of 4.7 kΩ to the input, another one at the far end of the cable, and the button
there with a third in series. So the voltage tells five states apart::

    0        0.4    0.90 1.10 1.30   1.45 1.65 1.85              2.9      3.3 V
    |--short--|fault|----alarm----|f|----normal---|----fault------|--open--|
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from contract.kinds import Quality
from edge.clock import Clock
from edge.config import CONTACT_KINDS, SupervisedLoop
from edge.drivers.ads1115 import ChipError, I2c, convert
from edge.drivers.base import Edge, LineFault, MissedPollError, OnEdge, OnFault, Reading

log = logging.getLogger(__name__)

SAMPLE_S = 0.05
AGREEING = 3
"""So many samples in a row must say the same: 150 ms, longer than a contact bounces."""

STALE_MS = 2_000
"""Without a sample for so long nobody watches the loop."""

STOP_S = 1.0
"""How long a stop waits for the thread; one that hangs in the kernel is left alone."""

SUPPLY_V = 3.3
SHORT_V, ALARM_V, NORMAL_V, OPEN_V = 0.4, 1.1, 1.65, 2.9
BAND_V = 0.2
"""At a supply of 3.3 V; at another one all of them in proportion."""


class LoopState(Enum):
    """What a loop's voltage says."""

    NORMAL = "normal"
    ALARM = "alarm"
    OPEN = "open"
    """The cable is cut, or a wire is off."""
    SHORT = "short"
    FAULT = "fault"
    """Nothing that the resistors give: water in the cable, a wrong resistor, somebody at work on it."""


BROKEN = frozenset({LoopState.OPEN, LoopState.SHORT, LoopState.FAULT})


def judge_loop(volts: float, supply_v: float = SUPPLY_V) -> LoopState:
    """The state that a voltage says."""
    scaled = volts * SUPPLY_V / supply_v
    if scaled < SHORT_V:
        return LoopState.SHORT
    if scaled > OPEN_V:
        return LoopState.OPEN
    if abs(scaled - ALARM_V) <= BAND_V:
        return LoopState.ALARM
    return LoopState.NORMAL if abs(scaled - NORMAL_V) <= BAND_V else LoopState.FAULT


class Settled:
    """The state that AGREEING samples in a row have said. Pure."""

    def __init__(self) -> None:
        self.state: LoopState | None = None
        """None until it is known for the first time."""
        self._seen: deque[LoopState] = deque(maxlen=AGREEING)

    def feed(self, state: LoopState) -> bool:
        """Whether this sample has settled a new state."""
        self._seen.append(state)
        if len(self._seen) < AGREEING or len(set(self._seen)) > 1 or state is self.state:
            return False
        self.state = state
        return True


@dataclass(slots=True)
class _Watched:
    settings: SupervisedLoop
    settled: Settled
    volts: float | None = None
    sampled_ms: int | None = None
    trouble: str = ""


class Loops:
    """Watches the loops of one I2C bus while ``run`` runs, in a thread of its own: nothing else delays a press."""

    def __init__(self, loops: Sequence[SupervisedLoop], bus: I2c, *, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._loops = {each.name: _Watched(each, Settled()) for each in loops}
        self._stop = threading.Event()

    async def run(self, on_edge: OnEdge, on_fault: OnFault) -> None:
        """Tell of every settled change until cancelled. A button that is held at the beginning is told too.

        A chip that does not answer is tried again for as long as the gateway runs; meanwhile polls say so.
        """
        loop = asyncio.get_running_loop()

        def changed(change: _Change) -> None:
            loop.call_soon_threadsafe(change.tell, on_edge, on_fault)

        self._stop.clear()
        # A daemon: a bus that hangs in the kernel must not keep the gateway from stopping.
        thread = threading.Thread(target=self._watch, args=(changed,), name="loops", daemon=True)
        thread.start()
        try:
            await asyncio.Event().wait()
        finally:
            self._stop.set()
            await asyncio.to_thread(thread.join, STOP_S)

    def reading(self, name: str) -> Reading:
        """The settled state of a loop as a sample.

        Raises:
            MissedPollError: ``not_started``, ``no_answer`` or ``garbage``: nobody watches it.
        """
        watched = self._loops[name]
        now_ms = self._clock.mono_ms()
        if watched.sampled_ms is None or now_ms - watched.sampled_ms > STALE_MS:
            hint = "look at the chip's address, its wires, and whether I2C is switched on"
            reason = "no_answer" if watched.trouble else "not_started"
            raise MissedPollError(reason, watched.trouble or f"loop {name} is not watched yet", hint)
        quantity = "called" if watched.settings.role == "nurse_call" else "pressed"
        state = watched.settled.state
        known = {LoopState.NORMAL: 0, LoopState.ALARM: 1}
        values = {
            quantity: None if state is None else known.get(state),
            "loop_v": round(watched.volts or 0.0, 3),
        }
        quality = {quantity: Quality.INVALID} if values[quantity] is None else {}
        return Reading(name, values, now_ms, quality)

    def _watch(self, changed: Callable[[_Change], None]) -> None:
        while not self._stop.wait(SAMPLE_S):
            for watched in self._loops.values():
                self._sample(watched, changed)

    def _sample(self, watched: _Watched, changed: Callable[[_Change], None]) -> None:
        settings, now_ms = watched.settings, self._clock.mono_ms()
        try:
            volts = convert(self._bus, settings.address, settings.channel)
        except (OSError, ChipError) as error:
            if not watched.trouble:
                log.warning("loop_unwatched device=%s error=%s", settings.name, error)
            watched.trouble = f"chip {settings.address:#04x}: {error}"
            return
        watched.trouble, watched.volts, watched.sampled_ms = "", volts, now_ms
        was, state = watched.settled.state, judge_loop(volts, settings.supply_v)
        if watched.settled.feed(state):
            changed(_Change(settings, was, state, now_ms))


@dataclass(frozen=True, slots=True)
class _Change:
    """A state that has settled; ``was`` is None for the first one."""

    settings: SupervisedLoop
    was: LoopState | None
    now: LoopState
    mono_ms: int

    def tell(self, on_edge: OnEdge, on_fault: OnFault) -> None:
        """What it means to others."""
        name, role = self.settings.name, self.settings.role
        if self.now in BROKEN:
            on_fault(LineFault(name, self.now.value, self.mono_ms))
            return
        if self.was in BROKEN:
            on_fault(LineFault(name, "", self.mono_ms))
        if self.now is LoopState.ALARM:
            on_edge(Edge(name, role, True, self.mono_ms, initial=self.was is None))
        elif self.was is not None:
            # Also after a fault: whether it was released meanwhile nobody knows, and a release ends no alarm.
            on_edge(Edge(name, role, False, self.mono_ms))


class SupervisedLoopDriver:
    """The state of a loop as a sample, which shows that it is watched."""

    def __init__(self, settings: SupervisedLoop, loops: Loops) -> None:
        self.device = settings.name
        self.kind = CONTACT_KINDS[settings.role]
        self.quantities = ("called" if settings.role == "nurse_call" else "pressed", "loop_v")
        self._loops = loops

    async def poll(self) -> Reading:
        """The settled state.

        Raises:
            MissedPollError: nobody watches the loop.
        """
        return self._loops.reading(self.device)
