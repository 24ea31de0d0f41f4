"""Keeps what was said in CAP up to what is so: after each change, and once a minute whatever happened."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from hub.agencies.directory import Directory
from hub.bus import Bus
from hub.cap.issue import Sender, settle
from hub.clock import Clock
from hub.db import Database
from hub.errors import HubError
from hub.region import Region

log = logging.getLogger(__name__)

EVERY_S = 60.0

TOGETHER_S = 0.2
"""What changes within this time is said together: a person verifies and assigns in one breath."""

TOPICS = frozenset({"incident", "station"})


class CapWorker:
    """One per hub that has a name as a sender.

    Args:
        directory: as it is now.
        wake: told when there is something to push.
    """

    def __init__(
        self,
        sender: Sender,
        region: Region,
        db: Database,
        clock: Clock,
        bus: Bus,
        *,
        directory: Callable[[], Directory],
        wake: Callable[[], None],
    ) -> None:
        self._sender = sender
        self._region = region
        self._db = db
        self._clock = clock
        self._bus = bus
        self._directory = directory
        self._wake = wake
        self._failing = False

    async def run(self) -> None:
        """Work until cancelled. A hub that was away says at its start what has changed meanwhile."""
        async with self._bus.subscribe(topics=TOPICS) as updates:
            while True:
                await self.settle_once()
                try:
                    async with asyncio.timeout(EVERY_S):
                        # New values of stations come all the time, without a name; a change of level has one.
                        while not (await anext(updates)).subject:
                            pass
                    await asyncio.sleep(TOGETHER_S)
                except TimeoutError:
                    pass

    async def settle_once(self) -> None:
        """One pass. What fails is told once, and tried again in the next."""
        try:
            issued = await self._db.write(
                lambda conn: settle(
                    conn, self._sender, self._region, self._directory(), now_ms=self._clock.now_ms()
                )
            )
        except HubError as error:
            if not self._failing:
                log.error("cap_failed error=%s", error)
            self._failing = True
            return
        if self._failing:
            log.info("cap_goes_on")
        self._failing = False
        if issued:
            log.info("cap_issued messages=%d newest=%s", len(issued), issued[-1])
            self._wake()
