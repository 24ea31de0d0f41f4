"""Commissioning: what a technician proves of a gateway on site, on a telephone, and signs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from fastapi import Form, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from hub.api.access import Hub, Identity, Route, Who, only
from hub.api.audit import Scalar
from hub.api.auth import users
from hub.api.auth.roles import COMMISSIONING, PLANT
from hub.api.changes import change
from hub.api.errors import ApiError
from hub.api.services import Services
from hub.commissioning import jpeg, plan, record
from hub.commissioning.errors import CommissioningError, PhotoError
from hub.commissioning.live import Live, lives
from hub.commissioning.plan import Facts, Item
from hub.commissioning.strokes import LONGEST_TEXT, StrokesError, check_strokes, path
from hub.console import words
from hub.console.asking import ask
from hub.console.fault import SaidError
from hub.console.language import marked as _
from hub.console.page import OPTIONS, fragment, page
from hub.fleet.reads import epochs_of
from hub.ingest import reads as events

STAFF_CM = (-2000.0, 6000.0)
"""What a staff gauge can show."""


class CheckForm(BaseModel):
    """What the form of an item sends."""

    item: Annotated[str, Field(max_length=160)]
    outcome: Literal["good", "bad", "skipped"]
    note: Annotated[str, Field(max_length=1000)] = ""
    staff_cm: Annotated[str, Field(max_length=16)] = ""


class SignForm(BaseModel):
    """What the signature's form sends."""

    signer: Annotated[str, Field(max_length=200)] = ""
    strokes: Annotated[str, Field(max_length=LONGEST_TEXT)] = ""


async def commissionings(request: Request, hub: Hub, who: Who) -> HTMLResponse:
    """Uji terima / Every gateway, and when it was commissioned."""

    def read(conn: Connection) -> dict[str, Any]:
        return {"gateways": hub.gateways(conn), "found": record.listed(conn), "names": _names(conn)}

    return await page(request, hub, who, "commissionings.html", **await hub.db.read(read))


async def commissioning(
    request: Request, hub: Hub, who: Who, gateway_id: str, part: Literal["", "live"] = ""
) -> HTMLResponse:
    """Uji terima satu gateway / One gateway: what it says now, what was proven of it, and by whom."""
    context = await _context(hub, who, gateway_id)
    if part:
        return await fragment(request, hub, who, "commissioning_live.html", **context)
    return await page(request, hub, who, "commissioning.html", **context)


async def begin(request: Request, hub: Hub, who: Who, gateway_id: str) -> HTMLResponse:
    """Mulai / Begin a commissioning, or go on with the open one."""
    site, now_ms = _site(hub, gateway_id), hub.clock.now_ms()
    await change(
        hub,
        who,
        "commissioning.begin",
        gateway_id,
        lambda conn: record.begin(conn, gateway_id, site, actor=who.user.name, now_ms=now_ms),
        topic="gateway",
    )
    return await _checks(request, hub, who, gateway_id)


async def check(
    request: Request, hub: Hub, who: Who, gateway_id: str, sent: Annotated[CheckForm, Form()]
) -> HTMLResponse:
    """Periksa / Enter what was found of one item, with what the hub itself sees at that moment."""
    item, now_ms = _item(hub, gateway_id, sent.item), hub.clock.now_ms()
    if sent.outcome != "good" and not sent.note.strip():
        raise SaidError("invalid", _("Write down why first."))
    outcome: plan.Outcome = sent.outcome
    data: Mapping[str, Any] = {}
    if outcome == "good":
        outcome, data = await _look(hub, gateway_id, item, sent)

    def step(conn: Connection) -> tuple[int, str]:
        note, actor = sent.note.strip(), who.user.name
        return record.enter(
            conn, gateway_id, item.id, outcome, actor=actor, now_ms=now_ms, data=data, note=note
        )

    await _keep(hub, who, "commissioning.check", gateway_id, step, item=item.id, outcome=outcome)
    return await _checks(request, hub, who, gateway_id)


