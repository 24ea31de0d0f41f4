"""Coming in and going out by pages, and the choice of the language.

These forms work without a script. There is no session yet when one logs in, so the login form carries a token that
fits a cookie which only the page itself can have been given: nobody can log a person in as somebody else.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Annotated

from fastapi import Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field

from hub.api.access import PUBLIC, Hub, Route, Who, cookie_name, find_identity, only
from hub.api.auth.roles import EVERYONE
from hub.api.errors import CODES, ApiError
from hub.api.routes import login as api
from hub.api.services import Services
from hub.console import language
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


async def login_page(request: Request, hub: Hub, next: str = "/") -> Response:  # noqa: A002 - its name in the address
    """Halaman masuk / The login page; who is logged in already goes on."""
    token = request.cookies.get(cookie_name(hub), "")
    if token and await find_identity(hub, token) is not None:
        return RedirectResponse(_within(next), 303)
    return await _form(request, hub, next)


async def log_in(request: Request, hub: Hub, said: Annotated[LoginForm, Form()]) -> Response:
    """Masuk / Log in by the form, then go where one wanted to."""
    fits = hmac.compare_digest(_token(request.cookies.get(_form_cookie(hub), "")), said.token)
    if not said.token or not fits:
        return await _form(request, hub, said.next, name=said.name, fault=ApiError("csrf"))
    if not said.name.strip() or not said.password:
        return await _form(request, hub, said.next, name=said.name, fault=ApiError("wrong_login"))
    answer = RedirectResponse(_within(said.next), 303)
    try:
        await api.log_in(api.Login(name=said.name, password=said.password), request, answer, hub)
    except ApiError as error:
        return await _form(request, hub, said.next, name=said.name, fault=error)
    answer.delete_cookie(_form_cookie(hub), path="/", secure=hub.secure_cookies, httponly=True)
    return answer


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
    answer = RedirectResponse(_within(back), 303)
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


async def _form(
    request: Request, hub: Services, goes_to: str, *, name: str = "", fault: ApiError | None = None
) -> HTMLResponse:
    """The login page; ``fault`` says why the try before did not work."""
    secret = request.cookies.get(_form_cookie(hub), "") or secrets.token_urlsafe(24)
    wrong = dict(zip(("id", "en"), CODES[fault.code][1:], strict=True)) if fault else None
    answer = await page(
        request,
        hub,
        None,
        "login.html",
        name=name,
        goes_to=_within(goes_to),
        token=_token(secret),
        wrong=wrong,
    )
    if fault is not None:
        answer.status_code = CODES[fault.code][0]
        answer.headers.update(fault.headers or {})
    answer.set_cookie(
        _form_cookie(hub), secret, path="/", secure=hub.secure_cookies, httponly=True, samesite="strict"
    )
    return answer


def _form_cookie(hub: Services) -> str:
    """Bound to this host like the session's cookie, so that no neighbour can plant one."""
    return cookie_name(hub) + "-login"


def _token(secret: str) -> str:
    return hashlib.sha256(b"siaga login " + secret.encode()).hexdigest() if secret else ""


def _within(address: str) -> str:
    return address if _OURS.match(address) else "/"


ROUTES = (
    Route("GET", "/login", login_page, PUBLIC, "pages", OPTIONS),
    Route("POST", "/login", log_in, PUBLIC, "pages", OPTIONS),
    Route("POST", "/logout", log_out, only(EVERYONE), "pages", OPTIONS),
    Route("POST", "/language", set_language, PUBLIC, "pages", OPTIONS),
)
