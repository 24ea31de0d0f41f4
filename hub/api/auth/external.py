"""Users whom an issuer vouches for: made at their first login, with the roles that the issuer's groups give now."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from hub.api import audit
from hub.api.auth import sessions, users
from hub.api.auth.invitations import NO_PASSWORD
from hub.api.auth.oidc import NotVouchedError, Vouched
from hub.api.tables import external_users


def admit(conn: Connection, person: Vouched, *, now_ms: int) -> str | None:
    """The user of that name with the roles of now; None where they may not come in, which is on record.

    A user with the same name and a password is somebody else: an issuer takes nobody's login over.
    """
    known = of_subject(conn, person)
    try:
        if known is None:
            return _first_time(conn, person, now_ms)
        return _again(conn, known, person, now_ms)
    except (users.UserError, NotVouchedError) as error:
        detail = {"issuer": person.issuer, "subject": person.subject, "why": error.message}
        audit.record(conn, known or person.name or "?", "login.refused", known or "?", detail, now_ms=now_ms)
        return None


def of_subject(conn: Connection, person: Vouched) -> str | None:
    """The user whom the issuer means by this subject."""
    query = select(external_users.c.user).where(
        external_users.c.issuer == person.issuer, external_users.c.subject == person.subject
    )
    return conn.execute(query).scalar()


def is_external(conn: Connection, name: str) -> bool:
    """Whether an issuer vouches for this user."""
    return (
        conn.execute(select(external_users.c.user).where(external_users.c.user == name)).first() is not None
    )


def _first_time(conn: Connection, person: Vouched, now_ms: int) -> str:
    if not person.roles:
        raise NotVouchedError("no group of theirs gives a role")
    user = users.add(
        conn, person.name, person.full_name, person.roles, NO_PASSWORD, actor=person.issuer, now_ms=now_ms
    )
    conn.execute(insert(external_users).values(issuer=person.issuer, subject=person.subject, user=user.name))
    return user.name


def _again(conn: Connection, name: str, person: Vouched, now_ms: int) -> str:
    user = users.get(conn, name)
    if not person.roles:
        # What they still have open was given to roles that they have no longer.
        sessions.end_all(conn, name)
        raise NotVouchedError("no group of theirs gives a role any more")
    if not user.active:
        raise NotVouchedError("an administrator lets them in no more")
    if user.roles != person.roles:
        users.change(conn, name, actor=person.issuer, now_ms=now_ms, roles=person.roles)
    return name
