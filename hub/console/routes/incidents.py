"""Incidents: the list that is live, one of them with its whole story, and the steps that people take."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import Form, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from contract.pictures import FILE
from hub.api import picture_work, work
from hub.api.access import Hub, Identity, Route, Who, only
from hub.api.auth import users
from hub.api.auth.roles import REPORTING, WATCHING, WORKING, Roles
from hub.api.routes.stream import LIFE
from hub.api.services import Services
from hub.api.work import Step, Work
from hub.city.nearest import nearest, place_of, said
from hub.console import words
from hub.console.fault import SaidError
from hub.console.incidents import in_order, shown
from hub.console.language import LANGUAGES, language_of
from hub.console.language import marked as _
from hub.console.names import full_names
from hub.console.page import OPTIONS, fragment, page, pages_of
from hub.console.snapshot import Snapshot
from hub.incidents import attachments, history, pictures, reads
from hub.incidents.machine import CLOSED, NEEDS_NOTE, OPEN, Action
from hub.incidents.progress import ENDED, MOMENTS, PART_LABELS, PART_STEPS
from hub.notify.policy import Priority
from hub.region import Agency

CLOSED_SHOWN = 50

SHOWN = 100
"""Most open incidents in the list. More than that nobody reads, and each is sent to every console at every press."""

TRACK = tuple((part, MOMENTS[part]) for part in ("assigned", "accepted", "en_route", "on_scene", "done"))
"""How far an agency is, and the field that says since when."""

PART_NAMES = {part: dict(zip(LANGUAGES, names, strict=True)) for part, names in PART_LABELS.items()}

Which = Literal["open", "closed"]

Row: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list of incidents shows.

    Attributes:
        number: of the newest update that the bus had told when it was read.
        rows: at most SHOWN of ``total``.
        names: people's full names by their user names.
        good: the roles behind each good session, by the hash of its token; so that one reading serves all streams.
    """

    number: int
    rows: list[Row]
    total: int
    names: Mapping[str, str]
    good: Mapping[str, Roles]
    now_ms: int

    @property
    def claimers(self) -> frozenset[str]:
        """Who works on one of them."""
        return frozenset(row["claimed_by"] for row in self.rows if row["claimed_by"])


@dataclass(frozen=True, slots=True)
class Told:
    """What the page of one incident shows; ``others`` are open too, those that may be the same first."""

    incident: Row
    names: Mapping[str, str]
    others: Sequence[Row]
    history: history.History | None
    pictures: Sequence[pictures.Picture]


class StepForm(BaseModel):
    """What the forms of an incident send; ``shown`` is the part of a page that they want back."""

    version: Annotated[int, Field(ge=1, le=2**53)] = 1
    note: Annotated[str, Field(max_length=2000)] = ""
    agency: Annotated[str, Field(max_length=64)] = ""
    parent: Annotated[str, Field(max_length=32)] = ""
    take_over: bool = False
    shown: Literal["list", "one"] = "one"


class TickForm(BaseModel):
    """What an item of a checklist sends."""

    item: Annotated[str, Field(max_length=64)]
    done: bool


class PictureForm(BaseModel):
    """Which picture of which gateway is asked for."""

    gateway: Annotated[str, Field(max_length=48)]
    file: Annotated[str, Field(pattern=f"^{FILE.pattern}$")]


Sent = Annotated[StepForm, Form()]


async def incidents(
    request: Request, hub: Hub, who: Who, part: str = "", which: Which = "open"
) -> HTMLResponse:
    """Insiden / Incidents: the unacknowledged first, then the most urgent, then the newest."""
    if part:
        return await _list(request, hub, who, which)
    listed = await snapshot(request, hub, which).get()
    return await page(request, hub, who, "incidents.html", **_shown(who, which, listed))


async def incident(request: Request, hub: Hub, who: Who, incident_id: str, part: str = "") -> HTMLResponse:
    """Satu insiden / One incident: presses, timeline, notices, and the steps that this person may take."""
    return await _one(request, hub, who, incident_id, whole=not part)


async def acknowledge(request: Request, hub: Hub, who: Who, incident_id: str, sent: Sent) -> HTMLResponse:
    """Akui / Acknowledge: a person has seen it."""
    await Work(hub, who, incident_id, "console").acknowledge(sent.note)
    return await _back(request, hub, who, incident_id, sent)


