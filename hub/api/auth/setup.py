"""The first administrator: made once, with a code that only who can read the hub's machine knows.

There is no default password. While the hub has no user it makes a code at each start, valid for a day; the code
works once, and never again when there is a user.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from sqlalchemy import Connection, delete, select

from hub.api.auth import users
from hub.api.auth.roles import Role
from hub.api.tables import setup_code
from hub.db import upsert

VALID_MS = 24 * 3600 * 1000


class SetupError(users.UserError):
    """The code is not the one, is over, or the hub is set up."""


def new_code(conn: Connection, *, now_ms: int) -> str | None:
    """At hub start: a new code (160 bits) to show on the machine, or None where there is a user."""
    if users.count(conn):
        return None
    code = secrets.token_hex(20)
    upsert(conn, setup_code, {"id": 1, "code_hash": _hash(code), "expires_ms": now_ms + VALID_MS}, key=["id"])
    return code


def check_code(conn: Connection, code: str, *, now_ms: int) -> None:
    """Whether the code would make the first administrator now.

    Raises:
        SetupError: it is wrong, over or used, or there is a user; it says not which.
    """
    row = conn.execute(select(setup_code).where(setup_code.c.id == 1)).one_or_none()
    fits = row is not None and hmac.compare_digest(row.code_hash, _hash(code)) and row.expires_ms > now_ms
    if not fits or users.count(conn):
        raise SetupError("the set-up code is not valid", "start the hub again for a new one")


def use_code(
    conn: Connection, code: str, name: str, full_name: str, password_hash: str, *, now_ms: int
) -> users.User:
    """Make the first administrator and use the code up, both or neither.

    Raises:
        SetupError: the code would not do it.
        UserError: the name cannot be used.
    """
    check_code(conn, code, now_ms=now_ms)
    conn.execute(delete(setup_code))
    return users.add(conn, name, full_name, [Role.ADMIN], password_hash, actor="setup code", now_ms=now_ms)


def _hash(code: str) -> str:
    return hashlib.sha256(code.strip().lower().encode()).hexdigest()
