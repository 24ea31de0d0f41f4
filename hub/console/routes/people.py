"""People, for administrators: who may come in, as what, and how their login stands. The forms work without a script."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from hub.api import people
from hub.api.access import Hub, Identity, Route, Who, only
from hub.api.auth.roles import ADMINISTERING, ROLE_LABELS, SECOND_FACTOR, Role
from hub.api.auth.users import NoUserError, UserError
from hub.api.errors import ApiError
from hub.api.services import Services
from hub.console.language import LANGUAGES
from hub.console.language import marked as _
from hub.console.page import OPTIONS, page

NEEDS_NAME = _("A name has 2 to 64 small letters, digits, dots, hyphens or underscores, and is taken once.")
NEEDS_ROLE = _("Choose at least one role.")
NEEDS_ADMIN = _("Nobody would administer the hub any more: make another administrator first.")
NOT_OWN = _("Your own login is reset by another administrator.")


class NewPersonForm(BaseModel):
    """A new user."""

    name: Annotated[str, Field(max_length=64)] = ""
    full_name: Annotated[str, Field(max_length=200)] = ""
    roles: Annotated[list[Role], Field(max_length=len(Role))] = []
    agency: Annotated[str, Field(max_length=64)] = ""


class RolesForm(BaseModel):
    """A user's roles, and whether they may come in."""

    roles: Annotated[list[Role], Field(max_length=len(Role))] = []
    active: bool = False


class ResetForm(BaseModel):
    """What a user has lost beside the password."""

    factor: bool = False


async def everyone(request: Request, hub: Hub, who: Who) -> HTMLResponse:
    """Pengguna / Everybody who may come in, and a form for one more."""
    return await _list(request, hub, who, NewPersonForm())


async def add(request: Request, hub: Hub, who: Who, sent: Annotated[NewPersonForm, Form()]) -> HTMLResponse:
    """Tambah pengguna / Make a user; shows their one-time set-up code, this once."""
    if not sent.roles:
        return await _list(request, hub, who, sent, NEEDS_ROLE)
    new = people.NewPerson(sent.name, sent.full_name, sent.roles, sent.agency or None)
    try:
        user, code = await people.add(hub, who, new)
    except UserError:
        return await _list(request, hub, who, sent, NEEDS_NAME)
    assert code is not None
    return await _code(request, hub, who, user.name, code)


async def person(request: Request, hub: Hub, who: Who, name: str) -> HTMLResponse:
    """Satu pengguna / One user: roles, second factor, sessions."""
    return await _one(request, hub, who, name)


async def change(
    request: Request, hub: Hub, who: Who, name: str, sent: Annotated[RolesForm, Form()]
) -> Response:
    """Ubah peran / Change a user's roles, or whether they may come in; their sessions end."""
    if not sent.roles:
        return await _one(request, hub, who, name, NEEDS_ROLE)
    try:
        await people.change(hub, who, name, roles=sent.roles, active=sent.active)
    except NoUserError:
        raise
    except UserError:
        return await _one(request, hub, who, name, NEEDS_ADMIN)
    return RedirectResponse(f"/people/{name}", 303)


async def reset(
    request: Request, hub: Hub, who: Who, name: str, sent: Annotated[ResetForm, Form()]
) -> HTMLResponse:
    """Setel ulang / A new set-up code for somebody else, shown this once; their password and sessions end."""
    try:
        code = await people.reset(hub, who, name, factor=sent.factor)
    except ApiError:
        return await _one(request, hub, who, name, NOT_OWN)
    return await _code(request, hub, who, name, code)


async def end_sessions(hub: Hub, who: Who, name: str) -> Response:
    """Akhiri sesi / End every session of a user."""
    await people.end_sessions(hub, who, name)
    return RedirectResponse(f"/people/{name}", 303)


async def _list(
    request: Request, hub: Services, who: Identity, said: NewPersonForm, wrong: str = ""
) -> HTMLResponse:
    found = await hub.db.read(lambda conn: people.everyone(hub, conn))
    context = {"people": found, "said_before": said, "wrong": wrong, **_labels()}
    answer = await page(request, hub, who, "people.html", **context)
    answer.status_code = 422 if wrong else 200
    return answer


async def _one(request: Request, hub: Services, who: Identity, name: str, wrong: str = "") -> HTMLResponse:
    def read(conn: Connection) -> dict[str, object]:
        return {
            "person": people.one(hub, conn, name),
            "sessions": people.sessions_of(hub, conn, name),
        }

    context = {**await hub.db.read(read), "wrong": wrong, "own_login": name == who.user.name, **_labels()}
    answer = await page(request, hub, who, "person.html", **context)
    answer.status_code = 422 if wrong else 200
    return answer


async def _code(request: Request, hub: Services, who: Identity, name: str, code: people.Code) -> HTMLResponse:
    at = str(request.base_url).rstrip("/") + "/activate"
    return await page(request, hub, who, "person_code.html", name=name, code=code, at=at)


def _labels() -> dict[str, object]:
    labels = {role: dict(zip(LANGUAGES, both, strict=True)) for role, both in ROLE_LABELS.items()}
    return {"role_labels": labels, "with_factor": SECOND_FACTOR}


_ONE = "/people/{name}"

ROUTES = (
    Route("GET", "/people", everyone, only(ADMINISTERING), "pages", OPTIONS),
    Route("POST", "/people", add, only(ADMINISTERING), "pages", OPTIONS),
    Route("GET", _ONE, person, only(ADMINISTERING), "pages", OPTIONS),
    Route("POST", _ONE, change, only(ADMINISTERING), "pages", OPTIONS),
    Route("POST", f"{_ONE}/reset", reset, only(ADMINISTERING), "pages", OPTIONS),
    Route("POST", f"{_ONE}/sessions/end", end_sessions, only(ADMINISTERING), "pages", OPTIONS),
)
