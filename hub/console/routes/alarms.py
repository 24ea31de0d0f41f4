"""Alarms: the live list, what is kept from ringing, the history, and one alarm with why it rang."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Form, Path, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from hub.alarms import flood
from hub.alarms import service as alarms
from hub.alarms.quality import MIX, Quality
from hub.api.access import Hub, Identity, Route, Who, only
from hub.api.alarm_work import MOST, AlarmWork
from hub.api.auth import users
from hub.api.auth.roles import SERVICING, WATCHING, WORKING
from hub.api.errors import ApiError
from hub.api.services import Services
from hub.city import curves
from hub.console import alarm_quality as told
from hub.console import alarms as view
from hub.console import rivers, words
from hub.console.asking import ask
from hub.console.fault import SaidError
from hub.console.language import marked as _
from hub.console.page import OPTIONS, fragment, page, pages_of
from hub.console.places import site_name
from hub.console.snapshot import Snapshot
from hub.incidents import reads
from hub.region import Station

Which = Literal["now", "withheld", "history"]

LOOK_BACK_MS = 6 * 3_600_000
"""A flood is found in what rang since then."""

HISTORY_H = (1, 8, 24, 168)
"""Hours that one can look back."""

QUALITY_DAYS = (1, 7, 31)
DAY_MS = 86_400_000
HISTORY_SHOWN = 300
LIST_SHOWN = 200

AROUND_MIN = 60
"""Minutes before and after an alarm began that its plot shows."""

SHELF_MIN = (15, 60, 240, 480, 1440)
"""Minutes for which one shelves."""


@dataclass(frozen=True, slots=True)
class Read:
    """What the lists show."""

    now_ms: int
    active: list[view.AlarmLine]
    withheld: list[view.AlarmLine]
    floods: list[flood.Flood]
    names: Mapping[str, str]

    @property
    def in_flood(self) -> bool:
        """Whether there is one now."""
        return bool(self.floods) and self.floods[-1].to_ms is None


class StepForm(BaseModel):
    """What the forms of alarms send; ``ids`` are numbers, several with commas between them."""

    ids: Annotated[list[Annotated[str, Field(max_length=8000)]], Field(max_length=MOST)] = []
    note: Annotated[str, Field(max_length=2000)] = ""
    minutes: Annotated[int, Field(ge=1, le=1440)] = 60
    shown: Literal["list", "one"] = "list"
    which: Which = "now"

    def alarms(self) -> list[int]:
        """The alarms meant.

        Raises:
            SaidError: none is, or too many, or something is no number.
        """
        found = [one for text in self.ids for one in text.split(",") if one.strip()]
        if not found:
            raise SaidError("invalid", _("Choose at least one alarm first."))
        if len(found) > MOST or not all(one.strip().isdecimal() and len(one) < 17 for one in found):
            raise SaidError("invalid", _("Choose at least one alarm first."))
        return [int(one) for one in found]

    def reason(self) -> str:
        """Why.

        Raises:
            SaidError: nothing was said.
        """
        if not self.note.strip():
            raise SaidError("invalid", _("This step needs a reason: write it first."))
        return self.note


Sent = Annotated[StepForm, Form()]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the list is wanted."""

    which: Which = "now"
    priority: int | None = None
    site: str = ""
    state: str = ""
    hours: int = 24

    @property
    def query(self) -> str:
        """As an address says it."""
        given = {"which": self.which, "priority": self.priority, "site": self.site, "state": self.state}
        if self.which == "history":
            given["hours"] = self.hours
        return "&".join(f"{name}={value}" for name, value in given.items() if value)


async def list_alarms(
    request: Request,
    hub: Hub,
    who: Who,
    *,
    part: str = "",
    which: Which = "now",
    priority: str = "",
    site: Annotated[str, Query(max_length=64)] = "",
    state: str = "",
    hours: Annotated[int, Query(ge=1, le=720)] = 24,
) -> HTMLResponse:
    """Alarm / What is abnormal now, what is kept from ringing, and what was; by priority, state and site."""
    chosen = Wanted(
        which,
        int(priority) if priority in ("1", "2", "3", "4") else None,
        site if site in hub.region.sites else "",
        state if state in words.ALARM_STATES else "",
        hours,
    )
    context = await _context(request, hub, who, chosen)
    if part:
        return await fragment(request, hub, who, "alarms_list.html", **context)
    return await page(request, hub, who, "alarms.html", **context)


async def one_alarm(
    request: Request, hub: Hub, who: Who, alarm_id: Annotated[int, Path(ge=1, le=2**53)], part: str = ""
) -> HTMLResponse:
    """Satu alarm / One alarm: why it rang, the values around it, what is next, and its history."""
    context = await _story(request, hub, who, alarm_id)
    if part:
        return await fragment(request, hub, who, "alarm_story.html", **context)
    return await page(request, hub, who, "alarm.html", **context)


