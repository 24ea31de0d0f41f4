"""The watch: taking it over with what the last shift left, the sound check, the note, and what is to be done."""

from __future__ import annotations

from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Form, Path, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from hub.api import watch as work
from hub.api.access import Hub, Identity, Route, Who, only
from hub.api.auth.roles import WORKING
from hub.api.services import Services
from hub.console import show
from hub.console.language import marked as _
from hub.console.names import full_names
from hub.console.page import OPTIONS, page
from hub.incidents.machine import LABELS
from hub.shifts import reads
from hub.shifts.left import left_open
from hub.shifts.watch import ShiftError

BEFORE = 5
"""Shifts that are over and still shown."""

TAKEN = _("Somebody else has taken the watch meanwhile. Join it, or take it over from them.")
NOT_SAID = _("Nothing was written.")
NOT_ON = _("You are not on watch.")

Number = Annotated[int, Path(ge=1, le=2**53)]


class TakeForm(BaseModel):
    """Who takes over, and from which shift."""

    shift: Annotated[int, Field(ge=0, le=2**53)] = 0
    heard: bool = False


class SaidForm(BaseModel):
    """A line."""

    text: Annotated[str, Field(max_length=2000)] = ""


async def shift(request: Request, hub: Hub, who: Who) -> HTMLResponse:
    """Jaga / The present shift: who is on watch and hears the alarms, what is open, what the last one left."""
    return await _shown(request, hub, who)


async def take(request: Request, hub: Hub, who: Who, sent: Annotated[TakeForm, Form()]) -> Response:
    """Ambil alih jaga / Take the watch over; the shift before ends with what is open written down."""
    try:
        await work.take(hub, who, expected=sent.shift or None, heard=sent.heard)
    except ShiftError:
        return await _shown(request, hub, who, TAKEN, 409)
    return _back()


async def join(hub: Hub, who: Who) -> Response:
    """Ikut jaga / Be on watch too."""
    await work.join(hub, who)
    return _back()


async def leave(request: Request, hub: Hub, who: Who) -> Response:
    """Selesai jaga / Be on watch no longer."""
    try:
        await work.leave(hub, who)
    except ShiftError:
        return await _shown(request, hub, who, NOT_ON, 409)
    return _back()


async def hear(request: Request, hub: Hub, who: Who) -> Response:
    """Uji suara / They have heard the sound of an alarm."""
    try:
        await work.hear(hub, who)
    except ShiftError:
        return await _shown(request, hub, who, NOT_ON, 409)
    return _back()


async def note(request: Request, hub: Hub, who: Who, sent: Annotated[SaidForm, Form()]) -> Response:
    """Catatan / Leave a line to the next shift."""
    at = show.clock_time(ZoneInfo(hub.region.zone), hub.clock.now_ms(), seconds=False)
    try:
        await work.note(hub, who, sent.text, at)
    except ShiftError:
        return await _shown(request, hub, who, NOT_SAID, 422)
    return _back()


async def add_item(request: Request, hub: Hub, who: Who, sent: Annotated[SaidForm, Form()]) -> Response:
    """Tugas / Write down what is to be done."""
    try:
        await work.add_item(hub, who, sent.text)
    except ShiftError:
        return await _shown(request, hub, who, NOT_SAID, 422)
    return _back()


async def finish_item(hub: Hub, who: Who, item: Number) -> Response:
    """Beres / It is done."""
    await work.finish_item(hub, who, item)
    return _back()


def _back() -> Response:
    return RedirectResponse("/shift", 303)


async def _shown(
    request: Request, hub: Services, who: Identity, wrong: str = "", status: int = 200
) -> HTMLResponse:
    def read(conn: Connection) -> dict[str, Any]:
        return {
            "shift": reads.present(conn),
            "before": reads.ended(conn, limit=BEFORE),
            "open": left_open(conn),
            "attended": reads.attended(conn, hub.timeouts, hub.clock.now_ms()),
            "names": full_names(conn),
        }

    found = await hub.db.read(read)
    on_watch = [one for one in (found["shift"] or {}).get("people", ()) if one["left_ms"] is None]
    context = {
        **found,
        "on_watch": on_watch,
        "me": next((one for one in on_watch if one["user"] == who.user.name), None),
        "states": {state: dict(zip(("id", "en"), labels, strict=True)) for state, labels in LABELS.items()},
        "wrong": wrong,
    }
    answer = await page(request, hub, who, "shift.html", **context)
    answer.status_code = status
    return answer


ROUTES = (
    Route("GET", "/shift", shift, only(WORKING), "pages", OPTIONS),
    Route("POST", "/shift/take", take, only(WORKING), "pages", OPTIONS),
    Route("POST", "/shift/join", join, only(WORKING), "pages", OPTIONS),
    Route("POST", "/shift/leave", leave, only(WORKING), "pages", OPTIONS),
    Route("POST", "/shift/hear", hear, only(WORKING), "pages", OPTIONS),
    Route("POST", "/shift/note", note, only(WORKING), "pages", OPTIONS),
    Route("POST", "/shift/items", add_item, only(WORKING), "pages", OPTIONS),
    Route("POST", "/shift/items/{item}/done", finish_item, only(WORKING), "pages", OPTIONS),
)
