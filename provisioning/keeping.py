"""Keeps broker and hub told: at each change, once a day in any case, and again soon where it could not be done."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence

from hub.fleet.trust import REISSUED_MS
from provisioning.door import Door

log = logging.getLogger(__name__)

LOOK_S = 0.25
"""How often it is looked whether there is something to tell."""

AGAIN_MS = 5_000
"""After how long what could not be done is tried again: a gateway that has just enrolled waits for it."""

SETTLED_MS = 500
"""So long after it was told the broker has read everything, and is told once more: Mosquitto forgets a signal that
comes while it reads for the one before, and the gateway that the second was about would stay outside."""


class Keeping:
    """The task that tells.

    Args:
        now_ms: wall clock in UTC.
        mono_ms: a clock that never jumps, for the daily issue.
    """

    def __init__(self, door: Door, *, now_ms: Callable[[], int], mono_ms: Callable[[], int]) -> None:
        self._door = door
        self._now_ms = now_ms
        self._mono_ms = mono_ms
        self._lock = threading.Lock()
        self._told_ms: int | None = None
        self._tried_ms: int | None = None
        self._settled = True
        self._to_cut: set[str] = set()

    def tell(self, cut_off: Sequence[str] = ()) -> None:
        """Tell now, in the calling thread. What fails is told in the log and done again: nobody has to wait for it."""
        self._tell(cut_off, settled=False)

    def settle(self) -> None:
        """Tell once more what was told last (SETTLED_MS), in the calling thread."""
        self._tell((), settled=True)

    def _tell(self, cut_off: Sequence[str], *, settled: bool) -> None:
        with self._lock:
            self._to_cut.update(cut_off)
            self._tried_ms = self._mono_ms()
            try:
                self._door.tell(now_ms=self._now_ms(), cut_off=sorted(self._to_cut))
            except Exception as error:
                # Whatever it is, a register that is locked or a certificate that is half there: without the next try
                # the lists of revoked certificates end after some days, and the broker then lets nobody in.
                self._told_ms = None
                log.error("broker.untold error=%r", error)
            else:
                self._told_ms = self._mono_ms()
                self._settled = settled
                self._to_cut.clear()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            if self.is_due():
                await asyncio.to_thread(self.tell)
            elif self.is_unsettled():
                await asyncio.to_thread(self.settle)
            await asyncio.sleep(LOOK_S)

    def is_due(self) -> bool:
        """Whether there is something to tell: the day is over, or the last time it could not be done."""
        if self._told_ms is None:
            return self._tried_ms is None or self._mono_ms() - self._tried_ms >= AGAIN_MS
        return self._mono_ms() - self._told_ms >= REISSUED_MS

    def is_unsettled(self) -> bool:
        """Whether the broker is to read once more."""
        told_ms = self._told_ms
        return not self._settled and told_ms is not None and self._mono_ms() - told_ms >= SETTLED_MS