async def points(hub: Hub, alarm_id: Annotated[int, Path(ge=1, le=2**53)]) -> dict[str, Any]:
    """Titik kurva / What the plot of an alarm draws: the values around its beginning."""
    row = await hub.db.read(lambda conn: alarms.one(conn, alarm_id))
    station = hub.region.stations.get(str(row["detail"].get("station", "")))
    measured: curves.Measured | None = station or view.point_of(hub.region, row)
    if measured is None:
        raise ApiError("not_found")
    end_ms = min(hub.clock.now_ms(), row["raised_ms"] + AROUND_MIN * 60_000)
    minutes = max(2, (end_ms - row["raised_ms"]) // 60_000 + AROUND_MIN)
    asked = await ask(hub, lambda series: curves.read(series, measured, minutes=minutes, now_ms=end_ms))
    if asked.value is None:
        return {"away": True, "since_ms": asked.down_since_ms}
    found = asked.value
    if station is None:
        return {**curves.as_json(found), "changes": [], "now_ms": hub.clock.now_ms()}
    changes = await hub.db.read(lambda conn: alarms.changes_since(conn, found.from_ms, station.id))
    shown = [change for change in changes if change["t_ms"] <= found.to_ms]
    return {**curves.as_json(found), "changes": shown, "now_ms": hub.clock.now_ms()}


async def quality(
    request: Request, hub: Hub, who: Who, days: Annotated[int, Query(ge=1, le=31)] = 1
) -> HTMLResponse:
    """Mutu alarm / How good the alarms are for who gets them, beside what is recommended."""
    now_ms = hub.clock.now_ms()

    def read(conn: Connection) -> tuple[Quality, list[dict[str, Any]]]:
        found = alarms.quality_of(
            conn, since_ms=now_ms - days * DAY_MS, now_ms=now_ms, operators=hub.operators
        )
        blamed = {alarm for figure in found.figures for alarm in figure.blamed}
        return found, alarms.of_ids(conn, {*blamed, *(alarm for alarm, _count in found.top)})

    found, rows = await hub.db.read(read)
    height = told.top(found)
    return await page(
        request,
        hub,
        who,
        "alarm_quality.html",
        quality=found,
        lines={one.id: one for one in view.alarm_lines(hub.region, rows)},
        told=told.TOLD,
        shown=told.shown,
        bars=told.bars(found),
        flood_y=100 - 100 * flood.FLOOD_OVER / height,
        peak=max(found.windows) / found.operators,
        recommended_mix=MIX,
        days=days,
        spans=QUALITY_DAYS,
    )


async def acknowledge(request: Request, hub: Hub, who: Who, sent: Sent) -> HTMLResponse:
    """Akui / Acknowledge one alarm or many."""
    await AlarmWork(hub, who, "console").acknowledge(sent.alarms(), sent.note)
    return await _back(request, hub, who, sent)


async def shelve(request: Request, hub: Hub, who: Who, sent: Sent) -> HTMLResponse:
    """Tunda / Put one alarm or many aside for a time, with a reason."""
    await AlarmWork(hub, who, "console").shelve(sent.alarms(), sent.reason(), sent.minutes)
    return await _back(request, hub, who, sent)


async def take_out(request: Request, hub: Hub, who: Who, sent: Sent) -> HTMLResponse:
    """Nonaktifkan / Take alarms out of service, with a reason."""
    await AlarmWork(hub, who, "console").take_out(sent.alarms(), sent.reason())
    return await _back(request, hub, who, sent)


async def put_back(request: Request, hub: Hub, who: Who, sent: Sent) -> HTMLResponse:
    """Aktifkan kembali / Take alarms from the shelf, or back into service."""
    await AlarmWork(hub, who, "console").put_back(sent.alarms(), sent.note)
    return await _back(request, hub, who, sent)


async def _back(request: Request, hub: Services, who: Identity, sent: StepForm) -> HTMLResponse:
    if sent.shown == "one":
        context = await _story(request, hub, who, sent.alarms()[0])
        return await fragment(request, hub, who, "alarm_story.html", **context)
    context = await _context(request, hub, who, Wanted(sent.which))
    return await fragment(request, hub, who, "alarms_list.html", **context)


async def _context(request: Request, hub: Services, who: Identity, chosen: Wanted) -> dict[str, Any]:
    read = await _snapshot(request, hub).get()
    context: dict[str, Any] = {
        "read": read,
        "chosen": chosen,
        "now_ms": read.now_ms,
        "words": words,
        "sites": sorted((site.name, site.id) for site in hub.region.sites.values()),
        "hours": HISTORY_H,
        "shelf_min": SHELF_MIN,
        **_rights(who),
    }
    if chosen.which == "history":
        context["happened"] = await hub.db.read(lambda conn: _happened(hub, conn, chosen, read.now_ms))
        return context
    listed = read.active if chosen.which == "now" else read.withheld
    found = view.of_filter(listed, priority=chosen.priority, site=chosen.site, state=chosen.state)
    drawn = view.entries(found, in_flood=read.in_flood and chosen.which == "now")
    return context | {
        "entries": drawn[:LIST_SHOWN],
        "more": max(0, len(drawn) - LIST_SHOWN),
        "total": len(found),
    }


def _happened(hub: Services, conn: Connection, chosen: Wanted, now_ms: int) -> list[dict[str, Any]]:
    """Lines of the history in words."""
    rows = alarms.happened(
        conn,
        since_ms=now_ms - chosen.hours * 3_600_000,
        site=chosen.site,
        severity=None if chosen.priority is None else 4 - chosen.priority,
        states=(chosen.state,) if chosen.state else (),
        limit=HISTORY_SHOWN,
    )
    return [
        row
        | {
            "what": view.what_of(row["condition"], row["detail"]),
            "place": site_name(hub.region, row["site"]),
            "device": row["device"] if row["device"] != row["gateway"] else "",
        }
        for row in rows
    ]


async def _story(request: Request, hub: Services, who: Identity, alarm_id: int) -> dict[str, Any]:
    read = await _snapshot(request, hub).get()

    def both(conn: Connection) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
        return alarms.one(conn, alarm_id), alarms.history(conn, alarm_id), reads.listed(conn)

    row, past, incidents = await hub.db.read(both)
    detail: Mapping[str, Any] = row["detail"]
    station = hub.region.stations.get(str(detail.get("station", "")))
    line = view.line(hub.region, row, {one["id"]: one["priority"] for one in incidents})
    return {
        "row": row,
        "line": line,
        "why": view.why(row["condition"], detail, station),
        "past": past,
        "names": read.names,
        "station": station,
        "plot": _plot(hub, row, station),
        "minutes": 2 * AROUND_MIN,
        "words": words,
        "shelf_min": SHELF_MIN,
        **_rights(who),
    }


def _plot(hub: Services, row: Mapping[str, Any], station: Station | None) -> dict[str, Any] | None:
    """What the plot must know beside its points; None where there is nothing to draw."""
    if station is not None:
        return rivers.plot(station)
    point = view.point_of(hub.region, row)
    return None if point is None else view.plot(point, row)


def _rights(who: Identity) -> dict[str, bool]:
    return {"works": bool(who.user.roles & WORKING), "services": bool(who.user.roles & SERVICING)}


def _snapshot(request: Request, hub: Services) -> Snapshot[Read]:
    """The reading that all lists share."""

    async def read() -> Read:
        now_ms = hub.clock.now_ms()
        return await hub.db.read(lambda conn: _read(hub, conn, now_ms))

    return pages_of(request).snapshot("alarms", hub.bus, read)


def _read(hub: Services, conn: Connection, now_ms: int) -> Read:
    incidents = reads.listed(conn)
    rang = [row["at_ms"] for row in alarms.announced(conn, now_ms - LOOK_BACK_MS)]
    return Read(
        now_ms=now_ms,
        active=view.alarm_lines(hub.region, alarms.active(conn), incidents),
        withheld=view.alarm_lines(hub.region, alarms.withheld(conn), incidents),
        floods=flood.floods(sorted(rang), operators=hub.operators, now_ms=now_ms),
        names={user.name: user.full_name or user.name for user in users.listed(conn)},
    )


ROUTES = (
    Route("GET", "/alarms", list_alarms, only(WATCHING), "pages", OPTIONS),
    Route("GET", "/alarms/quality", quality, only(WATCHING), "pages", OPTIONS),
    Route("GET", "/alarms/{alarm_id}", one_alarm, only(WATCHING), "pages", OPTIONS),
    Route("GET", "/alarms/{alarm_id}/points", points, only(WATCHING), "pages", {"include_in_schema": False}),
    Route("POST", "/alarms/acknowledge", acknowledge, only(WORKING), "pages", OPTIONS),
    Route("POST", "/alarms/shelve", shelve, only(WORKING), "pages", OPTIONS),
    Route("POST", "/alarms/take-out", take_out, only(SERVICING), "pages", OPTIONS),
    Route("POST", "/alarms/put-back", put_back, only(SERVICING), "pages", OPTIONS),
)
