"""Users in SQL. Every change is audited here, so that the command line and the API cannot forget it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from hub.api import audit
from hub.api.auth import sessions
from hub.api.auth.roles import Role, Roles, parse
from hub.api.tables import users
from hub.errors import HubError

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}\Z")


class UserError(HubError, ValueError):
    """A user that cannot be made or changed so."""


class NoUserError(UserError, LookupError):
    """There is no such user."""


@dataclass(frozen=True, slots=True)
class User:
    """A user, without the password's hash."""

    name: str
    full_name: str
    roles: Roles
    agency: str | None
    active: bool
    created_ms: int


def add(
    conn: Connection,
    name: str,
    full_name: str,
    roles: Iterable[str],
    password_hash: str,
    *,
    actor: str,
    now_ms: int,
    agency: str | None = None,
) -> User:
    """Make a user, and audit it.

    Args:
        password_hash: by ``Passwords.hash``, of a password that ``passwords.check_new`` takes.
        actor: who makes it: a user's name, or ``cli``.

    Raises:
        UserError: the name is taken or malformed, a role is none.
    """
    name = name.strip().lower()
    if not _NAME.match(name):
        raise UserError(f"{name!r} is no user name", "2 to 64 letters, digits, dots, hyphens, underscores")
    if conn.execute(select(users.c.name).where(users.c.name == name)).first() is not None:
        raise UserError(f"there is a user {name!r} already")
    given = _roles(roles)
    conn.execute(
        insert(users).values(
            name=name,
            full_name=full_name.strip() or name,
            password=password_hash,
            roles=_text(given),
            agency=agency,
            active=True,
            created_ms=now_ms,
            password_ms=now_ms,
        )
    )
    audit.record(conn, actor, "user.add", name, {"roles": _text(given), "agency": agency}, now_ms=now_ms)
    return get(conn, name)


def change(
    conn: Connection,
    name: str,
    *,
    actor: str,
    now_ms: int,
    roles: Iterable[str] | None = None,
    active: bool | None = None,
    password_hash: str | None = None,
) -> User:
    """Change a user, end all their sessions, and audit it. What is None stays.

    Raises:
        NoUserError: there is none of that name.
        UserError: a role is none, or nobody would administer the hub any more.
    """
    was = get(conn, name)
    values: dict[str, Any] = {}
    if roles is not None:
        values["roles"] = _text(_roles(roles))
    if active is not None:
        values["active"] = active
    if password_hash is not None:
        values |= {"password": password_hash, "password_ms": now_ms}
    if not values:
        return was
    conn.execute(update(users).where(users.c.name == name).values(values))
    if Role.ADMIN in was.roles and was.active and not _has_admin(conn):
        raise UserError("nobody would administer the hub any more", "make another administrator first")
    sessions.end_all(conn, name)
    detail: dict[str, audit.Scalar] = {"password": password_hash is not None}
    detail |= {key: value for key, value in values.items() if key in ("roles", "active")}
    audit.record(conn, actor, "user.change", name, detail, now_ms=now_ms)
    return get(conn, name)


def get(conn: Connection, name: str) -> User:
    """The user of that name.

    Raises:
        NoUserError: there is none.
    """
    row = conn.execute(select(users).where(users.c.name == name)).one_or_none()
    if row is None:
        raise NoUserError(f"there is no user {name!r}")
    return user_of(row)


def password_of(conn: Connection, name: str) -> str | None:
    """The hash of an active user's password; None where there is no such user."""
    found = conn.execute(select(users.c.password).where(users.c.name == name, users.c.active)).scalar()
    return None if found is None else str(found)


def listed(conn: Connection) -> list[User]:
    """Every user, by name."""
    return [user_of(row) for row in conn.execute(select(users).order_by(users.c.name))]


def of_sessions(conn: Connection, timeouts: sessions.Timeouts, *, now_ms: int) -> dict[str, Roles]:
    """The roles of who stands behind each session that is good now, by the hash of its token."""
    rows = conn.execute(
        sessions.good(timeouts, now_ms=now_ms).add_columns(users.c.roles)  # its own join has the user
    )
    return {row.token_hash: parse(row.roles.split()) for row in rows}


def count(conn: Connection) -> int:
    """How many users there are."""
    return conn.execute(select(func.count()).select_from(users)).scalar_one()


def user_of(row: Row[Any]) -> User:
    """A user's row as a value."""
    return User(
        name=row.name,
        full_name=row.full_name,
        roles=parse(row.roles.split()),
        agency=row.agency,
        active=row.active,
        created_ms=row.created_ms,
    )


def _has_admin(conn: Connection) -> bool:
    return any(user.active and Role.ADMIN in user.roles for user in listed(conn))


def _roles(names: Iterable[str]) -> Roles:
    try:
        return parse(names)
    except ValueError as error:
        raise UserError(str(error), "roles are " + ", ".join(Role)) from error


def _text(roles: Roles) -> str:
    return " ".join(sorted(roles))
