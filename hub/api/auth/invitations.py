"""One-time set-up codes for users whom an administrator has made: with it a person sets the password that nobody else
has known. The code works once and for three days; a newer one replaces it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from sqlalchemy import Connection, delete, select

from hub.api import audit
from hub.api.auth import second_factor, users
from hub.api.auth.setup import SetupError
from hub.api.tables import invitations
from hub.db import upsert

VALID_MS = 3 * 24 * 3600 * 1000

NO_PASSWORD = "!"  # noqa: S105 - what stands where a hash would, and is none
"""Stored for a user who has none: no password fits it."""


def new_code(conn: Connection, user: str, *, now_ms: int) -> str:
    """A new code (100 bits) for a user, which is kept nowhere in clear. It ends the one before."""
    text = base64.b32encode(secrets.token_bytes(13)).decode().lower()[:20]
    values = {"user": user, "code_hash": _hash(user, text), "expires_ms": now_ms + VALID_MS}
    upsert(conn, invitations, values, key=["user"])
    return "-".join(text[at : at + 5] for at in range(0, 20, 5))


def check_code(conn: Connection, user: str, code: str, *, now_ms: int) -> None:
    """Whether the code would set this user's password now.

    Raises:
        SetupError: it is wrong, over or used, or there is no such user; it says not which.
    """
    row = conn.execute(select(invitations).where(invitations.c.user == user)).one_or_none()
    fits = (
        row is not None and hmac.compare_digest(row.code_hash, _hash(user, code)) and row.expires_ms > now_ms
    )
    if not fits:
        raise SetupError("the set-up code is not valid", "ask an administrator for a new one")


def use_code(conn: Connection, user: str, code: str, password_hash: str, *, now_ms: int) -> None:
    """Set the password and use the code up, both or neither; every session of the user ends.

    Raises:
        SetupError: the code would not do it.
    """
    check_code(conn, user, code, now_ms=now_ms)
    forget(conn, user)
    users.change(conn, user, actor=user, now_ms=now_ms, password_hash=password_hash)
    audit.record(conn, user, "user.activate", user, now_ms=now_ms)


def open_until(conn: Connection, *, now_ms: int) -> dict[str, int]:
    """When each code that is still good ends, by user."""
    rows = conn.execute(select(invitations).where(invitations.c.expires_ms > now_ms))
    return {row.user: row.expires_ms for row in rows}


def forget(conn: Connection, user: str) -> None:
    """End a user's code. Idempotent."""
    conn.execute(delete(invitations).where(invitations.c.user == user))


def reset(conn: Connection, user: str, *, actor: str, now_ms: int, factor: bool) -> str:
    """A new code for a user who has lost their password; the old one and every session end.

    Args:
        factor: they have lost their second factor too.

    Raises:
        NoUserError: there is none of that name.
    """
    users.change(conn, user, actor=actor, now_ms=now_ms, password_hash=NO_PASSWORD)
    if factor:
        second_factor.remove(conn, user)
    audit.record(conn, actor, "user.reset", user, {"factor": factor}, now_ms=now_ms)
    return new_code(conn, user, now_ms=now_ms)


def _hash(user: str, code: str) -> str:
    plain = code.strip().lower().replace("-", "").replace(" ", "")
    return hashlib.sha256(f"{user} {plain}".encode()).hexdigest()
