"""The door for presses of gateways that hear nothing from the broker's way."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from hub.api.access import PUBLIC, Hub, Route
from hub.api.errors import ApiError
from hub.fleet.signatures import UntrustedError


async def press(hub: Hub, request: Request) -> dict[str, Any]:
    """Jalur kedua / A press, signed by its gateway. Nobody else gets anything here, nor learns why."""
    if hub.second_path is None:
        raise ApiError("forbidden")
    try:
        stored = await hub.second_path(await request.body())
    except UntrustedError as error:
        raise ApiError("forbidden") from error
    return {"stored": list(stored)}


ROUTES = (Route("POST", "/api/second-path", press, PUBLIC, "equipment"),)
