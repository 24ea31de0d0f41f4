"""Presses that a person has acknowledged, told to the gateways so that the lamp at the button may say so.

A gateway that is away now is told when it is back: what was acknowledged lately is said again every AGAIN_S for as
long as a lamp shows it. It is a statement, not a command, so saying it twice does no harm.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress

from sqlalchemy import Connection, select

from hub.bus import MISSED, Bus, Update
from hub.clock import Clock
from hub.db import Database
from hub.errors import StoreError
from hub.incidents.tables import incidents, presses

log = logging.getLogger(__name__)

AGAIN_S = 30.0
SHOWN_MS = 600_000
"""How long a lamp shows a press that was received (edge.outputs)."""

_EVENT_ID = re.compile(r"[0-9a-f]{32}\Z")

MOST = 1000
"""Presses told again; with more of them in ten minutes the newest are."""


class Answered:
    """Listens to what becomes of incidents and tells the gateways.

    Args:
        say: (gateway, event ids) to the gateway; one that is unknown or away is no error.
    """

    def __init__(
        self, db: Database, clock: Clock, bus: Bus, say: Callable[[str, Sequence[str]], None]
    ) -> None:
        self._db = db
        self._clock = clock
        self._bus = bus
        self._say = say

    async def run(self) -> None:
        """Tell until cancelled."""
        loop = asyncio.get_running_loop()
        async with self._bus.subscribe(topics=frozenset({"incident"})) as updates:
            due_s = loop.time()
            while True:
                update: Update | None = None
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(due_s):
                        update = await anext(updates)
                if update is None or update.topic == MISSED:
                    due_s = loop.time() + AGAIN_S
                    await self._tell(None)
                else:
                    await self._tell(update.subject)

    async def _tell(self, incident: str | None) -> None:
        """Of one incident, or of all."""
        since_ms = self._clock.now_ms() - SHOWN_MS
        try:
            found = await self._db.read(lambda conn: answered(conn, since_ms=since_ms, incident=incident))
        except StoreError as error:
            log.warning("answered_not_told error=%s", error)
            return
        for gateway, events in found.items():
            self._say(gateway, events)


def answered(conn: Connection, *, since_ms: int, incident: str | None = None) -> dict[str, list[str]]:
    """Event ids of the presses that had come when their incident was acknowledged, by gateway, the newest first.

    Args:
        since_ms: only presses that have come since then; lamps show no older ones.
        incident: of this one only.
    """
    query = (
        select(presses.c.gateway, presses.c.event_id)
        .join(incidents, incidents.c.id == presses.c.incident_id)
        .where(
            presses.c.received_ms >= since_ms,
            presses.c.received_ms <= incidents.c.acknowledged_ms,
        )
        .order_by(presses.c.received_ms.desc())
        .limit(MOST)
    )
    if incident is not None:
        query = query.where(incidents.c.id == incident)
    found: defaultdict[str, list[str]] = defaultdict(list)
    for gateway, event_id in conn.execute(query):
        if _EVENT_ID.match(event_id):  # a press that could not be read has an id of the hub's own
            found[gateway].append(event_id)
    return dict(found)
