"""CAP messages and their feeds: for everybody what is public, for who is logged in all of it."""

from __future__ import annotations

from fastapi import Response
from sqlalchemy import Connection

from hub.api.access import PUBLIC, Hub, Route, only
from hub.api.auth.roles import EVERYONE
from hub.api.errors import ApiError
from hub.api.services import Services
from hub.cap import issue
from hub.cap.feed import MEDIA_TYPE, Entry, feed
from hub.cap.write import MEDIA_TYPE as CAP_TYPE


async def public_feed(hub: Hub) -> Response:
    """Umpan peringatan / The public warnings that stand, as an Atom feed of CAP messages."""
    return await _feed(hub, public=True)


async def whole_feed(hub: Hub) -> Response:
    """Umpan peringatan untuk instansi / Every CAP message that stands, those for agencies and of exercises too."""
    return await _feed(hub, public=False)


async def public_message(hub: Hub, identifier: str) -> Response:
    """Satu peringatan / One public CAP message as it was sent."""
    return await _message(hub, identifier, public=True)


async def message(hub: Hub, identifier: str) -> Response:
    """Satu peringatan untuk instansi / One CAP message as it was sent."""
    return await _message(hub, identifier, public=False)


async def _feed(hub: Services, *, public: bool) -> Response:
    sender = hub.cap_sender
    if not sender:
        raise ApiError("not_found")
    now_ms = hub.clock.now_ms()

    def read(conn: Connection) -> list[Entry]:
        return issue.entries(conn, now_ms=now_ms, public=public)

    body = feed(
        await hub.db.read(read),
        name=f"tag:{sender},2026:{'warnings' if public else 'messages'}",
        title=f"Peringatan / Warnings: {hub.region.name}",
        author=hub.region.name,
        address=hub.links.address if hub.links is not None else "",
        path="/cap/feed.atom" if public else "/api/cap/feed.atom",
        since_ms=now_ms // 60_000 * 60_000,
    )
    return Response(body, media_type=MEDIA_TYPE)


async def _message(hub: Services, identifier: str, *, public: bool) -> Response:
    found = await hub.db.read(lambda conn: issue.document(conn, identifier, public=public))
    if found is None:
        raise ApiError("not_found")
    return Response(found, media_type=CAP_TYPE)


ROUTES = (
    Route("GET", "/cap/feed.atom", public_feed, PUBLIC, "cap"),
    Route("GET", "/cap/{identifier}", public_message, PUBLIC, "cap"),
    Route("GET", "/api/cap/feed.atom", whole_feed, only(EVERYONE), "cap"),
    Route("GET", "/api/cap/{identifier}", message, only(EVERYONE), "cap"),
)
