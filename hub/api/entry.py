"""Coming in, whatever the door: the password is checked, a session begins, and the answer gets its cookie."""

from __future__ import annotations

import math
from typing import Any

from fastapi import Request, Response
from sqlalchemy import Connection

from hub.api import audit
from hub.api.access import cookie_name
from hub.api.auth import lockout, second_factor, sessions, users
from hub.api.auth.roles import ROLE_LABELS
from hub.api.auth.sessions import Needs
from hub.api.errors import ApiError
from hub.api.rates import address_of
from hub.api.services import Services


async def check_password(hub: Services, request: Request, name: str, password: str) -> None:
    """The password fits, or an error that does not tell whether there is such a user.

    Raises:
        ApiError: ``wrong_login``, or ``too_many_tries`` with how long to wait.
    """
    now_ms, address = hub.clock.now_ms(), address_of(request)
    refuse_early(await hub.db.write(lambda conn: lockout.begin(conn, name, address, now_ms=now_ms)))
    stored = await hub.db.read(lambda conn: users.password_of(conn, name))
    if not await hub.passwords.fits(password, stored):
        raise ApiError("wrong_login")
    await hub.db.write(lambda conn: lockout.succeed(conn, name, address))


def refuse_early(wait_ms: int) -> None:
    """Refuse a try that comes before its time.

    Raises:
        ApiError: ``too_many_tries``, where there is a time to wait.
    """
    if wait_ms:
        raise ApiError("too_many_tries", headers={"Retry-After": str(math.ceil(wait_ms / 1000))})


async def enter(
    hub: Services, request: Request, response: Response, name: str, *, by: str, proved: bool = False
) -> tuple[str, Needs]:
    """Begin a session for who has shown that they are this user, and end the one that they came with.

    Args:
        by: how they have shown it, for the audit trail.
        proved: whether that was by two factors already.

    Returns:
        The session's token, and what it still lacks.
    """
    address, old = address_of(request), request.cookies.get(cookie_name(hub), "")

    def begin(conn: Connection) -> tuple[str, Needs]:
        now_ms = hub.clock.now_ms()
        sessions.end(conn, old)
        sessions.sweep(conn, hub.timeouts, now_ms=now_ms)
        lockout.sweep(conn, now_ms=now_ms)
        needs: Needs = "" if proved else second_factor.needed(conn, users.get(conn, name))
        detail = {"address": address, "by": by, "needs": needs or None}
        audit.record(conn, name, "login", name, detail, now_ms=now_ms)
        return sessions.start(conn, name, address=address, now_ms=now_ms, needs=needs), needs

    token, needs = await hub.db.write(begin)
    set_cookie(hub, response, token)
    return token, needs


def set_cookie(hub: Services, response: Response, token: str) -> None:
    """Let the browser keep the session, out of the reach of its pages."""
    response.set_cookie(
        cookie_name(hub),
        token,
        max_age=int(hub.timeouts.absolute_s),
        path="/",
        secure=hub.secure_cookies,
        httponly=True,
        samesite="lax",
    )


def shown(user: users.User, token: str, needs: Needs) -> dict[str, Any]:
    """Who one is, and the token that each change must carry."""
    return {
        "name": user.name,
        "full_name": user.full_name,
        "roles": [
            {"role": role, "id": ROLE_LABELS[role][0], "en": ROLE_LABELS[role][1]}
            for role in sorted(user.roles)
        ],
        "agency": user.agency,
        "needs": needs or None,
        "csrf": sessions.csrf_token(token),
    }
