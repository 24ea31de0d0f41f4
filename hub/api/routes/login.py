"""Coming in and going out."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from hub.api import audit
from hub.api.access import PUBLIC, Hub, Route, Who, cookie_name, only
from hub.api.auth import lockout, sessions, setup, users
from hub.api.auth.passwords import check_new
from hub.api.auth.roles import EVERYONE, ROLE_LABELS
from hub.api.errors import ApiError

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


async def log_in(body: Login, request: Request, response: Response, hub: Hub) -> dict[str, Any]:
    """Masuk / Log in. A session before it ends; the answer holds the token that each change must carry."""
    name, address = body.name.strip().lower(), _address(request)
    await _check_password(hub, name, address, body.password)
    old = request.cookies.get(cookie_name(hub), "")
    token = await hub.db.write(lambda conn: _start(hub, conn, name, address, old))
    _set_cookie(hub, response, token)
    user = await hub.db.read(lambda conn: users.get(conn, name))
    return _me(user, token)


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
    return _me(who.user, who.token)


async def set_password(
    body: NewPassword, request: Request, response: Response, hub: Hub, who: Who
) -> dict[str, Any]:
    """Ganti kata sandi / Change one's own password. Every session ends; this one goes on under a new token."""
    name, address = who.user.name, _address(request)
    await _check_password(hub, name, address, body.old)
    check_new(body.new, name=name)
    hashed = await hub.passwords.hash_aside(body.new)

    def renew(conn: Connection) -> str:
        now_ms = hub.clock.now_ms()
        users.change(conn, name, actor=name, now_ms=now_ms, password_hash=hashed)
        return sessions.start(conn, name, address=address, now_ms=now_ms)

    token = await hub.db.write(renew)
    _set_cookie(hub, response, token)
    return _me(who.user, token)


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


async def _check_password(hub: Hub, name: str, address: str, password: str) -> None:
    """The password fits, or an error that does not tell whether there is such a user."""
    now_ms = hub.clock.now_ms()
    wait_ms = await hub.db.write(lambda conn: lockout.begin(conn, name, address, now_ms=now_ms))
    if wait_ms:
        raise ApiError("too_many_tries", headers={"Retry-After": str(-(-wait_ms // 1000))})
    stored = await hub.db.read(lambda conn: users.password_of(conn, name))
    if not await hub.passwords.fits(password, stored):
        raise ApiError("wrong_login")
    await hub.db.write(lambda conn: lockout.succeed(conn, name, address))


def _start(hub: Hub, conn: Connection, name: str, address: str, old_token: str) -> str:
    now_ms = hub.clock.now_ms()
    if old_token:
        sessions.end(conn, old_token)
    sessions.sweep(conn, hub.timeouts, now_ms=now_ms)
    lockout.sweep(conn, now_ms=now_ms)
    audit.record(conn, name, "login", name, {"address": address}, now_ms=now_ms)
    return sessions.start(conn, name, address=address, now_ms=now_ms)


def _set_cookie(hub: Hub, response: Response, token: str) -> None:
    response.set_cookie(
        cookie_name(hub),
        token,
        max_age=int(hub.timeouts.absolute_s),
        path="/",
        secure=hub.secure_cookies,
        httponly=True,
        samesite="lax",
    )


def _me(user: users.User, token: str) -> dict[str, Any]:
    return {
        "name": user.name,
        "full_name": user.full_name,
        "roles": [
            {"role": role, "id": ROLE_LABELS[role][0], "en": ROLE_LABELS[role][1]}
            for role in sorted(user.roles)
        ],
        "agency": user.agency,
        "csrf": sessions.csrf_token(token),
    }


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else "unknown"


ROUTES = (
    Route("POST", "/api/login", log_in, PUBLIC, "login"),
    Route("POST", "/api/setup", set_up, PUBLIC, "login"),
    Route("POST", "/api/logout", log_out, only(EVERYONE), "login"),
    Route("GET", "/api/me", me, only(EVERYONE), "login"),
    Route("POST", "/api/me/password", set_password, only(EVERYONE), "login"),
)
