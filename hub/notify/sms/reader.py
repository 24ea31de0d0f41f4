"""Looks at every SMS gateway for what has come in, and lets go of a text only when it is on record."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from contract.press_text import HEAD
from hub.bus import Bus
from hub.clock import Clock
from hub.db import Database
from hub.errors import HubError
from hub.fleet.signatures import UntrustedError
from hub.notify.answers import Answered
from hub.notify.listening import Listening
from hub.notify.sms import inbox
from hub.notify.sms.gateway import SmsGateway, Text

log = logging.getLogger(__name__)


class SmsReader:
    """One per hub.

    Args:
        gateways: by the id of their channel, those of exercises among them.
        wake: told when there may be a reply to send.

    Attributes:
        presses: takes a gateway's text (contract/press_text.py) and raises ``UntrustedError`` where it is not to be
            believed. Without it such a text is a stranger's.
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
        self._db = db
        self._clock = clock
        self._bus = bus
        self._answered = answered
        self._wake = wake
        looks = {name: partial(self._look, name, gateway) for name, gateway in gateways.items()}
        self.presses: Callable[[str], Awaitable[object]] | None = None
        self._listening = Listening(looks, lost=_lost, found=_found)

    async def run(self) -> None:
        """Work until cancelled."""
        await self._listening.run()

    async def look(self) -> None:
        """One look at each gateway. One that is away is told once, and asked again at the next look."""
        await self._listening.look()

    async def _look(self, channel: str, gateway: SmsGateway) -> None:
        broken: Exception | None = None
        for text in await gateway.received():
            try:
                await self._take(channel, text)
                await gateway.let_go(text.ref)
            except Exception as error:
                # One that cannot be taken must not keep the others from it. It stays, and is tried again.
                broken = broken or error
        if broken is not None:
            raise broken

    async def _take(self, channel: str, text: Text) -> None:
        if self.presses is not None and text.text.startswith(HEAD):
            await self._take_press(self.presses, channel, text)
            return
        taken = await self._db.write(
            lambda conn: inbox.take(conn, self._answered, channel, text, now_ms=self._clock.now_ms()),
            urgent=True,
        )
        # The number and the words are in the database, for those who may see them; a log is read by others.
        log.info("sms_taken channel=%s outcome=%s", channel, taken.outcome)
        self._wake()
        if taken.outcome == "answered" and taken.incident_id is not None:
            self._bus.publish("incident", taken.incident_id, {"action": "assignment.answer"})

    async def _take_press(
        self, presses: Callable[[str], Awaitable[object]], channel: str, text: Text
    ) -> None:
        """A gateway's own text. Only then is it on record as read: where the press was not stored, it is read again."""
        outcome: inbox.Outcome = "press"
        try:
            await presses(text.text)
        except UntrustedError:  # told in the log by who found it
            outcome = "untrusted"
        await self._db.write(
            lambda conn: inbox.note(conn, channel, text, outcome, now_ms=self._clock.now_ms()), urgent=True
        )
        log.info("sms_taken channel=%s outcome=%s", channel, outcome)


def _lost(channel: str, error: Exception) -> None:
    log.warning("sms_unread channel=%s error=%s", channel, error, exc_info=not isinstance(error, HubError))


def _found(channel: str) -> None:
    log.info("sms_read channel=%s", channel)
