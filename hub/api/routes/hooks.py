"""What receivers of notices tell back, by signed webhooks."""

from __future__ import annotations

from typing import Annotated

from fastapi import Request
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy import Connection, select

from hub import inbound
from hub.api.access import PUBLIC, Hub, Route
from hub.api.errors import ApiError
from hub.inbound import Signed, UnsignedError
from hub.incidents import actions
from hub.incidents.machine import NotFoundError
from hub.incidents.timeline import Actor
from hub.notify.tables import outbox


class Seen(BaseModel):
    """A person at the receiver has seen a notice."""

    key: Annotated[str, Field(min_length=1, max_length=300)]
    who: Annotated[str, Field(min_length=1, max_length=100)]
    note: Annotated[str, Field(max_length=1000)] = ""


async def seen(hub: Hub, request: Request, channel: str) -> dict[str, str]:
    """Kabar balik / A person at the receiver of a notice has seen it; it is written on the timeline."""
    headers = request.headers
    message = Signed(
        channel,
        headers.get("x-siaga-timestamp", ""),
        headers.get("x-siaga-nonce", ""),
        headers.get("x-siaga-signature", ""),
        await request.body(),
    )
    now_ms = hub.clock.now_ms()
    try:
        inbound.check(message, hub.hooks, now_ms=now_ms)
        said = Seen.model_validate_json(message.body)
        incident = await hub.db.write(lambda conn: _note(conn, message, said, now_ms), urgent=True)
    except UnsignedError as error:
        raise ApiError("unsigned") from error
    except ValidationError as error:
        raise ApiError("invalid") from error
    hub.bus.publish("incident", incident, {"action": "incident.note"})
    return {"incident": incident}


def _note(conn: Connection, message: Signed, said: Seen, now_ms: int) -> str:
    notice = select(outbox.c.incident_id).where(outbox.c.key == said.key, outbox.c.channel == message.channel)
    incident: str | None = conn.execute(notice).scalar()
    if incident is None:
        raise NotFoundError(f"no notice {said.key!r} about an incident went to {message.channel}")
    inbound.take_nonce(conn, message, "incident.note", incident, now_ms=now_ms)
    text = f"Dilihat / seen: {said.who}. {said.note}".strip()
    actions.add_note(conn, incident, text, actor=Actor(message.actor, "api"), now_ms=now_ms)
    return incident


ROUTES = (Route("POST", "/api/hooks/{channel}", seen, PUBLIC, "notices"),)
