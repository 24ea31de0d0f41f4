"""The second path of a press that has no receipt after ten seconds: HTTPS to the hub, or a text to people.

It settles nothing: the press stays in the spool and goes by the broker too, and the hub knows by its event id that it
is one press. HTTPS is tried again until a receipt comes; a text is sent once, and only when HTTPS has failed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from contract.codec import decode_body
from contract.errors import ContractError
from contract.ranges import Ranges
from edge import frames
from edge.clock import Clock
from edge.errors import EdgeError, WayError
from edge.outputs import ANSWER_MS
from edge.spool import Spool
from edge.uplink import PANIC_FRAME_BYTES, Send

log = logging.getLogger(__name__)

LOOK_S = 1.0
FIRST_AGAIN_MS, LAST_AGAIN_MS = 5_000, 60_000


@dataclass(frozen=True, slots=True)
class Press:
    """A press without a receipt.

    Attributes:
        frame: it alone, as the broker would carry it.
        t_ms: when it was pressed; None where the gateway has no time.
    """

    event_id: str
    device: str
    t_ms: int | None
    frame: bytes


class Way(Protocol):
    """A way to tell of a press other than the broker."""

    @property
    def name(self) -> str:
        """For the log."""

    @property
    def proves(self) -> bool:
        """Whether its success proves that the hub has the press in its database."""

    async def tell(self, press: Press) -> None:
        """Tell of it.

        Raises:
            WayError: it was not told.
        """


@dataclass(slots=True)
class _Tries:
    row: int
    attempts: int = 0
    due_ms: int = 0
    told: set[str] = field(default_factory=set)


class SecondPath:
    """Looks once a second for presses that wait for too long."""

    def __init__(
        self,
        ways: Sequence[Way],
        spool: Spool,
        *,
        gateway: str,
        clock: Clock,
        received: Callable[[tuple[str, ...]], None],
    ) -> None:
        """
        Args:
            ways: the first one that succeeds is enough for now.
            received: told the event ids of presses that the hub is proved to have.
        """
        self._ways = ways
        self._spool = spool
        self._gateway = gateway
        self._clock = clock
        self._received = received
        self._tries: dict[str, _Tries] = {}
        self._proved = Ranges()
        self._life = spool.life

    async def run(self) -> None:
        """Work until cancelled; returns at once where there is no second path."""
        while self._ways:
            await asyncio.sleep(LOOK_S)
            if self._spool.unsettled("panic") or self._tries:
                await self.look()

    async def look(self) -> None:
        """Tell of every press that is due. What fails is tried again; it never stops the gateway."""
        try:
            while (press := self._next()) is not None:
                tries = self._tries[press.event_id]
                await self._tell(press, tries)
                growing_ms = FIRST_AGAIN_MS * 2 ** min(tries.attempts, 16)
                tries.due_ms = self._clock.mono_ms() + min(LAST_AGAIN_MS, growing_ms)
                tries.attempts += 1
        except EdgeError as error:
            log.error("second_path.unread error=%r", str(error))

    def _next(self) -> Press | None:
        """The press to tell of now; None where none is due. One that was never tried comes before all others: each
        try of a way that is broken lasts until it is given up."""
        now_ms = self._clock.mono_ms()
        waiting = self._overdue(now_ms)
        self._tries = {
            press.event_id: self._tries.get(press.event_id) or _Tries(row=row) for row, press in waiting
        }
        due = [press for _, press in waiting if self._tries[press.event_id].due_ms <= now_ms]
        return min(due, key=lambda press: self._tries[press.event_id].attempts, default=None)

    async def _tell(self, press: Press, tries: _Tries) -> None:
        for way in self._ways:
            if way.name in tries.told:
                continue
            try:
                await way.tell(press)
            except WayError as error:
                log.warning("second_path.failed way=%s event=%s error=%s", way.name, press.event_id, error)
                continue
            log.warning("second_path.told way=%s device=%s event=%s", way.name, press.device, press.event_id)
            tries.told.add(way.name)
            if way.proves:
                self._proved.add(tries.row, tries.row)
                self._received((press.event_id,))
            return

    def _overdue(self, now_ms: int) -> list[tuple[int, Press]]:
        """Rows and presses, but those of which a way has proved that the hub has them."""
        if self._spool.life != self._life:
            self._life, self._proved = self._spool.life, Ranges()
        found = []
        for overdue in self._spool.overdue_panics(now_ms, ANSWER_MS, without=self._proved):
            send = Send("panic", overdue.row, overdue.row, PANIC_FRAME_BYTES)
            frame = frames.build(send, self._spool, gateway=self._gateway, mono_ms=now_ms)
            if frame is None:
                continue
            try:
                event = decode_body(overdue.body)
            except ContractError:
                continue
            t_ms = self._spool.time_ms("panic", overdue.row)
            found.append((overdue.row, Press(event.id, event.device, t_ms, frame.payload)))
        return found