async def claim(request: Request, hub: Hub, who: Who, incident_id: str, sent: Sent) -> HTMLResponse:
    """Tangani / Claim: this person works on it."""
    await Work(hub, who, incident_id, "console").claim(sent.version, take_over=sent.take_over)
    return await _back(request, hub, who, incident_id, sent)


async def let_go(request: Request, hub: Hub, who: Who, incident_id: str, sent: Sent) -> HTMLResponse:
    """Lepas / Let go: this person works on it no longer."""
    await Work(hub, who, incident_id, "console").let_go(sent.version)
    return await _back(request, hub, who, incident_id, sent)


async def add_note(request: Request, hub: Hub, who: Who, incident_id: str, sent: Sent) -> HTMLResponse:
    """Catat / Write a note on the timeline."""
    if not sent.note.strip():
        raise SaidError("invalid", _("The note is empty."))
    await Work(hub, who, incident_id, "console").add_note(sent.note)
    return await _back(request, hub, who, incident_id, sent)


async def tick(
    request: Request, hub: Hub, who: Who, incident_id: str, sent: Annotated[TickForm, Form()]
) -> HTMLResponse:
    """Daftar periksa / An item of the checklist was done, or was not after all."""
    await Work(hub, who, incident_id, "console").tick(sent.item, done=sent.done)
    return await _one(request, hub, who, incident_id, whole=False)


async def ask_for_picture(
    request: Request, hub: Hub, who: Who, incident_id: str, sent: Annotated[PictureForm, Form()]
) -> HTMLResponse:
    """Minta gambar / Have a gateway send a picture of a press, and show what came of it."""
    await picture_work.ask(hub, who, "console", incident_id, gateway=sent.gateway, file=sent.file)
    return await _one(request, hub, who, incident_id, whole=False)


def _taking(action: Action) -> Callable[..., Awaitable[HTMLResponse]]:
    async def take(request: Request, hub: Hub, who: Who, incident_id: str, sent: Sent) -> HTMLResponse:
        if action in NEEDS_NOTE and not sent.note.strip():
            raise SaidError("invalid", _("This step needs a reason: write it into the note first."))
        if action == "assign" and not sent.agency:
            raise SaidError("invalid", _("Choose the agency first."))
        if action == "mark_duplicate" and not sent.parent:
            raise SaidError("invalid", _("Choose the other incident first."))
        step = Step(action, sent.version, sent.note, sent.agency or None, sent.parent or None)
        await Work(hub, who, incident_id, "console").take(step)
        return await _back(request, hub, who, incident_id, sent)

    take.__doc__ = f"Langkah / The step {action} of an incident."
    take.__name__ = action
    return take


async def _back(
    request: Request, hub: Services, who: Identity, incident_id: str, sent: StepForm
) -> HTMLResponse:
    if sent.shown == "list":
        return await _list(request, hub, who, "open")
    return await _one(request, hub, who, incident_id, whole=False)


async def _list(request: Request, hub: Services, who: Identity, which: Which) -> HTMLResponse:
    """The list's fragment, made once for all who see the same."""
    return HTMLResponse(await list_for(request, hub, who, which))


async def list_for(request: Request, hub: Services, who: Identity, which: Which) -> str:
    """The list's HTML for a person; the same string for all who see the same."""
    language = language_of(request)
    works = bool(who.user.roles & WORKING)
    return await snapshot(request, hub, which).rendered(
        lambda listed: (language, works, who.user.name if who.user.name in listed.claimers else ""),
        lambda listed: pages_of(request).render(
            language, "incidents_list.html", _shown(who, which, listed) | {"user": who.user}
        ),
    )


def _shown(who: Identity, which: Which, listed: Listed) -> dict[str, Any]:
    return {
        "which": which,
        "incidents": listed.rows,
        "more": listed.total - len(listed.rows),
        "names": listed.names,
        "works": bool(who.user.roles & WORKING),
        "now_ms": listed.now_ms,
        "number": listed.number,
        "life": LIFE,
    }


