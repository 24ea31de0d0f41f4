"""What administrators see of users and do to them, by API or console: each change audited, in one way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from hub.api import audit
from hub.api.access import Identity
from hub.api.auth import external, invitations, second_factor, sessions, users
from hub.api.auth.passwords import check_new
from hub.api.auth.roles import SECOND_FACTOR, Role
from hub.api.errors import ApiError
from hub.api.services import Services
from hub.api.tables import external_users
from hub.api.tables import sessions as session_rows


@dataclass(frozen=True, slots=True)
class Person:
    """A user, and how their login stands.

    Attributes:
        factor: their second factor; None where they have none.
        lacks_factor: their role asks for one and they have none yet.
        sessions: how many are good now.
        seen_ms: when one of them was used last; None where none is good.
        code_until_ms: until when their set-up code is good; None where they have none.
        issuer: who vouches for them at the login; None where they have a password.
    """

    user: users.User
    factor: second_factor.Factor | None
    lacks_factor: bool
    sessions: int
    seen_ms: int | None
    code_until_ms: int | None
    issuer: str | None


@dataclass(frozen=True, slots=True)
class Code:
    """A one-time set-up code, told once, and until when it is good."""

    text: str
    until_ms: int


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A user to make; without a password they get a set-up code."""

    name: str
    full_name: str
    roles: Sequence[Role]
    agency: str | None = None
    password: str | None = None


def everyone(hub: Services, conn: Connection) -> list[Person]:
    """Every user, by name."""
    now_ms = hub.clock.now_ms()
    codes = invitations.open_until(conn, now_ms=now_ms)
    good = sessions.good(hub.timeouts, now_ms=now_ms).subquery()
    counted = select(good.c.user, func.count().label("n"), func.max(good.c.seen_ms).label("seen_ms"))
    open_now = {row.user: row for row in conn.execute(counted.group_by(good.c.user))}
    issuers: dict[str, str] = {row.user: row.issuer for row in conn.execute(select(external_users))}
    found = []
    for user in users.listed(conn):
        factor, seen = second_factor.find(conn, user.name), open_now.get(user.name)
        found.append(
            Person(
                user,
                factor,
                lacks_factor=factor is None and bool(user.roles & SECOND_FACTOR),
                sessions=seen.n if seen else 0,
                seen_ms=seen.seen_ms if seen else None,
                code_until_ms=codes.get(user.name),
                issuer=issuers.get(user.name),
            )
        )
    return found


def one(hub: Services, conn: Connection, name: str) -> Person:
    """One user.

    Raises:
        NoUserError: there is none of that name.
    """
    users.get(conn, name)
    return next(person for person in everyone(hub, conn) if person.user.name == name)


def sessions_of(hub: Services, conn: Connection, name: str) -> list[dict[str, Any]]:
    """A user's sessions that are good now, the last used first: since when, from where. No token is in them."""
    query = sessions.good(hub.timeouts, now_ms=hub.clock.now_ms()).where(session_rows.c.user == name)
    rows = conn.execute(query.order_by(session_rows.c.seen_ms.desc()))
    return [{"created_ms": row.created_ms, "seen_ms": row.seen_ms, "address": row.address} for row in rows]


async def add(hub: Services, who: Identity, new: NewPerson) -> tuple[users.User, Code | None]:
    """Make a user.

    Returns:
        The user, and their set-up code where they were given no password.

    Raises:
        ApiError, UserError, PasswordError: they cannot be made so.
    """
    if new.agency is not None and new.agency not in hub.directory().agencies:
        raise ApiError("invalid", f"there is no agency {new.agency!r}")
    hashed = invitations.NO_PASSWORD
    if new.password is not None:
        check_new(new.password, name=new.name)
        hashed = await hub.passwords.hash_aside(new.password)

    def make(conn: Connection) -> tuple[users.User, Code | None]:
        now_ms = hub.clock.now_ms()
        user = users.add(
            conn,
            new.name,
            new.full_name,
            new.roles,
            hashed,
            actor=who.user.name,
            now_ms=now_ms,
            agency=new.agency,
        )
        if new.password is not None:
            return user, None
        return user, _told(invitations.new_code(conn, user.name, now_ms=now_ms), now_ms)

    return await hub.db.write(make)


async def change(
    hub: Services,
    who: Identity,
    name: str,
    *,
    roles: Sequence[Role] | None = None,
    active: bool | None = None,
    password: str | None = None,
) -> users.User:
    """Change a user; their sessions end.

    Raises:
        UserError, PasswordError: it cannot be.
    """
    hashed = None
    if password is not None:
        check_new(password, name=name)
        hashed = await hub.passwords.hash_aside(password)
    return await hub.db.write(
        lambda conn: users.change(
            conn,
            name,
            actor=who.user.name,
            now_ms=hub.clock.now_ms(),
            roles=roles,
            active=active,
            password_hash=hashed,
        )
    )


async def reset(hub: Services, who: Identity, name: str, *, factor: bool) -> Code:
    """A new set-up code for somebody else who has lost their password; it and every session end.

    Args:
        factor: they have lost their second factor too.

    Raises:
        NoUserError: there is none of that name.
        ApiError: it is one's own login, and whoever sits at an open console could take it over; or an issuer's.
    """
    if name == who.user.name:
        raise ApiError("not_possible", "your own login is reset by another administrator")

    def renew(conn: Connection) -> Code:
        if external.is_external(conn, name):
            raise ApiError("not_possible", "an issuer vouches for this user, who has no password here")
        now_ms = hub.clock.now_ms()
        code = invitations.reset(conn, name, actor=who.user.name, now_ms=now_ms, factor=factor)
        return _told(code, now_ms)

    return await hub.db.write(renew)


async def end_sessions(hub: Services, who: Identity, name: str) -> int:
    """End every session of a user; how many were good.

    Raises:
        NoUserError: there is none of that name.
    """

    def end(conn: Connection) -> int:
        users.get(conn, name)
        ended = len(sessions_of(hub, conn, name))
        sessions.end_all(conn, name)
        detail = {"sessions": ended}
        audit.record(conn, who.user.name, "user.end_sessions", name, detail, now_ms=hub.clock.now_ms())
        return ended

    return await hub.db.write(end)


def _told(code: str, now_ms: int) -> Code:
    return Code(code, now_ms + invitations.VALID_MS)
