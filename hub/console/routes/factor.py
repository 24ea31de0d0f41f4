"""One's own second factor by pages: its code after the password, its enrolment, and the recovery codes, shown once.

These forms work without a script.
"""

from __future__ import annotations

from typing import Annotated

import segno
from fastapi import Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from hub.api.access import Hub, Identity, Route, Who, only
from hub.api.auth import second_factor
from hub.api.auth.roles import EVERYONE, PERSONS, SECOND_FACTOR
from hub.api.errors import CODES, ApiError
from hub.api.routes import factor as api
from hub.api.services import Services
from hub.console.page import OPTIONS, page
from hub.console.routes.login import within


class FactorForm(BaseModel):
    """What the forms send; ``next`` is where one wanted to go."""

    code: Annotated[str, Field(max_length=32)] = ""
    password: Annotated[str, Field(max_length=256)] = ""
    next: Annotated[str, Field(max_length=2000)] = "/"


Sent = Annotated[FactorForm, Form()]


async def factor_page(request: Request, hub: Hub, who: Who, next: str = "/") -> HTMLResponse:  # noqa: A002 - as at the login
    """Faktor kedua / What one's session still needs, or how one's second factor stands."""
    return await _shown(request, hub, who, next)


async def give_code(request: Request, hub: Hub, who: Who, sent: Sent) -> Response:
    """Kode faktor kedua / The code after the password, then go where one wanted to."""
    answer = RedirectResponse(within(sent.next), 303)
    try:
        await api.give_code(api.Code(code=sent.code or " "), request, answer, hub, who)
    except ApiError as error:
        return await _shown(request, hub, who, sent.next, error)
    return answer


async def begin(request: Request, hub: Hub, who: Who, sent: Sent) -> HTMLResponse:
    """Mulai faktor kedua / Begin to enrol one: the QR code for the telephone."""
    try:
        found = await api.begin(api.Beginning(password=sent.password), request, hub, who)
    except ApiError as error:
        return await _shown(request, hub, who, sent.next, error)
    return await _enrolling(request, hub, who, secret=found["secret"], goes_to=sent.next)


async def confirm(request: Request, hub: Hub, who: Who, sent: Sent) -> Response:
    """Sahkan faktor kedua / Confirm it by its first code; shows the recovery codes, this once."""
    cookies = Response()
    try:
        done = await api.confirm(api.Code(code=sent.code or " "), request, cookies, hub, who)
    except ApiError as error:
        secret = await hub.db.read(lambda conn: second_factor.pending(conn, who.user.name))
        if secret is None or error.code != "wrong_code":
            return await _shown(request, hub, who, sent.next, error)
        return await _enrolling(request, hub, who, secret=secret, goes_to=sent.next, fault=error)
    answer = await page(
        request,
        hub,
        who,
        "factor_codes.html",
        codes=done["recovery_codes"],
        goes_to=within(sent.next),
        csrf=done["csrf"],
    )
    answer.headers["set-cookie"] = cookies.headers["set-cookie"]
    return answer


async def _shown(
    request: Request, hub: Services, who: Identity, goes_to: str, fault: ApiError | None = None
) -> HTMLResponse:
    def read(conn: Connection) -> second_factor.Factor | None:
        return second_factor.find(conn, who.user.name)

    found = await page(
        request,
        hub,
        who,
        "factor.html",
        needs=who.session.needs,
        factor=await hub.db.read(read),
        asked=bool(who.user.roles & SECOND_FACTOR),
        person=bool(who.user.roles & PERSONS),
        goes_to=within(goes_to),
        wrong=_wrong(fault),
    )
    return _refused(found, fault)


async def _enrolling(
    request: Request,
    hub: Services,
    who: Identity,
    *,
    secret: str,
    goes_to: str,
    fault: ApiError | None = None,
) -> HTMLResponse:
    address = api.enrolment(hub, who, secret)["address"]
    found = await page(
        request,
        hub,
        who,
        "factor_enrolment.html",
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        address=address,
        # Dark on light with its margin, whatever the page's colours: cameras need it.
        picture=segno.make(address, error="m").svg_data_uri(scale=6, border=4, dark="#000", light="#fff"),
        goes_to=within(goes_to),
        wrong=_wrong(fault),
    )
    return _refused(found, fault)


def _wrong(fault: ApiError | None) -> dict[str, str] | None:
    return dict(zip(("id", "en"), CODES[fault.code][1:], strict=True)) if fault else None


def _refused(answer: HTMLResponse, fault: ApiError | None) -> HTMLResponse:
    if fault is not None:
        answer.status_code = CODES[fault.code][0]
        answer.headers.update(fault.headers or {})
    return answer


ROUTES = (
    Route("GET", "/factor", factor_page, only(EVERYONE, half=True), "pages", OPTIONS),
    Route("POST", "/factor/code", give_code, only(EVERYONE, half=True), "pages", OPTIONS),
    Route("POST", "/factor/begin", begin, only(PERSONS, half=True), "pages", OPTIONS),
    Route("POST", "/factor/confirm", confirm, only(PERSONS, half=True), "pages", OPTIONS),
)
