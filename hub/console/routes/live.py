"""The stream of an open page: what changed, and on the incidents' page the list itself as soon as it is another.

A page that had to ask for the list after each hint would have it a round trip later, and fifty pages would cost the
hub fifty requests for a press. So the list is read once, rendered once for all with the same language and rights, and
sent. Who may still have it is read with it: a session that is over, or a role that was taken, ends the stream first.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import lru_cache
from typing import Annotated, Literal

from fastapi import Depends, Header, Request
from fastapi.responses import StreamingResponse

from hub.api.access import Hub, Identity, Route, Who, find_identity, only
from hub.api.auth.roles import WATCHING
from hub.api.routes.stream import CHECK_S, LIFE, RETRY_MS, after, open_streams, topics_of
from hub.api.services import Services
from hub.bus import MISSED, Subscription, Update
from hub.console.routes import incidents

PUSH_EVERY_S = 0.15
"""The list is sent at once, and again not before this; what happens meanwhile is in the next."""

PUSH_BYTES_S = 400_000
"""A long list is sent less often: no console gets more than this, so that a flood of presses chokes nobody."""

Push = Callable[[], Awaitable[str | None]]
"""The part of the page that is sent, as an event's data; None where the person may not have it any more."""


async def live(
    request: Request,
    hub: Hub,
    who: Who,
    part: Literal["", "incidents"] = "",
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """Aliran halaman / What an open page hears, as server-sent events."""

    async def push() -> str | None:
        read = await incidents.snapshot(request, hub).get()
        if read.good.get(who.session.token_hash) != who.user.roles:
            return None
        return await incidents.list_for(request, hub, who, "open")

    lines = _lines(hub, who, after(last_event_id), _List(push) if part else None)
    return StreamingResponse(lines, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


class _Over(Exception):
    """The session is over, or is another person's than it was."""


class _List:
    """When the list is owed to one page, and its sending."""

    def __init__(self, push: Push) -> None:
        self._push = push
        self._next_s = 0.0
        self._owed = False

    def note(self, update: Update) -> None:
        """Owe the list where the update may have changed it."""
        self._owed |= update.topic in ("incident", MISSED)

    def due_s(self) -> float:
        """When it is to be sent, by the loop's clock."""
        return self._next_s if self._owed else math.inf

    async def event(self, now_s: float) -> bytes:
        """The list as an event. What is told while it is read is owed still."""
        self._owed = False
        html = await self._push()
        if html is None:
            raise _Over
        self._next_s = now_s + max(PUSH_EVERY_S, len(html) / PUSH_BYTES_S)
        return _part(html)


async def _lines(hub: Services, who: Identity, seen: int | None, part: _List | None) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    async with hub.bus.subscribe(topics=topics_of(who), after=seen, owner=who.user.name) as updates:
        yield _event("hello", {"life": LIFE}, hub.bus.number, f"retry: {RETRY_MS}\n")
        check_s = loop.time() + CHECK_S
        with suppress(_Over):
            while True:
                now_s = loop.time()
                if part is not None and now_s >= part.due_s():
                    yield await part.event(now_s)
                if now_s >= check_s:
                    await _check(hub, who)
                    yield b": alive\n\n"
                    check_s = now_s + CHECK_S
                update = await _next(updates, min(check_s, part.due_s() if part else check_s))
                if update is not None:
                    yield _told(update)
                    if part is not None:
                        part.note(update)


async def _check(hub: Services, who: Identity) -> None:
    found = await find_identity(hub, who.token)
    if found is None or found.user.roles != who.user.roles:
        raise _Over


async def _next(updates: Subscription, until_s: float) -> Update | None:
    try:
        async with asyncio.timeout_at(until_s):
            return await anext(updates)
    except TimeoutError:
        return None


@lru_cache(maxsize=16)
def _part(html: str) -> bytes:
    """The list as an event. Encoded once for all who see the same: a long one takes longer than its sending."""
    return _event("part", {"target": "incidents", "html": html}, None)


def _told(update: Update) -> bytes:
    return _event(update.topic, {"subject": update.subject, **update.data}, update.number)


def _event(name: str, data: object, number: int | None, more: str = "") -> bytes:
    """One event; JSON keeps its data on one line, whatever it holds."""
    at = "" if number is None else f"id: {LIFE}-{number}\n"
    return f"event: {name}\ndata: {json.dumps(data)}\n{at}{more}\n".encode()


ROUTES = (
    Route(
        "GET",
        "/live",
        live,
        only(WATCHING),
        "pages",
        {
            "response_class": StreamingResponse,
            "include_in_schema": False,
            "dependencies": [Depends(open_streams)],
        },
    ),
)
