"""The event stream: what changed, as it changes, so that pages need not ask again and again.

An event carries its topic and the id of what changed; the page reads the state by the other routes. ``missed`` means
that there was more than could be told: read everything again. The id of an event is ``life-number``, where life is
of this hub process; a browser that comes back sends the last one it has, and gets what came since if that is known.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent

from hub.api.access import Hub, Identity, Route, Who, find_identity, only
from hub.api.auth.roles import PLANT, WATCHING
from hub.api.errors import ApiError
from hub.bus import Subscription, Update

MOST_STREAMS = 500
"""Streams open at a time; each costs a queue of bounded size."""

MOST_OF_ONE = 100
"""Of one user; a room's walls may share one."""

CHECK_S = 10.0
"""How often a stream asks whether its session is still good."""

RETRY_MS = 2000
"""How long a browser waits before it comes back."""

TOPICS: frozenset[str] = frozenset({"incident", "alarm", "station", "gateway", "bed"})
"""For who watches the city. Who sees the equipment gets every topic."""

LIFE = secrets.token_hex(4)

_LAST = re.compile(r"([0-9a-f]{8})-([0-9]{1,15})\Z")


async def stream(
    hub: Hub, who: Who, last_event_id: Annotated[str | None, Header()] = None
) -> AsyncIterator[ServerSentEvent]:
    """Aliran perubahan / Changes as they happen, as server-sent events."""
    name, seen = who.user.name, after(last_event_id)
    async with hub.bus.subscribe(topics=topics_of(who), after=seen, owner=name) as updates:
        yield ServerSentEvent(
            event="hello", data={"life": LIFE}, id=f"{LIFE}-{hub.bus.number}", retry=RETRY_MS
        )
        while (identity := await find_identity(hub, who.token)) is not None:
            if identity.user.roles != who.user.roles:
                return
            async for update in _for_a_while(updates):
                yield _event(update)


async def open_streams(hub: Hub, who: Who) -> None:
    """Refuse a stream too many, before the answer begins: nobody takes those of the others."""
    if hub.bus.listeners >= MOST_STREAMS or hub.bus.held_by(who.user.name) >= MOST_OF_ONE:
        raise ApiError("too_many_streams")


def topics_of(who: Identity) -> frozenset[str] | None:
    """What this person may hear of; None for everything."""
    return None if who.user.roles & PLANT else TOPICS


def _event(update: Update) -> ServerSentEvent:
    return ServerSentEvent(
        event=update.topic,
        data={"subject": update.subject, **update.data},
        id=f"{LIFE}-{update.number}",
    )


async def _for_a_while(updates: Subscription) -> AsyncIterator[Update]:
    """Updates for CHECK_S, however many or few come."""
    end = asyncio.get_running_loop().time() + CHECK_S
    while True:
        try:
            async with asyncio.timeout_at(end):
                update = await anext(updates)
        except TimeoutError:
            return
        yield update


def after(last_event_id: str | None) -> int | None:
    """Number of the last update that the listener has; of another life it is one that nobody knows."""
    if not last_event_id:
        return None
    found = _LAST.match(last_event_id)
    return int(found[2]) if found and found[1] == LIFE else -1


ROUTES = (
    Route(
        "GET",
        "/api/stream",
        stream,
        only(WATCHING),
        "stream",
        {"response_class": EventSourceResponse, "dependencies": [Depends(open_streams)]},
    ),
)
