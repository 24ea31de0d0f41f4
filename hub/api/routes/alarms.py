"""Alarms: what is abnormal now, and that a person has seen it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, Field

from hub.alarms import service as alarms
from hub.api.access import Hub, Route, Who, only
from hub.api.auth.roles import WATCHING, WORKING
from hub.api.changes import change


class Remark(BaseModel):
    """A note."""

    note: Annotated[str, Field(max_length=2000)] = ""


async def list_alarms(hub: Hub) -> dict[str, Any]:
    """Alarm aktif / Every alarm that is not normal, the worst first."""
    return {"alarms": await hub.db.read(alarms.active), "now_ms": hub.clock.now_ms()}


async def acknowledge(
    hub: Hub, who: Who, alarm_id: Annotated[int, Path(ge=1, le=2**53)], body: Remark
) -> dict[str, Any]:
    """Akui / Acknowledge: a person has seen it."""
    state = await change(
        hub,
        who,
        "alarm.acknowledge",
        f"alarm/{alarm_id}",
        lambda conn: alarms.acknowledge(
            conn, alarm_id, actor=who.user.name, now_ms=hub.clock.now_ms(), note=body.note
        ),
        topic="alarm",
    )
    return {"state": state}


ROUTES = (
    Route("GET", "/api/alarms", list_alarms, only(WATCHING), "alarms"),
    Route("POST", "/api/alarms/{alarm_id}/acknowledge", acknowledge, only(WORKING), "alarms"),
)
