"""What keeps strangers from guessing passwords: each failure counts, and too many cost time, more each time.

Three counts run side by side: for a user from one address, so that a stranger elsewhere cannot lock a person out
soon; for a user from anywhere, with a shorter wait; and for an address, whatever user it tries. A try counts as
failed before the password is looked at, so that tries at the same time count too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, delete, select

from hub.api.tables import login_failures
from hub.db import upsert

FORGET_MS = 24 * 3600 * 1000
"""Failures older than this are forgotten."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How many failures are free, and how long one must wait after more: doubled each time up to the most."""

    free: int
    first_s: float
    most_s: float

    def wait_ms(self, failures: int) -> int:
        """How long no try is taken after so many failures."""
        over = failures - self.free
        if over < 0:
            return 0
        wait_s: float = min(self.first_s * 2 ** min(over, 32), self.most_s)
        return round(wait_s * 1000)


Tried = Literal["password", "code"]
"""What is tried: codes of a second factor are counted apart, or the right password would forgive wrong codes."""

PAIR = Limit(free=5, first_s=30, most_s=3600)
USER = Limit(free=20, first_s=10, most_s=300)
ADDRESS = Limit(free=50, first_s=10, most_s=3600)
CODE = Limit(free=10, first_s=30, most_s=3600)
"""For codes of a user from anywhere. Who tries them has the password already, and one of six digits is soon found: at
24 tries a day, three codes good at a time, it takes 40 years for even odds."""


def begin(conn: Connection, user: str, address: str, *, now_ms: int, tried: Tried = "password") -> int:
    """Begin a try: count it as failed, or say how many milliseconds it must wait (and count nothing)."""
    limits = _limits(user, address, tried)
    counts = {}
    for key in limits:
        row = conn.execute(select(login_failures).where(login_failures.c.key == key)).one_or_none()
        if row is not None and row.blocked_ms > now_ms:
            return int(row.blocked_ms - now_ms)
        recent = row is not None and now_ms - row.last_ms <= FORGET_MS
        counts[key] = row.failures + 1 if row is not None and recent else 1
    for key, limit in limits.items():
        upsert(
            conn,
            login_failures,
            {
                "key": key,
                "failures": counts[key],
                "last_ms": now_ms,
                "blocked_ms": now_ms + limit.wait_ms(counts[key]),
            },
            key=["key"],
        )
    return 0


def succeed(conn: Connection, user: str, address: str, *, tried: Tried = "password") -> None:
    """The try was right: forget the failures of this user. The address keeps its count, less this try."""
    pair, anywhere, by_address = _limits(user, address, tried)
    conn.execute(delete(login_failures).where(login_failures.c.key.in_([pair, anywhere])))
    row = conn.execute(select(login_failures).where(login_failures.c.key == by_address)).one_or_none()
    if row is not None:
        values = {"key": by_address, "failures": max(row.failures - 1, 0), "last_ms": row.last_ms}
        upsert(conn, login_failures, {**values, "blocked_ms": 0}, key=["key"])


def sweep(conn: Connection, *, now_ms: int) -> None:
    """Forget old failures."""
    conn.execute(delete(login_failures).where(login_failures.c.last_ms < now_ms - FORGET_MS))


def _limits(user: str, address: str, tried: Tried) -> dict[str, Limit]:
    # Both come from outside; what is longer than a name or an address can be is none.
    user, address = user[:64].lower(), address[:64]
    kind = "" if tried == "password" else f"{tried} "
    return {
        f"{kind}pair {user} {address}": PAIR,
        f"{kind}user {user}": USER if tried == "password" else CODE,
        f"{kind}address {address}": ADDRESS,
    }
