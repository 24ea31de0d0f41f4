"""What the networks report of texts that were sent, put on record: a text that is on its telephone is ``delivered``.

A report that a text never arrives tells the contact's next channel. Without a report nothing is concluded: many
networks send none, and one of a telephone that is off comes hours later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial

from sqlalchemy import Connection, and_, select

from hub.clock import Clock
from hub.db import Database
from hub.errors import HubError
from hub.notify import attempts
from hub.notify import facts as proven
from hub.notify.listening import Listening
from hub.notify.sms.gateway import Fate, Reporting
from hub.notify.tables import deliveries, facts, outbox

log = logging.getLogger(__name__)

WAIT_MS = 2 * 24 * 3_600_000
"""After that a text that its network has not delivered is dropped there too; no report is waited for any more."""


def awaited(conn: Connection, channel: str, *, now_ms: int) -> dict[str, str]:
    """Keys of the channel's notices that are sent and of which nothing more is known, by the gateway's name of each."""
    last = and_(deliveries.c.outbox_key == outbox.c.key, deliveries.c.attempt == outbox.c.attempts)
    arrived = and_(facts.c.outbox_key == outbox.c.key, facts.c.fact == "delivered")
    rows = conn.execute(
        select(deliveries.c.detail, outbox.c.key)
        .select_from(outbox)
        .join(deliveries, last)
        .outerjoin(facts, arrived)
        .where(
            outbox.c.state == "sent",
            outbox.c.channel == channel,
            outbox.c.due_ms > now_ms - WAIT_MS,
            facts.c.fact.is_(None),
        )
    )
    return {row.detail: row.key for row in rows}


def take(conn: Connection, channel: str, key: str, fate: Fate, *, now_ms: int) -> None:
    """Put a report on record."""
    if fate.what == "delivered":
        proven.note(conn, key, "delivered", f"{channel}: {fate.how}", now_ms=now_ms)
    else:
        attempts.undelivered(conn, key, fate.how, now_ms=now_ms)


class FateReader:
    """One per hub.

    Args:
        gateways: by the id of their channel, those of exercises among them.
        wake: told when another channel is to be told.
    """

    def __init__(
        self, gateways: Mapping[str, Reporting], db: Database, clock: Clock, *, wake: Callable[[], None]
    ) -> None:
        self._db = db
        self._clock = clock
        self._wake = wake
        looks = {name: partial(self._look, name, gateway) for name, gateway in gateways.items()}
        self._listening = Listening(looks, lost=_lost, found=_found)

    async def run(self) -> None:
        """Work until cancelled."""
        await self._listening.run()

    async def look(self) -> None:
        """One look at each gateway that owes a report."""
        await self._listening.look()

    async def _look(self, channel: str, gateway: Reporting) -> None:
        now_ms = self._clock.now_ms()
        keys = await self._db.read(lambda conn: awaited(conn, channel, now_ms=now_ms))
        if not keys:
            return
        known = await gateway.fates(keys)
        for ref, fate in known.items():
            await self._db.write(partial(take, channel=channel, key=keys[ref], fate=fate, now_ms=now_ms))
            if fate.what == "failed":
                log.warning("sms_undelivered channel=%s key=%s how=%s", channel, keys[ref], fate.how)
                self._wake()


def _lost(channel: str, error: Exception) -> None:
    log.warning(
        "sms_fates_unread channel=%s error=%s", channel, error, exc_info=not isinstance(error, HubError)
    )


def _found(channel: str) -> None:
    log.info("sms_fates_read channel=%s", channel)
