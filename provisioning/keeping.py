"""Keeps broker and hub told: at each change, once a day in any case, and again soon where it could not be done."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence

from hub.fleet.trust import REISSUED_MS
from provisioning.door import Door

log = logging.getLogger(__name__)

LOOK_S = 60.0
"""How often it is looked whether there is something to tell."""


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
        self._to_cut: set[str] = set()

    def tell(self, cut_off: Sequence[str] = ()) -> None:
        """Tell now, in the calling thread. What fails is told in the log and done again: nobody has to wait for it."""
        with self._lock:
            self._to_cut.update(cut_off)
            try:
                self._door.tell(now_ms=self._now_ms(), cut_off=sorted(self._to_cut))
            except Exception as error:
                # Whatever it is, a register that is locked or a certificate that is half there: without the next try
                # the lists of revoked certificates end after some days, and the broker then lets nobody in.
                self._told_ms = None
                log.error("broker.untold error=%r", error)
            else:
                self._told_ms = self._mono_ms()
                self._to_cut.clear()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            if self.is_due():
                await asyncio.to_thread(self.tell)
            await asyncio.sleep(LOOK_S)

    def is_due(self) -> bool:
        """Whether there is something to tell: the day is over, or the last time it could not be done."""
        return self._told_ms is None or self._mono_ms() - self._told_ms >= REISSUED_MS
