"""How a gateway gets its certificate: by a claim at first, later by the certificate before.

The key is made here and never leaves. With a claim the service is trusted by the fingerprint of its root, before any
clock is right; what the service says of the time is told and never used. All calls block; ``cryptography`` is loaded
by the first of them, because a gateway that runs needs it for a second every two months.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from contract.claim import Claim
from contract.whole_file import write_bytes
from edge import identity
from edge.clock import Clock
from edge.config import Config
from edge.errors import EnrolmentError, EnrolmentRefused

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

log = logging.getLogger(__name__)

EST = "/.well-known/est"
TIMEOUT_S = 20.0
LARGEST_BYTES = 64 * 1024
FAR_MS = 5 * 60_000


@dataclass(frozen=True, slots=True)
class Service:
    """The enrolment service as one connection sees it."""

    url: str
    context: ssl.SSLContext
    clock: Clock

    def ask(self, what: str, request: bytes | None = None, *, password: str = "") -> list[x509.Certificate]:
        """GET, or POST a request in DER; the certificates of the answer.

        Raises:
            EnrolmentRefused: the service will not, whatever one does.
            EnrolmentError: no answer, or one that cannot be read. Later it may work.
        """
        headers = {"Content-Type": "application/pkcs10", "Content-Transfer-Encoding": "base64"}
        if password:
            word = base64.b64encode(f"siaga:{password}".encode()).decode()
            headers["Authorization"] = f"Basic {word}"
        body = None if request is None else base64.encodebytes(request)
        parts = urlsplit(self.url)
        connection = http.client.HTTPSConnection(
            parts.hostname or "", parts.port or 443, context=self.context, timeout=TIMEOUT_S
        )
        try:
            connection.request("GET" if body is None else "POST", f"{EST}/{what}", body, headers)
            answer = connection.getresponse()
            text = answer.read(LARGEST_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise EnrolmentError(
                "unreachable", f"{self.url}: {error!r}", "address, network, its certificate?"
            ) from error
        finally:
            connection.close()
        self._hint(answer.getheader("Date"))
        if answer.status == 200:
            return _read(text)
        said = text[:200].decode("utf-8", "replace").strip()
        if answer.status in (400, 401, 403):
            raise EnrolmentRefused("refused", f"{what}: {said}", "a new claim from the command room")
        raise EnrolmentError("unavailable", f"{what}: HTTP {answer.status} {said}", "it is tried again")

    def _hint(self, date: str | None) -> None:
        """Tell it when our clock is far from the service's; nothing is done about it here."""
        try:
            theirs = parsedate_to_datetime(date or "")
        except ValueError:
            return
        off_ms = self.clock.now_ms() - int(theirs.timestamp() * 1000)
        if abs(off_ms) > FAR_MS:
            log.warning("enrolment.clock_off seconds=%d hint=%s", off_ms // 1000, "is a time server reached?")


def enrol(config: Config, claim: Claim, clock: Clock) -> identity.Validity:
    """Get the first certificate. Safe to call again after any failure: the key is kept until it has one.

    Raises:
        EnrolmentRefused, EnrolmentError: as Service.ask; or the service is not the claim's.
    """
    gateway, place = config.gateway.id, config.broker.cert_file
    root = _root(Service(claim.url, _untrusting(), clock).ask("cacerts"), claim.fingerprint)
    root_pem = _pem([root])
    pending = place.with_name(place.name + ".pending")
    key = _kept_key(pending)
    service = Service(claim.url, _trusting(root_pem.decode(), clock), clock)
    chain = service.ask("simpleenroll", _request(gateway, key), password=claim.token)
    _check(chain, key, gateway, root)
    write_bytes(config.broker.ca_file, root_pem, mode=0o644)
    write_bytes(place, _key_pem(key) + _pem(chain), mode=0o600)
    pending.unlink()
    return identity.validity(place)


def renew(config: Config, clock: Clock) -> identity.Validity:
    """Get the next certificate with a fresh key, and put both in the place of the former. Safe to call again.

    Raises:
        EnrolmentRefused, EnrolmentError: as Service.ask. Refused, it is asked with another key the next time.
        CertificateError: what is there now cannot be used.
    """
    from cryptography import x509

    assert config.enrolment is not None
    place, root_pem = config.broker.cert_file, config.broker.ca_file.read_text(encoding="ascii")
    context = _trusting(root_pem, clock)
    try:
        context.load_cert_chain(place)
    except OSError as error:
        raise EnrolmentError("certificate", f"{place}: {error}", "enrol the gateway with a claim") from error
    pending = place.with_name(place.name + ".pending")
    key = _kept_key(pending)
    service = Service(config.enrolment.url, context, clock)
    try:
        chain = service.ask("simplereenroll", _request(config.gateway.id, key))
    except EnrolmentRefused:
        # It may be of this key, which has had its certificate: a power cut may have kept the file of it, or the answer
        # was lost and the line with it. The next try has a fresh one.
        pending.unlink(missing_ok=True)
        raise
    _check(chain, key, config.gateway.id, x509.load_pem_x509_certificate(root_pem.encode()))
    write_bytes(place, _key_pem(key) + _pem(chain), mode=0o600)
    pending.unlink()
    return identity.validity(place)


def _untrusting() -> ssl.SSLContext:
    """For the one question whose answer is checked by its fingerprint (RFC 7030, 4.1.1)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _trusting(root_pem: str, clock: Clock) -> ssl.SSLContext:
    """Trusts that root alone. Dates count only where our clock can judge them."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cadata=root_pem)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    identity.heed_dates(context, synced=clock.discipline().synced)
    return context


def _root(said: Sequence[x509.Certificate], fingerprint: str) -> x509.Certificate:
    from cryptography.hazmat.primitives.serialization import Encoding

    for one in said:
        if hashlib.sha256(one.public_bytes(Encoding.DER)).hexdigest() == fingerprint:
            return one
    raise EnrolmentRefused(
        "root",
        "the service there is not the one of this claim",
        "is the address right? Else somebody is between",
    )


def _read(text: bytes) -> list[x509.Certificate]:
    from cryptography.hazmat.primitives.serialization import pkcs7

    try:
        return pkcs7.load_der_pkcs7_certificates(base64.b64decode(text))
    except ValueError as error:
        raise EnrolmentError("answer", f"it cannot be read: {error}", "is this Siaga's service?") from error


def _kept_key(pending: Path) -> ec.EllipticCurvePrivateKey:
    """The key of a try that did not end, or a fresh one: an answer that was lost is given to the same key again."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        kept = load_pem_private_key(pending.read_bytes(), None)
        if isinstance(kept, ec.EllipticCurvePrivateKey):
            return kept
    except (OSError, ValueError, TypeError):
        pass  # none there, or a file that a power cut has left: a fresh key does as well
    key = ec.generate_private_key(ec.SECP256R1())
    write_bytes(pending, _key_pem(key), mode=0o600)
    return key


def _request(gateway: str, key: ec.EllipticCurvePrivateKey) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, gateway)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def _check(
    chain: list[x509.Certificate], key: ec.EllipticCurvePrivateKey, gateway: str, root: x509.Certificate
) -> None:
    """Put the gateway's own certificate first, and see that it is of our key, our name, and below the root.

    Raises:
        EnrolmentError: it is not.
    """
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    chain.sort(key=lambda one: one.public_key() != key.public_key())
    names = chain[0].subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME) if chain else []
    try:
        if [one.value for one in names] != [gateway] or chain[0].public_key() != key.public_key():
            raise ValueError("it is another's")
        for one, issuer in zip(chain, [*chain[1:], root], strict=True):
            one.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError) as error:
        raise EnrolmentError(
            "answer", f"the certificate is not ours: {error!r}", "tell the command room"
        ) from error


def _pem(certificates: list[x509.Certificate]) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