async def add_photo(request: Request, hub: Hub, who: Who, gateway_id: str) -> HTMLResponse:
    """Foto / Keep a photo: a JPEG by its content, without what the telephone wrote into it."""
    _site(hub, gateway_id)
    now_ms = hub.clock.now_ms()
    try:
        photo = jpeg.clean(await request.body())
    except PhotoError as error:
        raise SaidError("invalid", _("This is no photo in JPEG, or it is too large.")) from error
    await _keep(
        hub,
        who,
        "commissioning.photo",
        gateway_id,
        lambda conn: record.keep_photo(conn, gateway_id, photo, actor=who.user.name, now_ms=now_ms),
        bytes=len(photo.data),
    )
    return await _checks(request, hub, who, gateway_id)


async def photo(hub: Hub, gateway_id: str, number: int) -> Response:
    """Satu foto / One photo of a commissioning."""
    found = await hub.db.read(lambda conn: record.photo(conn, gateway_id, number))
    if found is None:
        raise ApiError("not_found")
    return Response(found, media_type="image/jpeg")


async def sign(
    request: Request, hub: Hub, who: Who, gateway_id: str, sent: Annotated[SignForm, Form()]
) -> HTMLResponse:
    """Tanda tangan / Sign and close a commissioning in which nothing is missing."""
    context = await _context(hub, who, gateway_id)
    facts: Facts = context["facts"]
    if not sent.signer.strip():
        raise SaidError("invalid", _("Write your name to sign."))
    if context["missing"] or not facts.network or not facts.clock:
        raise SaidError("not_possible", _("Something is missing yet; it is marked below."))
    try:
        strokes = check_strokes(sent.strokes)
    except StrokesError as error:
        raise SaidError("invalid", _("The drawing cannot be read. Clear it and sign again.")) from error
    data = {"signer": sent.signer.strip(), "strokes": strokes, "epochs": context["epochs"]} | facts.as_data

    def step(conn: Connection) -> tuple[int, str]:
        return record.sign(conn, gateway_id, actor=who.user.name, now_ms=facts.now_ms, data=data)

    await _keep(hub, who, "commissioning.sign", gateway_id, step, signer=sent.signer.strip())
    return await _checks(request, hub, who, gateway_id)


async def _keep(
    hub: Services,
    who: Identity,
    action: str,
    gateway_id: str,
    step: Callable[[Connection], tuple[int, str]],
    **detail: Scalar,
) -> None:
    """Take a step; the trail gets the number and digest of its entry, so that the record itself can be held to it."""

    def both(conn: Connection) -> None:
        detail["entry"], detail["digest"] = step(conn)

    try:
        await change(hub, who, action, gateway_id, both, detail=detail, topic="gateway")
    except CommissioningError as error:
        raise ApiError("not_possible", error.message) from error


async def _look(
    hub: Services, gateway_id: str, item: Item, sent: CheckForm
) -> tuple[plan.Outcome, Mapping[str, Any]]:
    """What the hub sees of an item that somebody on site finds good."""
    match item.kind:
        case "device":
            asked = await ask(hub, lambda series: lives(series, gateway_id, hub.clock.now_ms()))
            if asked.value is None:
                raise ApiError("series")
            if item.device not in asked.value:
                raise SaidError("not_possible", _("It has said nothing in the last 15 minutes."))
            return "good", asked.value[item.device].as_data
        case "ruler":
            return _held_to_the_staff(hub, item, sent.staff_cm)
        case "press":
            found = await hub.db.read(lambda conn: _press(conn, hub, gateway_id, item))
            if found is None:
                raise SaidError("not_possible", _("No press of this button came in the last ten minutes."))
            names = ("event_id", "t_ms", "received_ms", "age_ms")
            return "good", {name: found[name] for name in names}
        case "photo":
            raise SaidError("invalid", _("Take a photo."))


def _held_to_the_staff(hub: Services, item: Item, text: str) -> tuple[plan.Outcome, Mapping[str, Any]]:
    try:
        staff_cm = float(text.strip().replace(",", "."))
    except ValueError:
        staff_cm = float("nan")
    if not STAFF_CM[0] <= staff_cm <= STAFF_CM[1]:
        raise SaidError("invalid", _("Write what the staff shows, in cm."))
    state = next((one for one in hub.levels() if one.station == item.subject), None)
    age_ms = None if state is None else hub.clock.now_ms() - state.at_ms
    if state is None or state.value_mm is None or age_ms is None:
        raise SaidError("not_possible", _("The gauge has said nothing yet."))
    if age_ms > hub.region.stations[item.subject].stale_s * 1000:
        raise SaidError("not_possible", _("What the gauge has said is old."))
    staff_mm = round(staff_cm * 10)
    data = {"staff_mm": staff_mm, "value_mm": state.value_mm, "age_ms": age_ms}
    return plan.ruler_outcome(staff_mm, state.value_mm), data | {"difference_mm": state.value_mm - staff_mm}


