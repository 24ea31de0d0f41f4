"""The lists of revoked certificates (CRL), one of each issuing authority whose certificates may still be in use."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import Connection, select

from provisioning import certificates as made
from provisioning.ca import Authority
from provisioning.certificates import Signer
from provisioning.register import certificates


@dataclass(frozen=True, slots=True)
class Lists:
    """All of them as they are now, in PEM, and when the first of them ends."""

    pem: bytes
    ends_ms: int


def issue(conn: Connection, authority: Authority, *, now_ms: int) -> Lists:
    """New lists of all that is revoked in the register."""
    now = _time(now_ms)
    signers = [one for one in authority.former() if one.certificate.not_valid_after_utc > now]
    lists = [
        made.revocation_list(one, _revoked(conn, one, now_ms), now=now)
        for one in (authority.signer, *signers)
    ]
    ends = min(one.next_update_utc for one in lists if one.next_update_utc is not None)
    return Lists(made.pem(*lists), int(ends.timestamp() * 1000))


def _revoked(conn: Connection, signer: Signer, now_ms: int) -> list[tuple[int, dt.datetime]]:
    """What has ended anyway is left out, but not sooner than a clock may be wrong by."""
    query = select(certificates.c.serial, certificates.c.revoked_ms).where(
        certificates.c.issuer == f"{signer.certificate.serial_number:x}",
        certificates.c.revoked_ms.is_not(None),
        certificates.c.ends_ms > now_ms - round(made.BACKDATED.total_seconds() * 1000),
    )
    return [(int(row.serial, 16), _time(row.revoked_ms)) for row in conn.execute(query)]


def _time(at_ms: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(at_ms // 1000, dt.UTC)
