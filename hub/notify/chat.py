"""Buttons that contacts press in chats: looked for, judged as a link is, and answered."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial

from sqlalchemy import Connection

from hub.bus import Bus
from hub.clock import Clock
from hub.db import Database
from hub.errors import HubError, StoreUnavailableError
from hub.incidents.machine import IncidentError
from hub.notify import answers
from hub.notify.answers import Answered, LinkError, LinkOverError
from hub.notify.channels.telegram import Press, TelegramChannel
from hub.notify.fence import is_exercise
from hub.notify.links import Links
from hub.notify.listening import Listening
from hub.notify.words import LABELS, WORDS

log = logging.getLogger(__name__)


class ChatReader:
    """One per hub.

    Args:
        channels: by their ids, those of exercises among them.
    """

    def __init__(
        self,
        channels: Mapping[str, TelegramChannel],
        links: Links,
        db: Database,
        clock: Clock,
        bus: Bus,
        *,
        answered: Answered,
        wake: Callable[[], None],
    ) -> None:
        self._links = links
        self._db = db
        self._clock = clock
        self._bus = bus
        self._answered = answered
        self._wake = wake
        # What was pressed while the hub was away comes again at its start; an answer that is known changes nothing.
        self._last: dict[str, int] = {}
        bots: dict[str, dict[str, TelegramChannel]] = {}
        for name, channel in channels.items():
            bots.setdefault(channel.bot, {})[name] = channel
        # Each bot is known by the first of its channels.
        looks = {next(iter(its)): partial(self._look, its) for its in bots.values()}
        self._listening = Listening(looks, lost=_lost, found=_found)

    async def run(self) -> None:
        """Work until cancelled."""
        await self._listening.run()

    async def look(self) -> None:
        """One look at each bot. One that is away is told once, and asked again at the next look."""
        await self._listening.look()

    async def _look(self, channels: Mapping[str, TelegramChannel]) -> None:
        first = next(iter(channels.values()))
        broken: Exception | None = None
        for press in await first.presses(self._last.get(first.bot, -1)):
            try:
                for name, channel in channels.items():
                    if channel.is_ours(press):
                        await self._take(name, channel, press)
            except StoreUnavailableError:
                raise
            except Exception as error:
                # One that cannot be taken must not keep the others from it.
                broken = broken or error
            self._last[first.bot] = press.update
        if broken is not None:
            raise broken

    async def _take(self, name: str, channel: TelegramChannel, press: Press) -> None:
        said, incident = await self._db.write(lambda conn: self._judge(conn, name, press), urgent=True)
        await channel.thank(press, said)
        if incident is not None:
            self._wake()
            self._bus.publish("incident", incident, {"action": "assignment.answer"})

    def _judge(self, conn: Connection, name: str, press: Press) -> tuple[str, str | None]:
        """What to tell who has pressed, and the incident where it was news."""
        token, _, word = press.data.rpartition(":")
        now_ms = self._clock.now_ms()
        try:
            offer = answers.find(conn, self._links, token, now_ms=now_ms)
        except LinkError:
            return "Tombol ini tidak dikenal. / This button is not known.", None
        if word not in WORDS or bool(offer.drill) != is_exercise(name):
            return "Tombol ini tidak dikenal. / This button is not known.", None
        label = LABELS[word][0]
        try:
            news = answers.answer(conn, self._answered, offer, word, source="chat", now_ms=now_ms)
        except LinkOverError:
            return "Tugas ini sudah berakhir. / It is over.", None
        except IncidentError:
            return "Tidak dapat dicatat; telepon ruang kendali. / Ring the command room.", None
        return (f"{label} dicatat.", offer.incident_id) if news else (f"{label} sudah dicatat.", None)


def _lost(channel: str, error: Exception) -> None:
    log.warning("chat_unread channel=%s error=%s", channel, error, exc_info=not isinstance(error, HubError))


def _found(channel: str) -> None:
    log.info("chat_read channel=%s", channel)
