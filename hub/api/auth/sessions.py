"""Sessions in SQL: a random token in a cookie, its hash in a row. A token works until it is idle or old."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Select, delete, insert, select, update

from hub.api.tables import sessions, users

Needs = Literal["", "code", "enrolment"]
"""What a session lacks before it opens anything: nothing, a code of the second factor, or a second factor at all."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a session lives.

    Attributes:
        idle_s: since its last use.
        absolute_s: since the login, whatever its use; a shift and the handing over.
        noted_s: a use is written down at most this often.
        half_s: how long one that still lacks its second factor lives.
    """

    idle_s: float = 3600.0
    absolute_s: float = 12 * 3600.0
    noted_s: float = 60.0
    half_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Session:
    """A session that is good now."""

    token_hash: str
    user: str
    created_ms: int
    seen_ms: int
    needs: Needs


def start(conn: Connection, user: str, *, address: str, now_ms: int, needs: Needs = "") -> str:
    """Begin a session and return its token, which is kept nowhere else. Always a new one, never one that came in."""
    token = secrets.token_urlsafe(32)
    conn.execute(
        insert(sessions).values(
            token_hash=_hash(token),
            user=user,
            created_ms=now_ms,
            seen_ms=now_ms,
            address=address,
            needs=needs,
        )
    )
    return token


def find(conn: Connection, token: str, timeouts: Timeouts, *, now_ms: int) -> Session | None:
    """The session of a token if it is good now and its user active."""
    row = conn.execute(
        select(sessions, users.c.active)
        .join(users, users.c.name == sessions.c.user)
        .where(sessions.c.token_hash == _hash(token))
    ).one_or_none()
    if row is None or not row.active:
        return None
    idle = now_ms - row.seen_ms > timeouts.idle_s * 1000
    old = now_ms - row.created_ms > (timeouts.half_s if row.needs else timeouts.absolute_s) * 1000
    if idle or old:
        return None
    return Session(row.token_hash, row.user, row.created_ms, row.seen_ms, row.needs)


def good(timeouts: Timeouts, *, now_ms: int) -> Select[Any]:
    """Every session that is good now and lacks nothing, joined with its user."""
    return (
        select(sessions)
        .join(users, users.c.name == sessions.c.user)
        .where(
            users.c.active,
            sessions.c.needs == "",
            sessions.c.seen_ms >= now_ms - round(timeouts.idle_s * 1000),
            sessions.c.created_ms >= now_ms - round(timeouts.absolute_s * 1000),
        )
    )


def touch(conn: Connection, session: Session, *, now_ms: int) -> None:
    """Note that the session was used."""
    conn.execute(update(sessions).where(sessions.c.token_hash == session.token_hash).values(seen_ms=now_ms))


def end(conn: Connection, token: str) -> None:
    """End the session of a token. Idempotent."""
    conn.execute(delete(sessions).where(sessions.c.token_hash == _hash(token)))


def end_all(conn: Connection, user: str) -> None:
    """End every session of a user."""
    conn.execute(delete(sessions).where(sessions.c.user == user))


def sweep(conn: Connection, timeouts: Timeouts, *, now_ms: int) -> None:
    """Forget sessions that are over."""
    conn.execute(
        delete(sessions).where(
            (sessions.c.seen_ms < now_ms - round(timeouts.idle_s * 1000))
            | (sessions.c.created_ms < now_ms - round(timeouts.absolute_s * 1000))
        )
    )


def csrf_token(token: str) -> str:
    """What a page must send with every change: it follows from the session's token, which no other page can read."""
    return hashlib.sha256(b"siaga csrf " + token.encode()).hexdigest()


def csrf_fits(token: str, given: str) -> bool:
    """Whether the token that came with a change is the session's."""
    return hmac.compare_digest(csrf_token(token).encode(), given.encode())


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
