"""What broker and hub are told of trust: when a gateway comes or goes, and every day anew."""

from __future__ import annotations

import ipaddress
import logging
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Connection, func, select

from contract.whole_file import write_bytes
from hub.fleet import trust
from hub.fleet.trust import Ending, Key
from provisioning import broker, crl
from provisioning.ca import Authority
from provisioning.cutting import cut
from provisioning.enrolment import revoked, trusted
from provisioning.register import Register, certificates, gateways
from provisioning.settings import City

log = logging.getLogger(__name__)

RELOAD_S = 20.0
WATCHED_S = (1.5, 2.0)
"""Where something watches the folder instead of a command, the broker knows some time later: a connection is ended
after so many seconds, and once more for the case that it was too soon."""


class Door:
    """Writes access list, lists of revoked certificates and the hub's file, and lets the broker read them.

    Args:
        folder: of the issuing authority.
    """

    def __init__(self, folder: Path, city: City, register: Register) -> None:
        self._folder = folder
        self._city = city
        self._register = register

    def tell(self, *, now_ms: int, cut_off: Iterable[str] = ()) -> None:
        """From now on broker and hub know who is trusted. Idempotent.

        Args:
            cut_off: gateways whose present connection is ended, for its certificate counts no more.

        Raises:
            OSError: the files cannot be written, the broker cannot be told, or a connection could not be ended.
        """
        self.write(now_ms=now_ms)
        self._reload()
        gateways = list(cut_off)
        for wait_s in (0.0,) if self._city.broker.reload else WATCHED_S:
            for gateway in gateways:
                time.sleep(wait_s)
                self._cut(gateway)

    def write(self, *, now_ms: int) -> None:
        """Write the files, for a broker that is started with them or watches them. Idempotent.

        Raises:
            OSError: they cannot be written.
        """
        # Within the transaction, so that of two at once the later one also writes later.
        with self._register.transaction() as conn:
            self._write(conn, Authority.load(self._folder), now_ms)

    def _write(self, conn: Connection, authority: Authority, now_ms: int) -> None:
        """The hub's file first: it asks nobody, so it is in force even where the broker cannot be told."""
        lists = crl.issue(conn, authority, now_ms=now_ms)
        told = trust.Trust(
            written_ms=now_ms,
            list_ends_ms=lists.ends_ms,
            revoked=tuple(revoked(conn)),
            endings=(*_gateways(conn), *self._others(authority)),
            keys=tuple(_keys(conn, now_ms)),
        )
        settings = self._city.broker
        write_bytes(settings.trust, trust.encode(told), mode=0o644)
        broker.write_crl(settings.folder, lists.pem)
        broker.write_acl(settings.folder, trusted(conn))

    def _others(self, authority: Authority) -> Iterator[Ending]:
        """The certificates that persons renew, each as the one who shows it has it."""
        settings = self._city.broker
        copied = settings.folder / broker.CERTIFICATE
        shown = copied if copied.exists() else settings.certificate
        for name, path in (("broker", shown), ("enrolment", self._city.enrolment.certificate)):
            if not path.exists():
                continue  # not every city lets its gateways enrol on this machine
            yield Ending(name, "service", _ends_ms(x509.load_pem_x509_certificate(path.read_bytes())))
        yield Ending("authority", "authority", _ends_ms(authority.signer.certificate))
        yield Ending("root", "root", _ends_ms(authority.root))

    def _reload(self) -> None:
        command = self._city.broker.reload
        if not command:
            return
        try:
            subprocess.run(command, check=True, timeout=RELOAD_S, capture_output=True)
        except subprocess.SubprocessError as error:
            raise OSError(f"the broker was not told: {error}") from error

    def _cut(self, gateway: str) -> None:
        began_s = time.monotonic()
        settings = self._city.broker
        cut(Authority.load(self._folder), gateway, _reached(settings.listen), settings.port)
        log.info("connection.cut gateway=%s ms=%d", gateway, (time.monotonic() - began_s) * 1000)


def _gateways(conn: Connection) -> Iterator[Ending]:
    """Of each trusted gateway the certificate that it has longest; one that it has not got yet is as good."""
    query = (
        select(gateways.c.id, func.max(certificates.c.ends_ms).label("ends_ms"))
        .join_from(gateways, certificates)
        .where(gateways.c.trusted == 1, certificates.c.revoked_ms.is_(None))
        .group_by(gateways.c.id)
        .order_by(gateways.c.id)
    )
    for row in conn.execute(query):
        yield Ending(row.id, "gateway", row.ends_ms)


def _keys(conn: Connection, now_ms: int) -> Iterator[Key]:
    """Of each trusted gateway the keys of its certificates that have not ended."""
    query = (
        select(certificates.c.gateway, certificates.c.pem, certificates.c.ends_ms)
        .join_from(certificates, gateways)
        .where(gateways.c.trusted == 1, certificates.c.revoked_ms.is_(None), certificates.c.ends_ms > now_ms)
        .order_by(certificates.c.gateway, certificates.c.ends_ms)
    )
    for row in conn.execute(query):
        yield Key(row.gateway, public(row.pem.encode()), row.ends_ms)


def public(certificate: bytes) -> str:
    """The key of a gateway's certificate in PEM, as the hub is told it."""
    key = x509.load_pem_x509_certificate(certificate).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)  # no other is ever signed (provisioning/requests.py)
    return key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint).hex()


def _reached(listen: str) -> str:
    """Where the broker of this machine is reached that listens there."""
    address = ipaddress.ip_address(listen)
    if not address.is_unspecified:
        return listen
    return "127.0.0.1" if address.version == 4 else "::1"


def _ends_ms(certificate: x509.Certificate) -> int:
    return int(certificate.not_valid_after_utc.timestamp() * 1000)
