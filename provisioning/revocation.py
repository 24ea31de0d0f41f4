"""Taking trust away again. Plain functions on the register."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from hub.api import audit
from provisioning import claims
from provisioning.enrolment import revoke_all
from provisioning.errors import NameRefused
from provisioning.register import gateways


def revoke(conn: Connection, gateway: str, reason: str, *, now_ms: int, actor: str) -> int:
    """From now on a gateway is trusted no more: certificates, claims, its place in the broker's list. A new claim lets
    it, or the board in its place, in again. Returns how many certificates were revoked; idempotent.

    Raises:
        NameRefused: nobody has heard of that gateway.
    """
    if conn.execute(select(gateways.c.id).where(gateways.c.id == gateway)).first() is None:
        raise NameRefused(f"no gateway is called {gateway!r}", "siaga-provision claim list shows them")
    revoked = revoke_all(conn, gateway, reason, now_ms=now_ms)
    ended = claims.revoke(conn, gateway, now_ms=now_ms, actor=actor)
    conn.execute(update(gateways).where(gateways.c.id == gateway).values(trusted=0, since_ms=now_ms))
    detail: dict[str, audit.Scalar] = {"reason": reason, "certificates": revoked, "claims": ended}
    audit.record(conn, actor, "revoke", gateway, detail, now_ms=now_ms)
    return revoked
