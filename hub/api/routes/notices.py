"""Notices: what was told to whom, what waits for a person, and what nobody could be told."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from hub.api.access import Hub, Route, Who, only
from hub.api.auth.roles import PLANT, WORKING
from hub.api.changes import change
from hub.notify import outbox
from hub.notify.policy import State

Key = Annotated[str, Field(min_length=1, max_length=300)]


class Keys(BaseModel):
    """Keys of notices, and why."""

    keys: Annotated[list[Key], Field(min_length=1, max_length=500)]
    note: Annotated[str, Field(min_length=1, max_length=2000)]


async def list_notices(
    hub: Hub, state: State | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> dict[str, Any]:
    """Pemberitahuan / Notices with every attempt to deliver them, the newest first."""
    found = await hub.db.read(lambda conn: outbox.listed(conn, state=state, limit=limit))
    return {"notices": found, "now_ms": hub.clock.now_ms()}


async def release(hub: Hub, who: Who, body: Keys) -> dict[str, int]:
    """Lepaskan / Let held notices go out."""

    def step(conn: Connection) -> int:
        return outbox.release(conn, body.keys, now_ms=hub.clock.now_ms())

    return {"changed": await change(hub, who, "notice.release", _subject(body), step, detail=_detail(body))}


async def discard(hub: Hub, who: Who, body: Keys) -> dict[str, int]:
    """Buang / Held notices never go out."""

    def step(conn: Connection) -> int:
        return outbox.discard(conn, body.keys, now_ms=hub.clock.now_ms())

    return {"changed": await change(hub, who, "notice.discard", _subject(body), step, detail=_detail(body))}


async def retry(hub: Hub, who: Who, body: Keys) -> dict[str, int]:
    """Coba lagi / Try again what was given up."""

    def step(conn: Connection) -> int:
        return outbox.retry(conn, body.keys, now_ms=hub.clock.now_ms())

    return {"changed": await change(hub, who, "notice.retry", _subject(body), step, detail=_detail(body))}


def _subject(body: Keys) -> str:
    return body.keys[0] if len(body.keys) == 1 else f"{len(body.keys)} notices"


def _detail(body: Keys) -> dict[str, str]:
    return {"note": body.note, "keys": " ".join(body.keys)}


ROUTES = (
    Route("GET", "/api/notices", list_notices, only(PLANT), "notices"),
    Route("POST", "/api/notices/release", release, only(WORKING), "notices"),
    Route("POST", "/api/notices/discard", discard, only(WORKING), "notices"),
    Route("POST", "/api/notices/retry", retry, only(WORKING), "notices"),
)
