"""Coming in and going out by pages, the first administrator, and the choice of the language.

These forms work without a script.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import quote

from fastapi import Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field

from hub.api.access import PUBLIC, Hub, Route, Who, cookie_name, find_identity, only
from hub.api.auth import users
from hub.api.auth.passwords import LEAST_CHARS, PasswordError
from hub.api.auth.roles import EVERYONE
from hub.api.auth.setup import SetupError
from hub.api.auth.users import UserError
from hub.api.errors import CODES, ApiError
from hub.api.routes import login as api
from hub.api.services import Services
from hub.console import language
from hub.console.form_token import FormToken
from hub.console.language import marked as _
from hub.console.page import OPTIONS, page

LANGUAGE_AGE_S = 365 * 24 * 3600

_OURS = re.compile(r"/(?![/\\])[^\x00-\x1f\\]*\Z")
"""An address within this site; a browser takes // and /\\ for another host."""


class LoginForm(BaseModel):
    """What the login page sends; ``next`` is where one wanted to go."""

    name: Annotated[str, Field(max_length=64)] = ""
    password: Annotated[str, Field(max_length=256)] = ""
    token: Annotated[str, Field(max_length=128)] = ""
    next: Annotated[str, Field(max_length=2000)] = "/"


class SetupForm(BaseModel):
    """What the set-up page sends."""

    code: Annotated[str, Field(max_length=128)] = ""
    name: Annotated[str, Field(max_length=64)] = ""
    full_name: Annotated[str, Field(max_length=200)] = ""
    password: Annotated[str, Field(max_length=256)] = ""
    again: Annotated[str, Field(max_length=256)] = ""
    token: Annotated[str, Field(max_length=128)] = ""


async def login_page(request: Request, hub: Hub, next: str = "/") -> Response:  # noqa: A002 - its name in the address
    """Halaman masuk / The login page; who is logged in already goes on."""
    token = request.cookies.get(cookie_name(hub), "")
    who = await find_identity(hub, token) if token else None
    if who is not None:
        return RedirectResponse(onward(next, who.session.needs), 303)
    if not await hub.db.read(users.count):
        return RedirectResponse("/setup", 303)
    return await login_form(request, hub, LoginForm(next=next))


async def log_in(request: Request, hub: Hub, said: Annotated[LoginForm, Form()]) -> Response:
    """Masuk / Log in by the form, then go where one wanted to."""
    form = FormToken(request, hub)
    if not form.fits(said.token):
        return await login_form(request, hub, said, ApiError("csrf"))
    if not said.name.strip() or not said.password:
        return await login_form(request, hub, said, ApiError("wrong_login"))
    answer = RedirectResponse(within(said.next), 303)
    try:
        me = await api.log_in(api.Login(name=said.name, password=said.password), request, answer, hub)
    except ApiError as error:
        return await login_form(request, hub, said, error)
    answer.headers["location"] = onward(said.next, me["needs"])
    form.drop(answer)
    return answer


async def setup_page(request: Request, hub: Hub) -> Response:
    """Penyiapan / The page for the first administrator; there is none when somebody can log in."""
    if await hub.db.read(users.count):
        return RedirectResponse("/login", 303)
    return await _setup_form(request, hub, SetupForm())


async def set_up(request: Request, hub: Hub, said: Annotated[SetupForm, Form()]) -> Response:
    """Administrator pertama / Make the first administrator, by the code that the hub wrote at its start."""
    if not FormToken(request, hub).fits(said.token):
        return await _setup_form(request, hub, said, "csrf")
    if not said.name.strip() or not said.code.strip():
        return await _setup_form(request, hub, said, "invalid", _("Code and name are needed."))
    if said.password != said.again:
        return await _setup_form(request, hub, said, "invalid", _("The two passwords differ."))
    body = api.Setup(
        code=said.code.strip(), name=said.name, full_name=said.full_name, password=said.password or " "
    )
    try:
        await api.set_up(body, hub)
    except SetupError:
        return await _setup_form(request, hub, said, "setup")
    except PasswordError:
        return await _setup_form(
            request, hub, said, "invalid", _("A password has at least 12 characters, and not the name in it.")
        )
    except UserError:
        why = _("A name has 2 to 64 small letters, digits, dots, hyphens or underscores.")
        return await _setup_form(request, hub, said, "invalid", why)
    return RedirectResponse("/login", 303)


async def log_out(hub: Hub, who: Who) -> Response:
    """Keluar / Log out, back to the login page."""
    answer = Response(status_code=204, headers={"HX-Redirect": "/login"})
    await api.log_out(answer, hub, who)
    return answer


async def set_language(
    hub: Hub,
    to: Annotated[language.Language, Form()],
    back: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    """Bahasa / Choose the language of this browser."""
    answer = RedirectResponse(within(back), 303)
    answer.set_cookie(
        language.COOKIE,
        to,
        max_age=LANGUAGE_AGE_S,
        path="/",
        secure=hub.secure_cookies,
        httponly=True,
        samesite="lax",
    )
    return answer


async def login_form(
    request: Request, hub: Services, said: LoginForm, fault: ApiError | None = None
) -> HTMLResponse:
    """The login page; ``fault`` says why the try before did not work."""
    issuer = hub.oidc.name if hub.oidc is not None else ""
    context = {"name": said.name, "goes_to": within(said.next), "issuer": issuer}
    answer = await stranger_form(request, hub, "login.html", context, fault.code if fault else "")
    if fault is not None:
        answer.headers.update(fault.headers or {})
    return answer


async def _setup_form(
    request: Request, hub: Services, said: SetupForm, code: str = "", why: str = ""
) -> HTMLResponse:
    """The set-up page; ``why`` is a message id where ``code`` does not say enough. Passwords are not sent back."""
    context = {"said_before": said, "why": why, "least": LEAST_CHARS}
    return await stranger_form(request, hub, "setup.html", context, code)


async def stranger_form(
    request: Request, hub: Services, template: str, context: Mapping[str, object], code: str
) -> HTMLResponse:
    """A page with a form for who is not logged in; ``code`` says why the try before did not work."""
    form = FormToken(request, hub)
    wrong = dict(zip(("id", "en"), CODES[code][1:], strict=True)) if code else None
    answer = await page(request, hub, None, template, token=form.made(), wrong=wrong, **context)
    if code:
        answer.status_code = CODES[code][0]
    form.keep(answer)
    return answer


def within(address: str) -> str:
    """The address if it is one of this site, else the first page."""
    return address if _OURS.match(address) else "/"


def onward(address: str, needs: str | None) -> str:
    """Where one goes after the password: where one wanted to, or first to the second factor."""
    ours = within(address)
    return f"/factor?next={quote(ours, safe='')}" if needs else ours


ROUTES = (
    Route("GET", "/login", login_page, PUBLIC, "pages", OPTIONS),
    Route("POST", "/login", log_in, PUBLIC, "pages", OPTIONS),
    Route("GET", "/setup", setup_page, PUBLIC, "pages", OPTIONS),
    Route("POST", "/setup", set_up, PUBLIC, "pages", OPTIONS),
    Route("POST", "/logout", log_out, only(EVERYONE, half=True), "pages", OPTIONS),
    Route("POST", "/language", set_language, PUBLIC, "pages", OPTIONS),
)
