"""Coming in by an issuer of logins: the way out to it, and back."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote, unquote

from fastapi import Query, Request, Response
from fastapi.responses import RedirectResponse

from hub.api import entry
from hub.api.access import PUBLIC, Hub, Route, cookie_name
from hub.api.auth import external
from hub.api.auth.oidc import IssuerError, NotVouchedError, Oidc, new_secret
from hub.api.errors import ApiError
from hub.api.services import Services
from hub.console.page import OPTIONS
from hub.console.routes.login import LoginForm, login_form, onward, within

WAY_S = 600
"""How long the way out and back may take."""

Text = Annotated[str, Query(max_length=2000)]


async def set_out(request: Request, hub: Hub, next: Text = "/") -> Response:  # noqa: A002 - as at the login
    """Masuk lewat penerbit / To the issuer of logins."""
    oidc, secret = _oidc(hub), new_secret()
    try:
        address = await oidc.way_out(secret, now_s=hub.clock.now_ms() // 1000)
    except IssuerError:
        return await login_form(request, hub, LoginForm(next=next), ApiError("issuer"))
    answer = RedirectResponse(address, 303)
    answer.set_cookie(
        _cookie(hub),
        f"{secret}.{quote(within(next), safe='')}",
        max_age=WAY_S,
        path="/",
        secure=hub.secure_cookies,
        httponly=True,
        # The way back begins on the issuer's page.
        samesite="lax",
    )
    return answer


async def come_back(
    request: Request, hub: Hub, state: Text = "", code: Text = "", iss: Text = ""
) -> Response:
    """Kembali dari penerbit / Back from the issuer, with its word on who this is."""
    oidc = _oidc(hub)
    secret, _, goes_to = request.cookies.get(_cookie(hub), "").partition(".")
    goes_to = within(unquote(goes_to))
    try:
        person = await oidc.come_back(
            secret, state=state, code=code, issuer=iss, now_s=hub.clock.now_ms() // 1000
        )
        name = await hub.db.write(lambda conn: external.admit(conn, person, now_ms=hub.clock.now_ms()))
        if name is None:
            raise NotVouchedError("they may not come in")
    except (IssuerError, NotVouchedError) as error:
        fault = ApiError("issuer" if isinstance(error, IssuerError) else "not_vouched")
        answer: Response = await login_form(request, hub, LoginForm(next=goes_to), fault)
    else:
        answer = RedirectResponse("/", 303)
        _, needs = await entry.enter(hub, request, answer, name, by="oidc", proved=person.proved)
        answer.headers["location"] = onward(goes_to, needs)
    answer.delete_cookie(_cookie(hub), path="/", secure=hub.secure_cookies, httponly=True)
    return answer


def _oidc(hub: Services) -> Oidc:
    if hub.oidc is None:
        raise ApiError("not_found")
    return hub.oidc


def _cookie(hub: Services) -> str:
    return cookie_name(hub) + "-oidc"


ROUTES = (
    Route("GET", "/login/oidc", set_out, PUBLIC, "pages", OPTIONS),
    Route("GET", "/login/oidc/done", come_back, PUBLIC, "pages", OPTIONS),
)
