"""The city's programmes: what each has reached, and who says so."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from msgspec.structs import asdict
from pydantic import BaseModel, Field

from hub.api.access import Hub, Route, Who, only
from hub.api.auth.roles import KEEPING, WATCHING
from hub.api.errors import ApiError
from hub.programmes import store
from hub.programmes.store import ProgrammeError, Value


class Reported(BaseModel):
    """A value of a day."""

    date: dt.date
    value: Annotated[float, Field(ge=0, allow_inf_nan=False)]


async def programmes(hub: Hub) -> dict[str, Any]:
    """Program / Every programme with its target, and the value of its last day."""
    found = await hub.db.read(store.newest)
    rows = []
    for one in hub.programmes.values():
        last = found.get(one.id)
        now = (
            {"date": last.date.isoformat(), "value": last.value, "off": one.off(last.value)} if last else None
        )
        rows.append({**asdict(one), "last": now})
    return {"programmes": rows, "now_ms": hub.clock.now_ms()}


async def report(hub: Hub, who: Who, programme_id: str, body: Reported) -> dict[str, bool]:
    """Laporkan / Say what a programme had reached on a day, or correct it. Idempotent."""
    if programme_id not in hub.programmes:
        raise ApiError("not_found")
    now_ms = hub.clock.now_ms()
    day, value = store.today(ZoneInfo(hub.region.zone), now_ms), Value(programme_id, body.date, body.value)
    try:
        new = await hub.db.write(
            lambda conn: store.put(
                conn, hub.programmes, [value], actor=who.user.name, today=day, now_ms=now_ms
            )
        )
    except ProgrammeError as error:
        raise ApiError("invalid") from error
    return {"changed": bool(new)}


ROUTES = (
    Route("GET", "/api/programmes", programmes, only(WATCHING), "city"),
    Route("POST", "/api/programmes/{programme_id}/values", report, only(KEEPING), "city"),
)
