"""Incidents: what people read of them, and each thing that they do to them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field

from hub.api import work
from hub.api.access import Hub, Route, Who, only
from hub.api.auth.roles import WATCHING, WORKING
from hub.api.work import Work
from hub.city import nearest
from hub.incidents import attachments, reads
from hub.incidents.by_hand import Report
from hub.incidents.kinds import Kind
from hub.incidents.machine import ACTIONS, CLOSED, OPEN, STATES, Action
from hub.notify.policy import Priority

Version = Annotated[int, Field(ge=1, le=2**53)]
Note = Annotated[str, Field(max_length=2000)]
Which = Literal["open", "closed", "all"]

_STATES = {"open": OPEN, "closed": tuple(CLOSED), "all": STATES}


class Position(BaseModel):
    """Where, in degrees of WGS 84, and how far off that may be in metres."""

    lat: Annotated[float, Field(ge=-90, le=90)]
    lon: Annotated[float, Field(ge=-180, le=180)]
    error_m: Annotated[float, Field(ge=0, le=1e6)] | None = None


class Step(BaseModel):
    """A step: the version that the person saw, why, and what the step needs."""

    version: Version
    note: Note = ""
    agency: Annotated[str, Field(max_length=64)] | None = None
    parent_id: Annotated[str, Field(max_length=32)] | None = None


class Claim(BaseModel):
    """The version that the person saw; ``take_over`` to take it from who has it."""

    version: Version
    take_over: bool = False


class Seen(BaseModel):
    """The version that the person saw."""

    version: Version


class Remark(BaseModel):
    """A note."""

    note: Note = ""


class Heard(BaseModel):
    """What a person has heard of. ``key`` is the sender's own, new for each: the same again opens no second one."""

    key: Annotated[str, Field(min_length=8, max_length=64)]
    kind: Kind
    origin: Literal["call", "radio", "walk_in", "alarm"]
    caller: Annotated[str, Field(max_length=100)] = ""
    place: Annotated[str, Field(max_length=300)] = ""
    description: Note = ""
    site: Annotated[str, Field(max_length=64)] | None = None
    position: Position | None = None
    priority: Annotated[int, Field(ge=1, le=4)] = 2
    verified: bool = False
    alarm_id: Annotated[int, Field(ge=1, le=2**53)] | None = None


class Ticked(BaseModel):
    """Whether an item was done."""

    done: bool = True
    note: Note = ""


async def near(hub: Hub, incident_id: str) -> dict[str, Any]:
    """Terdekat / The nearest cameras and vehicles, with what is known of each; none where nobody knows its place."""
    incident = await hub.db.read(lambda conn: reads.one(conn, incident_id))
    last = await nearest.said(hub.series)
    now_ms = hub.clock.now_ms()
    lat, lon = nearest.place_of(hub.region, incident)
    found = nearest.nearest(hub.region, last, lat, lon, now_ms)
    return {
        "lat": lat,
        "lon": lon,
        "heard": last is not None,
        "nearest": [nearest.as_json(one) for one in found],
        "now_ms": now_ms,
    }


async def open_incident(hub: Hub, who: Who, body: Heard) -> dict[str, str]:
    """Catat / Open an incident by hand: from a call, the radio, somebody who came in, or an alarm."""
    at = body.position
    report = Report(
        kind=body.kind,
        origin=body.origin,
        caller=body.caller,
        place=body.place,
        description=body.description,
        site=body.site,
        lat=at.lat if at else None,
        lon=at.lon if at else None,
        error_m=at.error_m if at else None,
        priority=Priority(body.priority),
        verified=body.verified,
        alarm_id=body.alarm_id,
    )
    return {"id": await work.open_by_hand(hub, who, "api", report, body.key)}


async def tick(hub: Hub, who: Who, incident_id: str, item: str, body: Ticked) -> dict[str, bool]:
    """Centang / An item of its checklist was done, or was not after all."""
    changed = Work(hub, who, incident_id, "api").tick(item, done=body.done, note=body.note)
    return {"changed": await changed}


async def attach(
    hub: Hub, who: Who, request: Request, incident_id: str, name: Annotated[str, Query(max_length=200)]
) -> dict[str, int]:
    """Lampirkan / Keep a file with it: the body is the file, a JPEG, PNG or PDF of at most 5 MB."""
    return {"id": await Work(hub, who, incident_id, "api").attach(name, await request.body())}


async def get_attachment(hub: Hub, incident_id: str, attachment_id: int) -> Response:
    """Lampiran / A file of an incident, to be kept, not shown."""
    name, media_type, content = await hub.db.read(
        lambda conn: attachments.content(conn, incident_id, attachment_id)
    )
    disposition = f"attachment; filename*=UTF-8''{quote(name)}"
    return Response(content, media_type=media_type, headers={"Content-Disposition": disposition})