def snapshot(request: Request, hub: Services, which: Which = "open") -> Snapshot[Listed]:
    """The reading that all lists share."""

    async def read() -> Listed:
        # Both before the rows: an age may be told too great by the time of the reading, never too small.
        now_ms, number = hub.clock.now_ms(), hub.bus.number
        return await hub.db.read(lambda conn: _read(hub, conn, which, now_ms, number))

    return pages_of(request).snapshot(f"incidents {which}", hub.bus, read)


def _read(hub: Services, conn: Connection, which: Which, now_ms: int, number: int) -> Listed:
    if which == "open":
        found = in_order(reads.listed(conn, states=OPEN), now_ms)
        rows = shown(found, SHOWN)
    else:
        found = sorted(reads.listed(conn, states=tuple(CLOSED)), key=lambda row: -(row["closed_ms"] or 0))
        rows = found[:CLOSED_SHOWN]
    good = users.of_sessions(conn, hub.timeouts, now_ms=now_ms)
    return Listed(number, rows, len(found), full_names(conn), good, now_ms)


async def _one(
    request: Request, hub: Services, who: Identity, incident_id: str, *, whole: bool
) -> HTMLResponse:
    told = await hub.db.read(lambda conn: _told(hub, conn, incident_id))
    found = told.incident
    last = await said(hub.series)
    may = [step for step in words.STEPS if work.BY[step.action] & who.user.roles]
    show = page if whole else fragment
    return await show(
        request,
        hub,
        who,
        "incident.html" if whole else "incident_story.html",
        incident=found,
        names=told.names,
        others=told.others,
        maybe={other["id"] for other in found["suggested"]},
        history=told.history,
        pictures=told.pictures,
        cameras={(one.gateway, one.device): one for one in hub.region.cameras.values() if one.device},
        suggested=_suggested(hub, found),
        near=nearest(hub.region, last, *place_of(hub.region, found), hub.clock.now_ms()),
        near_asked=last is not None,
        reports=bool(who.user.roles & REPORTING),
        most_file_bytes=attachments.MOST_BYTES,
        moments=TRACK,
        part_labels=PART_NAMES,
        part_steps=[step for step in may if step.action in PART_STEPS],
        steps=[step for step in may if step.action in found["can"] and step.action not in PART_STEPS],
        words=words,
        works=bool(who.user.roles & WORKING),
    )


def _told(hub: Services, conn: Connection, incident_id: str) -> Told:
    found = reads.one(conn, incident_id, hub.region)
    maybe = {other["id"] for other in found["suggested"]}
    others = [row for row in reads.listed(conn, states=OPEN) if row["id"] != incident_id]
    others.sort(key=lambda row: row["id"] not in maybe)
    kept = pictures.of(conn, found, hub.clock.now_ms())
    return Told(found, full_names(conn), others, history.of_button(conn, found), kept)


def _suggested(hub: Services, incident: Row) -> tuple[Agency, ...]:
    """The agencies that the directory has for it, where they have no part yet; none where it is decided."""
    if "assign" not in incident["can"]:
        return ()
    lat, lon = place_of(hub.region, incident)
    found = hub.directory().route(
        incident["kind"], Priority(incident["priority"]), lat, lon, hub.clock.now_ms()
    )
    working = {part["agency"] for part in incident["assignments"] if part["state"] not in ENDED}
    return tuple(agency for agency in found if agency.id not in working)


_ONE = "/incidents/{incident_id}"

ROUTES = (
    Route("GET", "/incidents", incidents, only(WATCHING), "pages", OPTIONS),
    Route("GET", _ONE, incident, only(WATCHING), "pages", OPTIONS),
    Route("POST", f"{_ONE}/acknowledge", acknowledge, only(WORKING), "pages", OPTIONS),
    Route("POST", f"{_ONE}/claim", claim, only(WORKING), "pages", OPTIONS),
    Route("POST", f"{_ONE}/let-go", let_go, only(WORKING), "pages", OPTIONS),
    Route("POST", f"{_ONE}/tick", tick, only(WORKING), "pages", OPTIONS),
    Route("POST", f"{_ONE}/pictures", ask_for_picture, only(WORKING), "pages", OPTIONS),
    Route("POST", f"{_ONE}/notes", add_note, only(WORKING), "pages", OPTIONS),
    *(
        Route(
            "POST", f"{_ONE}/{step.path}", _taking(step.action), only(work.BY[step.action]), "pages", OPTIONS
        )
        for step in words.STEPS
    ),
)
