"""From a pressed button to a durable record: a task of its own that waits for nothing else.

A press is promised (the lamp ``stored``) only once it is committed. While the card does not take it, it stays in
memory, the fault lamp is on, and it is tried again for as long as the gateway lives.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from contract.codec import encode_body
from contract.messages import EventBody
from edge.drivers.base import Edge
from edge.errors import EdgeError, RecordError
from edge.outputs import Outputs

log = logging.getLogger(__name__)

TEST_HOLD_MS = 10_000
"""A button that is held for so long means a test by the technician. The press has raised all the same: nobody can know
beforehand, and an alarm never waits."""

RETRY_S = 0.5
"""Pause before a record that the card refused is tried again."""


class PanicSink(Protocol):
    """Where presses are committed. Both calls commit before they return (or before their awaitable is done)."""

    def append_panic(self, mono_ms: int, body: bytes) -> Awaitable[object] | object:
        """Commit one record of the panic lane."""

    def append_events(self, events: Sequence[tuple[int, bytes]]) -> Awaitable[object] | object:
        """Commit (mono_ms, body) each as a record of the event lane."""


@dataclass(frozen=True, slots=True)
class Press:
    """A press or release on its way to the card."""

    event_id: str
    device: str
    pressed: bool
    body: bytes
    mono_ms: int


class Panic:
    """Commits every press, in order, and tells the outputs what is proven."""

    def __init__(
        self,
        *,
        sink: PanicSink,
        outputs: Outputs,
        random_hex: Callable[[int], str],
        on_stored: Callable[[Press], None] | None = None,
    ) -> None:
        """
        Args:
            random_hex: `edge.clock.random_hex`, for event ids.
            on_stored: called after each commit, to wake the sending side.
        """
        self._sink = sink
        self._outputs = outputs
        self._random_hex = random_hex
        self._on_stored = on_stored
        self._presses: deque[Press] = deque()
        self.steps = 0
        """How often it has tried to commit what waited."""
        self._releases: deque[Press] = deque()
        self._pressed: dict[str, Press] = {}
        self._wake = asyncio.Event()

    @property
    def unstored(self) -> int:
        """Presses that no card holds yet."""
        return len(self._presses)

    def edge(self, edge: Edge) -> None:
        """A debounced edge of a panic button. To be called in the event loop; never blocks."""
        event_id = self._random_hex(16)
        kind = "panic_press" if edge.active else "panic_release"
        body = encode_body(
            EventBody(id=event_id, kind=kind, device=edge.device, data={"initial": edge.initial})
        )
        press = Press(event_id, edge.device, edge.active, body, edge.mono_ms)
        (self._presses if edge.active else self._releases).append(press)
        held = self._pressed.pop(edge.device, None)
        if edge.active:
            self._pressed[edge.device] = press
        elif held is not None and edge.mono_ms - held.mono_ms >= TEST_HOLD_MS:
            self._test(edge, {"press": held.event_id, "held_ms": edge.mono_ms - held.mono_ms})
        self._wake.set()

    def test(self, device: str, mono_ms: int, actor: str) -> str:
        """Send a test of the way from a button to the hub, as an event; nothing raises, and no lamp lights.

        Returns:
            Its event id.
        """
        edge = Edge(device, "panic", False, mono_ms)
        event_id = self._test(edge, {"actor": actor})
        self._wake.set()
        return event_id

    def _test(self, edge: Edge, data: dict[str, str | int | float | bool | None]) -> str:
        event_id = self._random_hex(16)
        body = encode_body(EventBody(id=event_id, kind="panic_test", device=edge.device, data=data))
        self._releases.append(Press(event_id, edge.device, False, body, edge.mono_ms))
        return event_id

    async def run(self) -> None:
        """Commit what is pressed, as long as the gateway lives."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if not await self.step():
                await asyncio.sleep(RETRY_S)
                self._wake.set()

    async def step(self) -> bool:
        """Commit all that waits: presses first, releases behind them.

        Returns:
            False when the card refused; what waits stays, in order.
        """
        self.steps += 1
        return await self._commit(self._presses) and await self._commit(self._releases)

    async def _commit(self, waiting: deque[Press]) -> bool:
        while waiting:
            press = waiting[0]
            try:
                await self._append(press)
            except EdgeError as error:
                log.error(
                    "press_unstored device=%s event=%s error=%r", press.device, press.event_id, str(error)
                )
                if press.pressed:
                    self._outputs.unstorable(press.device)
                if not isinstance(error, RecordError):
                    return False
                # It can never be stored, and those behind it can.
                waiting.popleft()
                continue
            waiting.popleft()
            if press.pressed:
                log.info("press_stored device=%s event=%s", press.device, press.event_id)
                self._outputs.stored(press.device, press.event_id, press.mono_ms)
                if self._on_stored:
                    self._on_stored(press)
        return True

    async def _append(self, press: Press) -> None:
        if press.pressed:
            result = self._sink.append_panic(press.mono_ms, press.body)
        else:
            result = self._sink.append_events([(press.mono_ms, press.body)])
        if inspect.isawaitable(result):
            await result
