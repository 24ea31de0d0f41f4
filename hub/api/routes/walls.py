"""The walls' PCs: each tells that it lives, and who cares for the equipment sees which do."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Request
from pydantic import BaseModel, Field

from hub.api.access import PUBLIC, Hub, Route, only
from hub.api.auth.roles import PLANT
from hub.api.bearer import holder
from hub.walls.beats import Beat

Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Line = Annotated[str, Field(max_length=100)]


class Said(BaseModel):
    """A beat, as the wall says."""

    shows: Line
    version: Line
    up_s: Seconds
    loaded_s: Seconds | None = None
    grafana: bool


async def beat(hub: Hub, request: Request, body: Said) -> dict[str, str]:
    """Detak layar / A wall lives and shows this; with its token as ``Authorization: Bearer``."""
    name = holder(hub, request, "wall", hub.wall_tokens)
    hub.walls.take(name, Beat(**body.model_dump()), now_ms=hub.clock.now_ms(), mono_ms=hub.clock.mono_ms())
    return {"wall": name}


async def walls(hub: Hub) -> dict[str, Any]:
    """Layar / Every wall: whether it shows something, what, since when, and its last loading."""
    found = hub.walls.now(mono_ms=hub.clock.mono_ms())
    return {"walls": [asdict(one) for one in found], "now_ms": hub.clock.now_ms()}


ROUTES = (
    Route("POST", "/api/v1/walls", beat, PUBLIC, "equipment"),
    Route("GET", "/api/walls", walls, only(PLANT), "equipment"),
)
