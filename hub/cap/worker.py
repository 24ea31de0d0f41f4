"""Keeps what was said in CAP up to what is so: after each change, and once a minute whatever happened."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from hub.agencies.directory import Directory
from hub.bus import MISSED, Bus
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
        self._unsaid: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Work until cancelled. A hub that was away says at its start what has changed meanwhile."""
        async with self._bus.subscribe(topics=TOPICS) as updates:
            while True:
                await self.settle_once()
                try:
                    async with asyncio.timeout(EVERY_S):
                        # New values of stations come all the time, without a name; a change of level has one.
                        while not ((told := await anext(updates)).subject or told.topic == MISSED):
                            pass
                    await asyncio.sleep(TOGETHER_S)
                except TimeoutError:
                    pass

    async def settle_once(self) -> None:
        """One pass. What fails is told once, and tried again in the next."""
        try:
            settled = await self._db.write(
                lambda conn: settle(
                    conn, self._sender, self._region, self._directory(), now_ms=self._clock.now_ms()
                )
            )
        except Exception as error:
            # Whatever it is, people go on being asked and told by all other ways.
            if not self._failing:
                log.error("cap_failed error=%s", error, exc_info=not isinstance(error, HubError))
            self._failing = True
            return
        if self._failing:
            log.info("cap_goes_on")
        self._failing = False
        for subject, why in settled.unsaid.items():
            if subject not in self._unsaid:
                log.error("cap_unsaid subject=%s error=%s", subject, why)
        self._unsaid = frozenset(settled.unsaid)
        if settled.issued:
            log.info("cap_issued messages=%d newest=%s", len(settled.issued), settled.issued[-1])
            self._wake()