async def list_incidents(
    hub: Hub,
    which: Which = "open",
    since_ms: Annotated[int | None, Query(ge=0, le=2**53)] = None,
    limit: Annotated[int, Query(ge=1, le=reads.MOST)] = 200,
) -> dict[str, Any]:
    """Daftar insiden / Incidents: the most urgent first, then the newest."""
    found = await hub.db.read(
        lambda conn: reads.listed(conn, states=_STATES[which], since_ms=since_ms, limit=limit)
    )
    return {"incidents": found, "now_ms": hub.clock.now_ms()}


async def get_incident(hub: Hub, incident_id: str) -> dict[str, Any]:
    """Satu insiden / One incident with its presses, timeline and notices."""
    return await hub.db.read(lambda conn: reads.one(conn, incident_id, hub.region))


async def acknowledge(hub: Hub, who: Who, incident_id: str, body: Remark) -> dict[str, Any]:
    """Akui / Acknowledge: a person has seen it. It silences nothing."""
    return {"first": await Work(hub, who, incident_id, "api").acknowledge(body.note)}


async def claim(hub: Hub, who: Who, incident_id: str, body: Claim) -> dict[str, Any]:
    """Ambil / Claim: this person works on it."""
    claimed = Work(hub, who, incident_id, "api").claim(body.version, take_over=body.take_over)
    return {"version": await claimed}


async def let_go(hub: Hub, who: Who, incident_id: str, body: Seen) -> dict[str, Any]:
    """Lepas / Let go: this person works on it no longer."""
    return {"version": await Work(hub, who, incident_id, "api").let_go(body.version)}


async def add_note(hub: Hub, who: Who, incident_id: str, body: Remark) -> dict[str, bool]:
    """Catat / Write a note on the timeline."""
    await Work(hub, who, incident_id, "api").add_note(body.note)
    return {"ok": True}


_TITLES: dict[Action, str] = {
    "verify": "Verifikasi / Verify: a person has made sure that it is true",
    "assign": "Tugaskan / Assign to an agency; its contacts are asked until one answers",
    "accept": "Diterima / The agency has accepted",
    "depart": "Menuju lokasi / The agency is on its way",
    "arrive": "Di lokasi / The agency is there",
    "contain": "Terkendali / It is under control",
    "complete": "Dinas selesai / The agency is done",
    "refuse": "Tidak bisa / The agency cannot; the next contact is asked",
    "withdraw": "Tarik / The agency is not needed any more",
    "finish": "Selesai / It is done",
    "mark_false": "Palsu / It was a false alarm; say why",
    "mark_duplicate": "Duplikat / It is another incident's duplicate",
    "hand_over": "Alihkan / It is another's; say whose and why",
    "cancel": "Batalkan / It is cancelled; say why",
    "reopen": "Buka kembali / It is not over; say why",
    "release": "Lepaskan / Let the notices of a recovered incident go out; say why",
}


def _step(action: Action) -> Callable[..., Awaitable[dict[str, Any]]]:
    async def take(hub: Hub, who: Who, incident_id: str, body: Step) -> dict[str, Any]:
        step = work.Step(action, body.version, body.note, body.agency, body.parent_id)
        return {"version": await Work(hub, who, incident_id, "api").take(step)}

    take.__doc__ = _TITLES[action] + "."
    take.__name__ = action
    return take


_ONE = "/api/incidents/{incident_id}"

ROUTES = (
    Route("GET", "/api/incidents", list_incidents, only(WATCHING), "incidents"),
    Route("POST", "/api/incidents", open_incident, only(WORKING), "incidents"),
    Route("GET", _ONE, get_incident, only(WATCHING), "incidents"),
    Route("GET", f"{_ONE}/nearest", near, only(WATCHING), "incidents"),
    Route("POST", f"{_ONE}/checklist/{{item}}", tick, only(WORKING), "incidents"),
    Route(
        "POST",
        f"{_ONE}/attachments",
        attach,
        only(WORKING),
        "incidents",
        {"max_body_size": attachments.MOST_BYTES},
    ),
    Route(
        "GET",
        f"{_ONE}/attachments/{{attachment_id}}",
        get_attachment,
        only(WATCHING),
        "incidents",
        {"response_class": Response},
    ),
    Route("POST", f"{_ONE}/acknowledge", acknowledge, only(WORKING), "incidents"),
    Route("POST", f"{_ONE}/claim", claim, only(WORKING), "incidents"),
    Route("POST", f"{_ONE}/let-go", let_go, only(WORKING), "incidents"),
    Route("POST", f"{_ONE}/notes", add_note, only(WORKING), "incidents"),
    *(
        Route("POST", f"{_ONE}/{action.replace('_', '-')}", _step(action), only(work.BY[action]), "incidents")
        for action in ACTIONS
    ),
)
