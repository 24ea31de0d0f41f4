"""Looks at every SMS gateway for what has come in, and lets go of a text only when it is on record."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from hub.bus import Bus
from hub.clock import Clock
from hub.db import Database
from hub.errors import StoreUnavailableError
from hub.notify.answers import Answered
from hub.notify.sms import inbox
from hub.notify.sms.gateway import SmsError, SmsGateway, Text

log = logging.getLogger(__name__)

EVERY_S = 3.0


class SmsReader:
    """One per hub.

    Args:
        gateways: by the id of their channel, those of exercises among them.
        wake: told when there may be a reply to send.
    """

    def __init__(
        self,
        gateways: Mapping[str, SmsGateway],
        db: Database,
        clock: Clock,
        bus: Bus,
        *,
        answered: Answered,
        wake: Callable[[], None],
    ) -> None:
        self._gateways = gateways
        self._db = db
        self._clock = clock
        self._bus = bus
        self._answered = answered
        self._wake = wake
        self._away: set[str] = set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """One look at each gateway. One that is away is told once, and asked again at the next look."""
        for channel, gateway in self._gateways.items():
            try:
                for text in await gateway.received():
                    await self._take(channel, text)
                    await gateway.let_go(text.ref)
            except (SmsError, StoreUnavailableError) as error:
                if channel not in self._away:
                    log.warning("sms_unread channel=%s error=%s", channel, error)
                self._away.add(channel)
            else:
                if channel in self._away:
                    log.info("sms_read channel=%s", channel)
                self._away.discard(channel)

    async def _take(self, channel: str, text: Text) -> None:
        taken = await self._db.write(
            lambda conn: inbox.take(conn, self._answered, channel, text, now_ms=self._clock.now_ms()),
            urgent=True,
        )
        # The number and the words are in the database, for those who may see them; a log is read by others.
        log.info("sms_taken channel=%s outcome=%s", channel, taken.outcome)
        self._wake()
        if taken.outcome == "answered" and taken.incident_id is not None:
            self._bus.publish("incident", taken.incident_id, {"action": "assignment.answer"})
