"""The gateway's sign of life: told to the service manager for as long as every room gets on with its work."""

from __future__ import annotations

import asyncio
import logging

from contract.readiness import Readiness
from edge.clock import Clock
from edge.panic import Panic
from edge.progress import Progress

log = logging.getLogger(__name__)

STUCK_MS = 20_000
"""A room that should have got on and has not for so long is stuck: the watchdog is not fed any more."""


class Watchdog:
    """Gathers what the rooms show of themselves."""

    def __init__(self, readiness: Readiness, *, clock: Clock) -> None:
        self._readiness = readiness
        self.progress = Progress(clock)
        self._polled_s = 0.0
        self._panic_steps = 0

    async def run(self) -> None:
        """Tell the service manager of progress, for as long as the event loop turns and every room gets on."""
        pause_s = self._readiness.watchdog_s
        while pause_s is not None:
            stuck = self.progress.stuck()
            if stuck is None:
                self._readiness.progress()
            else:
                log.critical("watchdog.withheld room=%s", stuck)
            await asyncio.sleep(pause_s)

    def polled(self, poll_s: float) -> None:
        """The sampler polls a device that has this rhythm."""
        # One device may hang in its driver; that none is polled any more is another thing.
        self._polled_s = max(self._polled_s, poll_s)
        self.progress.made("sampler", again_ms=int(self._polled_s * 1000) + STUCK_MS)

    def look_at(self, panic: Panic) -> None:
        """The panic room gets on while nothing waits in it, and while it tries."""
        if not panic.unstored or panic.steps != self._panic_steps:
            self._panic_steps = panic.steps
            self.progress.made("panic", again_ms=STUCK_MS)
