"""Buttons that contacts press in chats: looked for, judged as a link is, and answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from sqlalchemy import Connection

from hub.bus import Bus
from hub.clock import Clock
from hub.db import Database
from hub.errors import StoreUnavailableError
from hub.incidents.machine import IncidentError
from hub.notify import answers
from hub.notify.answers import Answered, LinkError, LinkOverError
from hub.notify.channels.telegram import ChatError, Press, TelegramChannel
from hub.notify.fence import is_exercise
from hub.notify.links import Links
from hub.notify.words import LABELS, WORDS

log = logging.getLogger(__name__)

EVERY_S = 3.0


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
        self._bots: dict[str, list[tuple[str, TelegramChannel]]] = {}
        for name, channel in channels.items():
            self._bots.setdefault(channel.bot, []).append((name, channel))
        self._links = links
        self._db = db
        self._clock = clock
        self._bus = bus
        self._answered = answered
        self._wake = wake
        # What was pressed while the hub was away comes again at its start; an answer that is known changes nothing.
        self._last: dict[str, int] = {}
        self._away: set[str] = set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """One look at each bot. One that is away is told once, and asked again at the next look."""
        for bot, channels in self._bots.items():
            name, first = channels[0]
            try:
                for press in await first.presses(self._last.get(bot, -1)):
                    for its, channel in channels:
                        if channel.is_ours(press):
                            await self._take(its, channel, press)
                    self._last[bot] = press.update
            except (ChatError, StoreUnavailableError) as error:
                if bot not in self._away:
                    log.warning("chat_unread channel=%s error=%s", name, error)
                self._away.add(bot)
            else:
                if bot in self._away:
                    log.info("chat_read channel=%s", name)
                self._away.discard(bot)

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
