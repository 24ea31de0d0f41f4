"""Alarms: what is abnormal now and what was, that a person has seen it, and what is kept from ringing."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from hub.alarms import service as alarms
from hub.alarms.machine import State
from hub.api.access import Hub, Route, Who, only
from hub.api.alarm_work import MOST, AlarmWork
from hub.api.auth.roles import SERVICING, WATCHING, WORKING

AlarmId = Annotated[int, Path(ge=1, le=2**53)]
Note = Annotated[str, Field(max_length=2000)]
Reason = Annotated[str, Field(min_length=1, max_length=2000)]

DAY_MS = 86_400_000


class Remark(BaseModel):
    """A note."""

    note: Note = ""


class Many(BaseModel):
    """Several alarms and a note."""

    ids: Annotated[list[Annotated[int, Field(ge=1, le=2**53)]], Field(min_length=1, max_length=MOST)]
    note: Note = ""


class Shelf(BaseModel):
    """Why an alarm is put aside, and for how long."""

    reason: Reason
    minutes: Annotated[int, Field(ge=1, le=1440)]


class Why(BaseModel):
    """A reason."""

    reason: Reason


async def list_alarms(hub: Hub) -> dict[str, Any]:
    """Alarm aktif / Every alarm that is not normal, the worst first; apart those that are kept from ringing."""

    def read(conn: Connection) -> dict[str, Any]:
        return {"alarms": alarms.active(conn), "withheld": alarms.withheld(conn)}

    return {**await hub.db.read(read), "now_ms": hub.clock.now_ms()}


async def list_history(
    hub: Hub,
    since_ms: Annotated[int | None, Query(ge=0, le=2**53)] = None,
    site: Annotated[str, Query(max_length=64)] = "",
    severity: Annotated[int | None, Query(ge=0, le=3)] = None,
    state: State | None = None,
) -> dict[str, Any]:
    """Riwayat alarm / What happened to alarms, the newest first; the last day where no time is named."""
    now_ms = hub.clock.now_ms()
    since = now_ms - DAY_MS if since_ms is None else since_ms
    states = () if state is None else (state,)
    found = await hub.db.read(
        lambda conn: alarms.happened(conn, since_ms=since, site=site, severity=severity, states=states)
    )
    return {"history": found, "since_ms": since, "now_ms": now_ms}


async def read_quality(hub: Hub, days: Annotated[int, Query(ge=1, le=31)] = 1) -> dict[str, Any]:
    """Mutu alarm / How many alarms rang, in the figures of EEMUA 191, each beside its limit."""
    now_ms = hub.clock.now_ms()
    found = await hub.db.read(
        lambda conn: alarms.quality_of(
            conn, since_ms=now_ms - days * DAY_MS, now_ms=now_ms, operators=hub.operators
        )
    )
    return {
        "from_ms": found.from_ms,
        "to_ms": found.to_ms,
        "operators": found.operators,
        "rang": found.rang,
        "figures": {
            one.key: {"value": one.value, "limit": one.limit, "off": one.off, "alarms": one.blamed}
            for one in found.figures
        },
        "mix": found.mix,
        "floods": [{"from_ms": one.from_ms, "to_ms": one.to_ms} for one in found.floods],
        "top": [{"alarm": alarm, "count": count} for alarm, count in found.top],
    }


async def read_alarm(hub: Hub, alarm_id: AlarmId) -> dict[str, Any]:
    """Satu alarm / One alarm with its whole history, the oldest first."""

    def read(conn: Connection) -> dict[str, Any]:
        return {"alarm": alarms.one(conn, alarm_id), "history": alarms.history(conn, alarm_id)}

    return {**await hub.db.read(read), "now_ms": hub.clock.now_ms()}


async def acknowledge(hub: Hub, who: Who, alarm_id: AlarmId, body: Remark) -> dict[str, Any]:
    """Akui / Acknowledge: a person has seen it."""
    return {"state": (await AlarmWork(hub, who, "api").acknowledge([alarm_id], body.note))[alarm_id]}


async def acknowledge_many(hub: Hub, who: Who, body: Many) -> dict[str, Any]:
    """Akui beberapa / Acknowledge several at once, all or none."""
    return {"states": await AlarmWork(hub, who, "api").acknowledge(body.ids, body.note)}


async def shelve(hub: Hub, who: Who, alarm_id: AlarmId, body: Shelf) -> dict[str, Any]:
    """Tunda / Put it aside for a time, with a reason."""
    states = await AlarmWork(hub, who, "api").shelve([alarm_id], body.reason, body.minutes)
    return {"state": states[alarm_id]}


async def take_out(hub: Hub, who: Who, alarm_id: AlarmId, body: Why) -> dict[str, Any]:
    """Nonaktifkan / Take it out of service until somebody puts it back, with a reason."""
    return {"state": (await AlarmWork(hub, who, "api").take_out([alarm_id], body.reason))[alarm_id]}


async def put_back(hub: Hub, who: Who, alarm_id: AlarmId, body: Remark) -> dict[str, Any]:
    """Aktifkan kembali / Take it from the shelf or back into service."""
    return {"state": (await AlarmWork(hub, who, "api").put_back([alarm_id], body.note))[alarm_id]}


ROUTES = (
    Route("GET", "/api/alarms", list_alarms, only(WATCHING), "alarms"),
    Route("GET", "/api/alarms/history", list_history, only(WATCHING), "alarms"),
    Route("GET", "/api/alarms/quality", read_quality, only(WATCHING), "alarms"),
    Route("GET", "/api/alarms/{alarm_id}", read_alarm, only(WATCHING), "alarms"),
    Route("POST", "/api/alarms/acknowledge", acknowledge_many, only(WORKING), "alarms"),
    Route("POST", "/api/alarms/{alarm_id}/acknowledge", acknowledge, only(WORKING), "alarms"),
    Route("POST", "/api/alarms/{alarm_id}/shelve", shelve, only(WORKING), "alarms"),
    Route("POST", "/api/alarms/{alarm_id}/take-out", take_out, only(SERVICING), "alarms"),
    Route("POST", "/api/alarms/{alarm_id}/put-back", put_back, only(SERVICING), "alarms"),
)
