"""Who gets a certificate: by a claim at first, by the certificate before at each renewal. Decides, signs and records.

Everything of one enrolment is one transaction of the register: a claim is used up exactly when its certificate is on
record, and a gateway whose answer was lost asks again with the same key and gets the same certificate.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Connection, insert, select, update

from hub.api import audit
from provisioning import certificates as made
from provisioning import claims, requests
from provisioning.acl import Enrolled
from provisioning.ca import Authority
from provisioning.certificates import CLIENT, LEAF_DAYS
from provisioning.errors import NotAllowed
from provisioning.register import Register, certificates, gateways

DAY_MS = 86_400_000
LATE_DAYS = 30
"""A certificate that has ended still proves whose it was for so long."""

AGAIN_MS = DAY_MS
"""A key that got its certificate within this time may ask for it again."""

EARLIEST = 1 / 3
"""Part of a certificate's life before which there is no next one."""

SUPERSEDED = "superseded"


class Enrolment:
    """Gives out certificates of the city in that folder.

    Args:
        changed: called after a commit by which broker and hub must learn of a gateway, with those whose former
            certificate counts no more.
    """

    def __init__(self, folder: Path, register: Register, *, changed: Callable[[Sequence[str]], None]) -> None:
        self._folder = folder
        self._register = register
        self._changed = changed

    def chain(self) -> list[x509.Certificate]:
        """Whom gateways trust: the root, and the issuing authority below it."""
        authority = Authority.load(self._folder)
        return [authority.root, authority.signer.certificate]

    def enrol(self, request: requests.Request, token: str, *, address: str, now_ms: int) -> bytes:
        """The first certificate of a gateway, or of the board that replaces it; in PEM, with the issuing
        authority's. Certificates that the id had before are revoked.

        Raises:
            NotAllowed: the claim is not open for this gateway.
        """
        with self._register.transaction() as conn:
            gateway, key_hash = request.gateway, request.key_hash
            if not claims.take(conn, token, gateway, key_hash, now_ms=now_ms):
                if not claims.taken_by(conn, token, gateway, key_hash, now_ms=now_ms):
                    raise NotAllowed
                return _again(conn, request, now_ms)
            before = revoke_all(conn, gateway, SUPERSEDED, now_ms=now_ms)
            conn.execute(update(gateways).where(gateways.c.id == gateway).values(trusted=1, since_ms=now_ms))
            pem = self._issue(conn, request, now_ms)
            detail: dict[str, audit.Scalar] = {"address": address, "key": key_hash, "superseded": before}
            audit.record(conn, "claim", "enrol", gateway, detail, now_ms=now_ms)
        self._changed([gateway] if before else [])
        return pem

    def renew(self, request: requests.Request, shown: bytes, *, address: str, now_ms: int) -> bytes:
        """The next certificate of a gateway that shows the one it has, with a fresh key.

        Args:
            shown: the certificate that it proved to hold, in DER; of this city, but perhaps ended.

        Raises:
            NotAllowed: it is not of this gateway, not on record, revoked, or ended too long ago; or the key is not
                fresh, or it is too early.
        """
        old = x509.load_der_x509_certificate(shown)
        with self._register.transaction() as conn:
            known = conn.execute(
                select(certificates, gateways.c.trusted)
                .join_from(certificates, gateways)
                .where(certificates.c.serial == f"{old.serial_number:x}")
            ).one_or_none()
            if known is None or known.gateway != request.gateway or not known.trusted:
                raise NotAllowed
            if known.revoked_ms is not None or now_ms > known.ends_ms + LATE_DAYS * DAY_MS:
                raise NotAllowed
            used = select(certificates.c.serial).where(certificates.c.key_hash == request.key_hash)
            if conn.execute(used).first() is not None:
                return _again(conn, request, now_ms)
            # A gateway whose clock runs years ahead would else ask each hour.
            if now_ms < known.issued_ms + (known.ends_ms - known.issued_ms) * EARLIEST:
                raise NotAllowed
            pem = self._issue(conn, request, now_ms)
            detail: dict[str, audit.Scalar] = {"address": address, "key": request.key_hash}
            detail |= {"shown": known.serial, "late": now_ms > known.ends_ms}
            audit.record(conn, "gateway", "renew", request.gateway, detail, now_ms=now_ms)
        return pem

    def _issue(self, conn: Connection, request: requests.Request, now_ms: int) -> bytes:
        authority = Authority.load(self._folder)
        now = dt.datetime.fromtimestamp(now_ms // 1000, dt.UTC)
        lasts = dt.timedelta(days=LEAF_DAYS)
        leaf = made.leaf(authority.signer, request.gateway, request.key, CLIENT, now=now, lasts=lasts)
        pem = made.pem(leaf, authority.signer.certificate)
        record(conn, leaf, authority, pem, now_ms=now_ms)
        return pem


def record(
    conn: Connection, leaf: x509.Certificate, authority: Authority, pem: bytes, *, now_ms: int
) -> None:
    """Put a gateway's certificate on record, so that it can be renewed and revoked."""
    key = leaf.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    values = {
        "serial": f"{leaf.serial_number:x}",
        "gateway": made.common_name(leaf),
        "issuer": f"{authority.signer.certificate.serial_number:x}",
        "key_hash": requests.key_hash(key),
        "issued_ms": now_ms,
        "ends_ms": int(leaf.not_valid_after_utc.timestamp() * 1000),
        "pem": pem.decode(),
    }
    conn.execute(insert(certificates).values(values))


def revoke_all(conn: Connection, gateway: str, reason: str, *, now_ms: int) -> int:
    """Revoke every certificate of a gateway that is not yet; how many."""
    return conn.execute(
        update(certificates)
        .where(certificates.c.gateway == gateway, certificates.c.revoked_ms.is_(None))
        .values(revoked_ms=now_ms, reason=reason)
    ).rowcount


def trusted(conn: Connection) -> list[Enrolled]:
    """Every gateway that the broker lets speak."""
    rows = conn.execute(select(gateways.c.id, gateways.c.cell).where(gateways.c.trusted == 1))
    return [Enrolled(row.id, row.cell) for row in rows]


def revoked(conn: Connection) -> list[str]:
    """Every gateway that was trusted once and is no more."""
    query = (
        select(gateways.c.id)
        .where(gateways.c.trusted == 0, certificates.c.gateway == gateways.c.id)
        .distinct()
        .order_by(gateways.c.id)
    )
    return list(conn.scalars(query))


def _again(conn: Connection, request: requests.Request, now_ms: int) -> bytes:
    """The certificate that this key has got already; its answer was lost."""
    row = conn.execute(
        select(certificates.c.pem).where(
            certificates.c.key_hash == request.key_hash,
            certificates.c.gateway == request.gateway,
            certificates.c.revoked_ms.is_(None),
            certificates.c.issued_ms > now_ms - AGAIN_MS,
        )
    ).first()
    if row is None:
        raise NotAllowed
    return str(row.pem).encode()
