"""Claims: who may enrol as which gateway, once and soon. Plain functions on the register."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from contract.claim import new_token
from contract.topics import check_cell
from hub.api import audit
from provisioning.errors import ClaimRefused
from provisioning.names import check_gateway_name
from provisioning.register import claims, gateways

LONGEST_H = 24
HOUR_MS = 3_600_000
SHOWN = 12
"""Digits of a token's hash by which people name a claim."""


@dataclass(frozen=True, slots=True)
class Site:
    """Whom a claim is for: a gateway's id, its cell (0 to 63) and its site."""

    gateway: str
    cell: int
    site: str

    def __post_init__(self) -> None:
        check_gateway_name(self.gateway)
        check_cell(self.cell)
        if not self.site:
            raise ClaimRefused("a claim needs a site", "as in region.toml")


@dataclass(frozen=True, slots=True)
class Listed:
    """A claim as people see it; its state is open, used, expired or revoked."""

    id: str
    gateway: str
    site: str
    state: str
    expires_ms: int


def token_hash(token: str) -> str:
    """What is kept of a token. It is random and long, so a plain hash cannot be guessed back."""
    return hashlib.sha256(token.encode()).hexdigest()


def add(conn: Connection, at: Site, *, hours: float, now_ms: int, actor: str) -> str:
    """A new claim for a gateway; its token, which is shown now and never again. Open ones of it end.

    Raises:
        ClaimRefused: it would live longer than a day, or the gateway is known with another cell or site.
    """
    if not 0 < hours <= LONGEST_H:
        raise ClaimRefused(f"{hours:g} hours is no life for a claim", f"at most {LONGEST_H}")
    _know(conn, at, now_ms)
    ended = revoke(conn, at.gateway, now_ms=now_ms, actor=actor)
    token = new_token()
    expires_ms = now_ms + round(hours * HOUR_MS)
    values = {"created_ms": now_ms, "expires_ms": expires_ms}
    conn.execute(insert(claims).values(token_hash=token_hash(token), gateway=at.gateway, **values))
    detail: dict[str, audit.Scalar] = {"site": at.site, "cell": at.cell, "expires_ms": expires_ms}
    detail |= {"id": token_hash(token)[:SHOWN], "ended": ended}
    audit.record(conn, actor, "claim-add", at.gateway, detail, now_ms=now_ms)
    return token


def take(conn: Connection, token: str, gateway: str, key_hash: str, *, now_ms: int) -> bool:
    """Use a claim up for this gateway and key; whether it was open. Of any number at once, one gets True."""
    taken = conn.execute(
        update(claims)
        .where(
            claims.c.token_hash == token_hash(token),
            claims.c.gateway == gateway,
            claims.c.used_ms.is_(None),
            claims.c.revoked_ms.is_(None),
            claims.c.expires_ms > now_ms,
        )
        .values(used_ms=now_ms, key_hash=key_hash)
    )
    return taken.rowcount == 1


def taken_by(conn: Connection, token: str, gateway: str, key_hash: str, *, now_ms: int) -> bool:
    """Whether this very key has used that claim and it would still be open: its answer may have been lost."""
    found = select(claims.c.gateway).where(
        claims.c.token_hash == token_hash(token),
        claims.c.gateway == gateway,
        claims.c.key_hash == key_hash,
        claims.c.revoked_ms.is_(None),
        claims.c.expires_ms > now_ms,
    )
    return conn.execute(found).first() is not None


def revoke(conn: Connection, gateway: str, *, now_ms: int, actor: str) -> int:
    """End every open claim of a gateway; how many there were."""
    ended = conn.execute(
        update(claims)
        .where(
            claims.c.gateway == gateway,
            claims.c.used_ms.is_(None),
            claims.c.revoked_ms.is_(None),
            claims.c.expires_ms > now_ms,
        )
        .values(revoked_ms=now_ms)
    ).rowcount
    if ended:
        audit.record(conn, actor, "claim-revoke", gateway, {"claims": ended}, now_ms=now_ms)
    return ended


def listed(conn: Connection, *, now_ms: int) -> list[Listed]:
    """Every claim, the newest first; never a token."""
    query = (
        select(claims, gateways.c.site)
        .join_from(claims, gateways)
        .order_by(claims.c.created_ms.desc(), claims.c.token_hash)
    )
    found = []
    for row in conn.execute(query):
        state = "open" if row.expires_ms > now_ms else "expired"
        if row.revoked_ms is not None:
            state = "revoked"
        if row.used_ms is not None:
            state = "used"
        found.append(Listed(row.token_hash[:SHOWN], row.gateway, row.site, state, row.expires_ms))
    return found


def _know(conn: Connection, at: Site, now_ms: int) -> None:
    """Put the gateway into the register, or see that it is there with the same cell and site."""
    known = conn.execute(select(gateways).where(gateways.c.id == at.gateway)).one_or_none()
    if known is None:
        values = {"cell": at.cell, "site": at.site, "trusted": 0, "since_ms": now_ms}
        conn.execute(insert(gateways).values(id=at.gateway, **values))
    elif (known.cell, known.site) != (at.cell, at.site):
        raise ClaimRefused(
            f"{at.gateway} is of cell {known.cell}, site {known.site}",
            "a gateway at another site is another gateway: give it a new id",
        )