def _press(conn: Connection, hub: Services, gateway_id: str, item: Item) -> Mapping[str, Any] | None:
    """The newest press of a button that is one of now."""
    since_ms = hub.clock.now_ms() - plan.PRESS_MS
    found = events.recent_events(conn, since_ms=since_ms, limit=200, gateway=gateway_id)
    for event in found:
        of_this = (event["kind"], event["device"]) == ("panic_press", item.device)
        if of_this and not (event["again"] or event["conflict"] or event["malformed"]):
            return event
    return None


async def _checks(request: Request, hub: Services, who: Identity, gateway_id: str) -> HTMLResponse:
    return await fragment(
        request, hub, who, "commissioning_checks.html", **await _context(hub, who, gateway_id)
    )


async def _context(hub: Services, who: Identity, gateway_id: str) -> dict[str, Any]:
    """Everything that the page of one gateway shows."""
    site = _site(hub, gateway_id)
    now_ms = hub.clock.now_ms()
    wanted = plan.items(hub.region, gateway_id)

    def read(conn: Connection) -> dict[str, Any]:
        (row,) = (row for row in hub.gateways(conn) if row["gateway"] == gateway_id)
        buttons = (item for item in wanted if item.kind == "press")
        return {
            "facts": Facts(row, now_ms),
            "record": record.newest(conn, gateway_id),
            "presses": {item.id: _press(conn, hub, gateway_id, item) for item in buttons},
            "epochs": epochs_of(conn, gateway_id),
            "names": _names(conn),
        }

    context = await hub.db.read(read)
    asked = await ask(hub, lambda series: lives(series, gateway_id, now_ms))
    found: record.Record | None = context["record"]
    live: Mapping[str, Live] = asked.value or {}
    return context | {
        "now_ms": now_ms,
        "gateway_id": gateway_id,
        "site": hub.region.sites[site],
        "items": wanted,
        "missing": plan.missing(wanted, {} if found is None else found.outcomes),
        "live": live,
        "away": asked.value is None,
        "levels": {one.station: one for one in hub.levels()},
        "may": bool(who.user.roles & COMMISSIONING),
        "path_of": path,
        "words": words,
        "beds": _beds(hub, gateway_id),
    }


def _beds(hub: Services, gateway_id: str) -> dict[str, Mapping[str, str]]:
    """What the inputs of a gateway's bed panels are called, by device."""
    return {one.device: one.beds for one in hub.region.wards.values() if one.gateway == gateway_id}


def _names(conn: Connection) -> dict[str, str]:
    return {user.name: user.full_name or user.name for user in users.listed(conn)}


def _site(hub: Services, gateway_id: str) -> str:
    if gateway_id not in hub.region.gateways:
        raise ApiError("not_found")
    return hub.region.site_of(gateway_id)


def _item(hub: Services, gateway_id: str, name: str) -> Item:
    _site(hub, gateway_id)
    found = next((item for item in plan.items(hub.region, gateway_id) if item.id == name), None)
    if found is None:
        raise ApiError("not_found")
    return found


_ONE = "/commissioning/{gateway_id}"
_PHOTO = OPTIONS | {"max_body_size": jpeg.MOST_BYTES}

ROUTES = (
    Route("GET", "/commissioning", commissionings, only(PLANT), "pages", OPTIONS),
    Route("GET", _ONE, commissioning, only(PLANT), "pages", OPTIONS),
    Route("GET", f"{_ONE}/photos/{{number}}", photo, only(PLANT), "pages", OPTIONS),
    Route("POST", f"{_ONE}/begin", begin, only(COMMISSIONING), "pages", OPTIONS),
    Route("POST", f"{_ONE}/checks", check, only(COMMISSIONING), "pages", OPTIONS),
    Route("POST", f"{_ONE}/photos", add_photo, only(COMMISSIONING), "pages", _PHOTO),
    Route("POST", f"{_ONE}/sign", sign, only(COMMISSIONING), "pages", OPTIONS),
)
