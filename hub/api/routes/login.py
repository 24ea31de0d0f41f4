"""Coming in and going out."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from hub.api import audit
from hub.api.access import PUBLIC, Hub, Route, Who, cookie_name, only
from hub.api.auth import invitations, lockout, sessions, setup, users
from hub.api.auth.passwords import check_new
from hub.api.auth.roles import EVERYONE, PERSONS
from hub.api.entry import check_password, enter, refuse_early, set_cookie, shown
from hub.api.rates import address_of

Name = Annotated[str, Field(min_length=1, max_length=64)]
Password = Annotated[str, Field(min_length=1, max_length=256)]


class Login(BaseModel):
    """Name and password."""

    name: Name
    password: Password


class Setup(BaseModel):
    """The set-up code that the hub showed, and the first administrator."""

    code: Annotated[str, Field(min_length=1, max_length=128)]
    name: Name
    full_name: Annotated[str, Field(max_length=200)] = ""
    password: Password


class NewPassword(BaseModel):
    """The old password and the new one."""

    old: Password
    new: Password


class Activation(BaseModel):
    """The set-up code that an administrator gave to a new user, and the password that they choose."""

    name: Name
    code: Annotated[str, Field(min_length=1, max_length=128)]
    password: Password


async def log_in(body: Login, request: Request, response: Response, hub: Hub) -> dict[str, Any]:
    """Masuk / Log in. A session before it ends; the answer holds the token that each change must carry.

    ``needs`` says what the session lacks before it opens anything else: ``code`` or ``enrolment``.
    """
    name = body.name.strip().lower()
    await check_password(hub, request, name, body.password)
    token, needs = await enter(hub, request, response, name, by="password")
    user = await hub.db.read(lambda conn: users.get(conn, name))
    return shown(user, token, needs)


async def log_out(response: Response, hub: Hub, who: Who) -> dict[str, bool]:
    """Keluar / Log out."""

    def leave(conn: Connection) -> None:
        sessions.end(conn, who.token)
        audit.record(conn, who.user.name, "logout", who.user.name, now_ms=hub.clock.now_ms())

    await hub.db.write(leave)
    response.delete_cookie(cookie_name(hub), path="/", secure=hub.secure_cookies, httponly=True)
    return {"ok": True}


async def me(who: Who) -> dict[str, Any]:
    """Siapa saya / Who am I: name, roles, and the token that each change must carry."""
    return shown(who.user, who.token, who.session.needs)


async def set_password(
    body: NewPassword, request: Request, response: Response, hub: Hub, who: Who
) -> dict[str, Any]:
    """Ganti kata sandi / Change one's own password. Every session ends; this one goes on under a new token."""
    name, address = who.user.name, address_of(request)
    await check_password(hub, request, name, body.old)
    check_new(body.new, name=name)
    hashed = await hub.passwords.hash_aside(body.new)

    def renew(conn: Connection) -> str:
        now_ms = hub.clock.now_ms()
        users.change(conn, name, actor=name, now_ms=now_ms, password_hash=hashed)
        return sessions.start(conn, name, address=address, now_ms=now_ms)

    token = await hub.db.write(renew)
    set_cookie(hub, response, token)
    return shown(who.user, token, "")


async def activate(body: Activation, request: Request, hub: Hub) -> dict[str, str]:
    """Aktifkan akun / A new user's own password, by the one-time code that an administrator gave them."""
    name, now_ms, address = body.name.strip().lower(), hub.clock.now_ms(), address_of(request)
    refuse_early(await hub.db.write(lambda conn: lockout.begin(conn, name, address, now_ms=now_ms)))
    await hub.db.read(lambda conn: invitations.check_code(conn, name, body.code, now_ms=now_ms))
    check_new(body.password, name=name)
    hashed = await hub.passwords.hash_aside(body.password)

    def use(conn: Connection) -> None:
        invitations.use_code(conn, name, body.code, hashed, now_ms=hub.clock.now_ms())
        lockout.succeed(conn, name, address)

    await hub.db.write(use)
    return {"name": name}


async def set_up(body: Setup, hub: Hub) -> dict[str, str]:
    """Administrator pertama / The first administrator, by the code that the hub showed at its start."""
    await hub.db.read(lambda conn: setup.check_code(conn, body.code, now_ms=hub.clock.now_ms()))
    check_new(body.password, name=body.name)
    hashed = await hub.passwords.hash_aside(body.password)
    user = await hub.db.write(
        lambda conn: setup.use_code(
            conn, body.code, body.name, body.full_name, hashed, now_ms=hub.clock.now_ms()
        )
    )
    return {"name": user.name}


ROUTES = (
    Route("POST", "/api/login", log_in, PUBLIC, "login"),
    Route("POST", "/api/setup", set_up, PUBLIC, "login"),
    Route("POST", "/api/activate", activate, PUBLIC, "login"),
    Route("POST", "/api/logout", log_out, only(EVERYONE, half=True), "login"),
    Route("GET", "/api/me", me, only(EVERYONE, half=True), "login"),
    Route("POST", "/api/me/password", set_password, only(PERSONS), "login"),
)
