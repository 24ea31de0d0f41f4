"""Pictures of presses: a person asks for one, and the gateway that keeps it posts it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Request
from pydantic import BaseModel, Field

from contract.pictures import FILE, MOST_POSTED
from hub.api import picture_work
from hub.api.access import PUBLIC, Hub, Route, Who, only
from hub.api.auth.roles import WORKING
from hub.api.errors import ApiError
from hub.fleet.signatures import UntrustedError


class Wish(BaseModel):
    """Which picture of which gateway, as the event ``camera_snapshot`` names it."""

    gateway: Annotated[str, Field(max_length=48)]
    file: Annotated[str, Field(pattern=f"^{FILE.pattern}$")]


async def ask(hub: Hub, who: Who, incident_id: str, body: Wish) -> dict[str, Any]:
    """Minta gambar / Have a gateway send a picture of a press of this incident. It is on the audit trail first."""
    answer = await picture_work.ask(hub, who, "api", incident_id, gateway=body.gateway, file=body.file)
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
