"""The door for presses of applications: a citizen's telephone with its position."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Request
from pydantic import BaseModel, Field

from hub.api.access import PUBLIC, Hub, Route
from hub.api.bearer import holder
from hub.incidents import applications
from hub.incidents.applications import AppPress
from hub.incidents.kinds import Kind
from hub.incidents.service import Incidents

Line = Annotated[str, Field(max_length=100)]


class Pressed(BaseModel):
    """A press, as the application says."""

    id: Annotated[str, Field(min_length=8, max_length=64)]
    sender: Annotated[str, Field(min_length=1, max_length=100)]
    lat: Annotated[float, Field(ge=-90, le=90)]
    lon: Annotated[float, Field(ge=-180, le=180)]
    error_m: Annotated[float, Field(ge=0, le=1e6)]
    kind: Kind = "panic"
    happened_ms: Annotated[int, Field(ge=0, le=2**53)] | None = None
    name: Line = ""
    phone: Line = ""
    note: Annotated[str, Field(max_length=1000)] = ""


async def press(hub: Hub, request: Request, body: Pressed) -> dict[str, Any]:
    """Tekan / A press of an application, with its token as ``Authorization: Bearer``. Idempotent by ``id``."""
    name = holder(hub, request, "app", hub.applications)
    service, now_ms = Incidents(hub.region), hub.clock.now_ms()
    said = AppPress(**body.model_dump())
    incident, new = await hub.db.write(
        lambda conn: applications.take(conn, service, name, said, now_ms=now_ms), urgent=True
    )
    hub.notify.wake()
    if new:
        hub.bus.publish("incident", incident, {"kind": "panic_press"})
    return {"incident": incident, "new": new}


ROUTES = (Route("POST", "/api/v1/presses", press, PUBLIC, "incidents"),)
