"""Pictures of presses: a person asks for one, and the gateway that keeps it posts it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Request
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from contract.pictures import FILE, MOST_POSTED
from hub.api import audit
from hub.api.access import PUBLIC, Hub, Route, Who, only
from hub.api.auth.roles import WORKING
from hub.api.errors import ApiError
from hub.fleet.signatures import UntrustedError
from hub.incidents import reads


class Wish(BaseModel):
    """Which picture of which gateway, as the event ``camera_snapshot`` names it."""

    gateway: Annotated[str, Field(max_length=48)]
    file: Annotated[str, Field(pattern=f"^{FILE.pattern}$")]


async def ask(hub: Hub, who: Who, incident_id: str, body: Wish) -> dict[str, Any]:
    """Minta gambar / Have a gateway send a picture of a press of this incident. It is on the audit trail first."""
    if hub.commands is None or hub.pictures is None:
        raise ApiError("not_found")
    incident = await hub.db.read(lambda conn: reads.one(conn, incident_id))
    pressed = {(one["gateway"], one["event_id"]) for one in incident["pressed"]}
    if (body.gateway, body.file[:32]) not in pressed:
        raise ApiError("not_found")
    command = hub.commands.make("snapshot", who.user.name, {"file": body.file})

    def note(conn: Connection) -> None:
        detail = {"name": command.name, "nonce": command.nonce, "incident": incident_id, "file": body.file}
        audit.record(conn, who.user.name, "command", body.gateway, detail, now_ms=hub.clock.now_ms())

    await hub.db.write(note)
    hub.pictures.want(body.gateway, body.file)
    answer = await hub.commands.give(body.gateway, command)
    return {"ok": answer.ok, "error": answer.error}


async def take(hub: Hub, request: Request) -> dict[str, Any]:
    """Gambar / A picture, signed by its gateway. Nobody else gets anything here, nor learns why."""
    if hub.pictures is None:
        raise ApiError("forbidden")
    try:
        return {"attachment": await hub.pictures.take(await request.body())}
    except UntrustedError as error:
        raise ApiError("forbidden") from error


ROUTES = (
    Route("POST", "/api/incidents/{incident_id}/pictures", ask, only(WORKING), "incidents"),
    Route("POST", "/api/pictures", take, PUBLIC, "equipment", {"max_body_size": MOST_POSTED}),
)
