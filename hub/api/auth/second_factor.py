"""The second factor: codes of six digits that a telephone makes every 30 seconds (TOTP, RFC 6238), and recovery codes.

A code is good for its own half minute and the ones before and after, and once only: neither it nor an older one is
taken again. The secret must be readable to make the same codes, so it lies in SQL as it is; whoever can read the
hub's database can read it. Recovery codes are stored as hashes, and each works once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Literal

import pyotp
from sqlalchemy import Connection, delete, func, insert, select, update

from hub.api.auth.roles import SECOND_FACTOR
from hub.api.auth.sessions import Needs
from hub.api.auth.users import User
from hub.api.tables import recovery_codes, second_factors
from hub.db import upsert

STEP_S = 30
DRIFT_STEPS = 1
"""How many steps a telephone's clock may be off."""

RECOVERY_CODES = 10
NEVER = -1

How = Literal["code", "recovery"]
"""By what a person has proved their second factor."""

_CODE = re.compile(r"[0-9]{6}\Z")


@dataclass(frozen=True, slots=True)
class Factor:
    """A user's second factor that is in use: since when, and how many recovery codes are left."""

    since_ms: int
    recovery_left: int


def find(conn: Connection, user: str) -> Factor | None:
    """The user's second factor; None where there is none, or one that no code has proved yet."""
    row = conn.execute(
        select(second_factors).where(second_factors.c.user == user, second_factors.c.secret.is_not(None))
    ).one_or_none()
    if row is None:
        return None
    left = select(func.count()).select_from(recovery_codes).where(recovery_codes.c.user == user)
    return Factor(row.since_ms, conn.execute(left).scalar_one())


def needed(conn: Connection, user: User) -> Needs:
    """What a session of this user lacks after the password."""
    if find(conn, user.name) is not None:
        return "code"
    return "enrolment" if user.roles & SECOND_FACTOR else ""


def begin(conn: Connection, user: str, *, now_ms: int) -> str:
    """A new secret, which replaces one that is in use when ``confirm`` has seen a code of it; not before."""
    secret = pyotp.random_base32()
    values = {"user": user, "pending": secret, "last_step": NEVER, "since_ms": now_ms}
    upsert(conn, second_factors, values, key=["user"], update=["pending"])
    return secret


def pending(conn: Connection, user: str) -> str | None:
    """The secret that waits for its first code; None where nothing was begun."""
    found = conn.execute(select(second_factors.c.pending).where(second_factors.c.user == user)).scalar()
    return None if found is None else str(found)


def confirm(conn: Connection, user: str, code: str, *, now_ms: int) -> list[str] | None:
    """Take the pending secret into use if the code is one of it.

    Returns:
        New recovery codes, which are nowhere else in clear and end the old ones; None where the code does not fit.
    """
    secret = pending(conn, user)
    step = None if secret is None else _step(secret, _plain(code), now_ms)
    if step is None:
        return None
    conn.execute(
        update(second_factors)
        .where(second_factors.c.user == user)
        .values(secret=secret, pending=None, last_step=step, since_ms=now_ms)
    )
    conn.execute(delete(recovery_codes).where(recovery_codes.c.user == user))
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    conn.execute(insert(recovery_codes), [{"user": user, "code_hash": _hash(one)} for one in codes])
    return codes


def take(conn: Connection, user: str, code: str, *, now_ms: int) -> How | None:
    """Use a code up; None where it is none, or was used already. Within one transaction nobody else can use it."""
    given = _plain(code)
    row = conn.execute(select(second_factors).where(second_factors.c.user == user)).one_or_none()
    if row is None or row.secret is None:
        return None
    step = _step(row.secret, given, now_ms)
    if step is not None:
        newer = update(second_factors).where(second_factors.c.user == user, second_factors.c.last_step < step)
        return "code" if conn.execute(newer.values(last_step=step)).rowcount else None
    used = delete(recovery_codes).where(
        recovery_codes.c.user == user, recovery_codes.c.code_hash == _hash(given)
    )
    return "recovery" if conn.execute(used).rowcount else None


def remove(conn: Connection, user: str) -> None:
    """Forget a user's second factor: their next login enrols a new one where the role needs it. Idempotent."""
    conn.execute(delete(recovery_codes).where(recovery_codes.c.user == user))
    conn.execute(delete(second_factors).where(second_factors.c.user == user))


def address_for_telephones(secret: str, user: str, city: str) -> str:
    """The ``otpauth://`` address that authenticator apps read from a QR code."""
    return pyotp.TOTP(secret, interval=STEP_S).provisioning_uri(name=user, issuer_name=f"Siaga {city}")


def _step(secret: str, code: str, now_ms: int) -> int | None:
    """The step whose code this is, of those that are good now; the newest where two have the same code."""
    if not _CODE.match(code):
        return None
    codes, now = pyotp.TOTP(secret, interval=STEP_S), now_ms // 1000 // STEP_S
    fitting = [
        step
        for step in range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1)
        if hmac.compare_digest(codes.generate_otp(step), code)
    ]
    return max(fitting, default=None)


def _recovery_code() -> str:
    """80 random bits, in groups that a person can copy."""
    text = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def _plain(code: str) -> str:
    """What was typed, without what people put between."""
    return re.sub(r"[\s-]", "", code).lower()


def _hash(code: str) -> str:
    return hashlib.sha256(_plain(code).encode()).hexdigest()
