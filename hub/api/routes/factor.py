"""One's own second factor: its code at the login, and its enrolment."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from hub.api import audit
from hub.api.access import Hub, Identity, Route, Who, only
from hub.api.auth import lockout, second_factor, sessions
from hub.api.auth.roles import EVERYONE, PERSONS
from hub.api.entry import check_password, refuse_early, set_cookie, shown
from hub.api.errors import ApiError
from hub.api.rates import address_of
from hub.api.services import Services

GivenCode = Annotated[str, Field(min_length=1, max_length=32)]


class Code(BaseModel):
    """Six digits of the telephone, or a recovery code where it may be one."""

    code: GivenCode


class Beginning(BaseModel):
    """The password, where the session is one of two factors already."""

    password: Annotated[str, Field(max_length=256)] = ""


async def give_code(body: Code, request: Request, response: Response, hub: Hub, who: Who) -> dict[str, Any]:
    """Kode faktor kedua / The code after the password; the session goes on under a new token and opens everything."""
    if who.session.needs != "code":
        raise ApiError("not_possible", "this session needs no code")
    name, address = who.user.name, address_of(request)

    def judge(conn: Connection) -> tuple[int, str | None]:
        """How long to wait, and the new session's token where the code was right; in one transaction."""
        now_ms = hub.clock.now_ms()
        wait_ms = lockout.begin(conn, name, address, now_ms=now_ms, tried="code")
        if wait_ms:
            return wait_ms, None
        how = second_factor.take(conn, name, body.code, now_ms=now_ms)
        audit.record(
            conn,
            name,
            "login.second_factor" if how else "login.wrong_code",
            name,
            {"address": address, "by": how},
            now_ms=now_ms,
        )
        if how is None:
            return 0, None
        lockout.succeed(conn, name, address, tried="code")
        sessions.end(conn, who.token)
        return 0, sessions.start(conn, name, address=address, now_ms=now_ms)

    wait_ms, token = await hub.db.write(judge)
    refuse_early(wait_ms)
    if token is None:
        raise ApiError("wrong_code")
    set_cookie(hub, response, token)
    return shown(who.user, token, "")


async def begin(body: Beginning, request: Request, hub: Hub, who: Who) -> dict[str, Any]:
    """Mulai faktor kedua / Begin to enrol a second factor; one that is in use stays until the new one is confirmed."""
    _may_enrol(who)
    if not who.session.needs:
        await check_password(hub, request, who.user.name, body.password)
    secret = await hub.db.write(
        lambda conn: second_factor.begin(conn, who.user.name, now_ms=hub.clock.now_ms())
    )
    return enrolment(hub, who, secret)


async def confirm(body: Code, request: Request, response: Response, hub: Hub, who: Who) -> dict[str, Any]:
    """Sahkan faktor kedua / Confirm it by its first code. Every session ends, this one goes on; and the recovery
    codes, told this once."""
    _may_enrol(who)
    name, address = who.user.name, address_of(request)

    def enrol(conn: Connection) -> tuple[list[str], str] | None:
        now_ms = hub.clock.now_ms()
        codes = second_factor.confirm(conn, name, body.code, now_ms=now_ms)
        if codes is None:
            return None
        sessions.end_all(conn, name)
        audit.record(conn, name, "factor.enrol", name, {"address": address}, now_ms=now_ms)
        return codes, sessions.start(conn, name, address=address, now_ms=now_ms)

    enrolled = await hub.db.write(enrol)
    if enrolled is None:
        raise ApiError("wrong_code")
    codes, token = enrolled
    set_cookie(hub, response, token)
    return {**shown(who.user, token, ""), "recovery_codes": codes}


def enrolment(hub: Services, who: Identity, secret: str) -> dict[str, Any]:
    """What a telephone needs to make the codes."""
    return {
        "secret": secret,
        "address": second_factor.address_for_telephones(secret, who.user.name, hub.region.name),
    }


def _may_enrol(who: Identity) -> None:
    """Who has given only the password of a user with a second factor may not replace it."""
    if who.session.needs == "code":
        raise ApiError("second_factor")


ROUTES = (
    Route("POST", "/api/login/code", give_code, only(EVERYONE, half=True), "login"),
    Route("POST", "/api/me/factor", begin, only(PERSONS, half=True), "login"),
    Route("POST", "/api/me/factor/confirm", confirm, only(PERSONS, half=True), "login"),
)
