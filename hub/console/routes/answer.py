"""The page on which a contact of an agency answers, by the link of a message: no account, no script needed, small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Form, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from hub.api.access import PUBLIC, Hub, Route
from hub.api.errors import CODES, ApiError
from hub.api.services import Services
from hub.console import words
from hub.console.language import marked as _
from hub.console.page import OPTIONS, whole
from hub.incidents import assignments, reads
from hub.incidents.machine import TransitionError
from hub.incidents.progress import WORDS
from hub.notify import answers
from hub.notify.answers import LinkError, LinkOverError, Offer
from hub.notify.links import Links
from hub.notify.words import MOST_NOTE_CHARS, Word

BUTTONS = (
    ("received", _("Received"), _("we have read it")),
    ("on_the_way", _("On the way"), _("we are coming")),
    ("on_scene", _("On scene"), _("we are there")),
    ("done", _("Done"), _("it is over for us")),
)
"""The four large buttons: the answer, what it says, and in other words."""


class AnswerForm(BaseModel):
    """What the page sends."""

    word: Word
    note: Annotated[str, Field(max_length=MOST_NOTE_CHARS)] = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page shows: the question, its incident, and the answers that can be given now."""

    offer: Offer
    incident: Mapping[str, Any]
    may: frozenset[str]


async def answer_page(request: Request, hub: Hub, token: str) -> HTMLResponse:
    """Jawab / What an agency is asked. Fetching it changes nothing: chat programs fetch links to show previews."""
    return await _page(request, hub, token)


async def answer(request: Request, hub: Hub, token: str, said: Annotated[AnswerForm, Form()]) -> HTMLResponse:
    """Jawab / Answer. The page comes back at once with the answer on it: a slow line is gone over once, not twice."""
    links, now_ms = _links(hub), hub.clock.now_ms()

    def note(conn: Connection) -> str:
        offer = answers.find(conn, links, token, now_ms=now_ms)
        answers.answer(
            conn,
            assignments.answered,
            offer,
            said.word,
            source="link",
            now_ms=now_ms,
            note=said.note.strip(),
        )
        return offer.incident_id

    try:
        incident_id = await hub.db.write(note, urgent=True)
    except LinkError:
        return await _page(request, hub, token)
    except (LinkOverError, TransitionError):
        over = _("It is over, so nothing was noted. Call the command room.")
        return await _page(request, hub, token, over, well=False)
    hub.notify.wake()
    hub.bus.publish("incident", incident_id, {"action": "answer"})
    return await _page(request, hub, token, _("Your answer is noted. Thank you."))


async def seen(hub: Hub, token: str) -> Response:
    """Dilihat / A person has the page before them; the page itself tells."""
    links, now_ms = _links(hub), hub.clock.now_ms()

    def note(conn: Connection) -> str:
        offer = answers.find(conn, links, token, now_ms=now_ms)
        answers.seen(conn, offer, now_ms=now_ms)
        return offer.incident_id

    try:
        incident_id = await hub.db.write(note)
    except LinkError:
        raise ApiError("not_found") from None
    hub.bus.publish("notice", incident_id)
    return Response(status_code=204)


async def _page(
    request: Request, hub: Services, token: str, said: str = "", *, well: bool = True
) -> HTMLResponse:
    links, now_ms = hub.links, hub.clock.now_ms()
    asked: Asked | None = None
    if links is not None:
        try:
            asked = await hub.db.read(lambda conn: _asked(conn, links, token, now_ms))
        except LinkError:
            asked = None
    context: dict[str, Any] = {
        "asked": asked,
        "buttons": BUTTONS,
        "names": words.ANSWERS,
        "said": said,
        "well": well,
        "most_note": MOST_NOTE_CHARS,
        "now_ms": now_ms,
    }
    # The address is the key. The house's policy tells it to no other site; one that told it to nobody at all would
    # make browsers send the form from "null", which the gate takes for another site.
    return whole(request, None, "answer.html", context, status=200 if asked else CODES["not_found"][0])


def _asked(conn: Connection, links: Links, token: str, now_ms: int) -> Asked:
    offer = answers.find(conn, links, token, now_ms=now_ms)
    incident = reads.one(conn, offer.incident_id)
    can = next((part["can"] for part in incident["assignments"] if part["id"] == offer.assignment), ())
    may = frozenset(word for word, step in WORDS.items() if step in can and not offer.over)
    return Asked(offer, incident, may)


def _links(hub: Services) -> Links:
    if hub.links is None:
        raise ApiError("not_found")
    return hub.links


_ONE = "/j/{token}"

ROUTES = (
    Route("GET", _ONE, answer_page, PUBLIC, "pages", OPTIONS),
    Route("POST", _ONE, answer, PUBLIC, "pages", OPTIONS),
    Route("POST", f"{_ONE}/seen", seen, PUBLIC, "pages", OPTIONS),
)
