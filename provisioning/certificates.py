"""What stands in a certificate of the city, of each kind. Pure: takes keys and times, returns certificates.

Three levels: a root that everybody trusts and that is kept offline; an issuing authority below it, which can be
replaced without telling anybody; and what that one issues. All keys are EC P-256.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from provisioning.errors import AuthorityError

BACKDATED = dt.timedelta(days=2)
"""A gateway without a clock battery may believe in a somewhat earlier day, so validity begins before
today."""

ROOT_DAYS = 20 * 365
ISSUING_DAYS = 3 * 365
SERVICE_DAYS = 397
"""Of broker and hub, whose certificates a person renews."""

LEAF_DAYS = 90
"""Of gateways, which renew theirs."""

LIST_DAYS = 30
"""Of a list of revoked certificates. When the last one has ended, the broker lets nobody in."""

LIST_BACKDATED = dt.timedelta(hours=1)
"""A broker whose clock is a little behind would take a list of now for one of the future, and let nobody in."""

SERVER = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
SOFTWARE = ExtendedKeyUsageOID.CODE_SIGNING

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
"""What a certificate may be for: P-256, or Ed25519 for who signs software."""

_NO_USE = {
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "encipher_only": False,
    "decipher_only": False,
}


@dataclass(frozen=True, slots=True)
class Signer:
    """A certificate that may sign others, with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def fits(self) -> bool:
        """Whether key and certificate belong together."""
        return self.key.public_key() == self.certificate.public_key()


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh key."""
    return ec.generate_private_key(ec.SECP256R1())


def new_root(name: str, now: dt.datetime) -> Signer:
    """The root of a city, signed by itself."""
    key = new_key()
    subject = _subject(name)
    builder = _builder(subject, subject, key.public_key(), now, now + dt.timedelta(days=ROOT_DAYS))
    return Signer(_authority(builder, levels_below=1).sign(key, hashes.SHA256()), key)


def new_issuing(root: Signer, now: dt.datetime) -> Signer:
    """An issuing authority below the root, with a key and a name of its own.

    Each has its own name: whoever checks finds the list of revoked certificates by the name of their issuer.
    """
    key = new_key()
    number = x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest.hex()[:8]
    root_name = root.certificate.subject
    subject = _subject(f"{common_name(root.certificate)} issuing {number}")
    ends = min(now + dt.timedelta(days=ISSUING_DAYS), root.certificate.not_valid_after_utc)
    builder = _builder(subject, root_name, key.public_key(), now, ends)
    builder = _signed_by(_authority(builder, levels_below=0), root)
    return Signer(builder.sign(root.key, hashes.SHA256()), key)


def leaf(
    signer: Signer,
    name: str,
    key: PublicKey,
    usage: x509.ObjectIdentifier,
    *,
    now: dt.datetime,
    lasts: dt.timedelta,
    hosts: Iterable[str] = (),
) -> x509.Certificate:
    """A certificate for one party; it never outlives its issuer.

    Args:
        usage: SERVER, CLIENT or SOFTWARE; a gateway's certificate must not pass for a broker's, nor the broker's for
            a gateway's.
        hosts: names and addresses under which a server is reached.

    Raises:
        AuthorityError: the issuer itself has ended.
    """
    ends = min(now + lasts, signer.certificate.not_valid_after_utc)
    if ends <= now:
        raise AuthorityError(
            f"{common_name(signer.certificate)} has ended", "make the next one: siaga-provision ca renew"
        )
    builder = (
        _signed_by(_builder(_subject(name), signer.certificate.subject, key, now, ends), signer)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=False, crl_sign=False, **_NO_USE),
            critical=True,
        )
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    )
    names = [_general_name(host) for host in hosts]
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signer.key, hashes.SHA256())


def revocation_list(
    signer: Signer, revoked: Iterable[tuple[int, dt.datetime]], *, now: dt.datetime
) -> x509.CertificateRevocationList:
    """The signer's list of revoked certificates: each with its serial number and since when."""
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key())
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(signer.certificate.subject)
        .last_update(now - LIST_BACKDATED)
        .next_update(now + dt.timedelta(days=LIST_DAYS))
        # A number that only grows; the time of issue does.
        .add_extension(x509.CRLNumber(int(now.timestamp() * 1000)), critical=False)
        .add_extension(identifier, critical=False)
    )
    for serial, since in revoked:
        one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since).build()
        builder = builder.add_revoked_certificate(one)
    return builder.sign(signer.key, hashes.SHA256())


def common_name(certificate: x509.Certificate) -> str:
    """Whose certificate it is."""
    (attribute,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(attribute.value)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the whole certificate, in hex: by it a root is known before it is trusted."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def pem(*certificates: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    """Certificates as a chain in PEM, in that order; or lists of revoked ones."""
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def key_pem(key: ec.EllipticCurvePrivateKey, passphrase: bytes | None = None) -> bytes:
    """A key in PEM, encrypted where there is a passphrase."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        encryption = serialization.BestAvailableEncryption(passphrase)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def _authority(builder: x509.CertificateBuilder, *, levels_below: int) -> x509.CertificateBuilder:
    return builder.add_extension(
        x509.BasicConstraints(ca=True, path_length=levels_below), critical=True
    ).add_extension(
        x509.KeyUsage(digital_signature=False, key_cert_sign=True, crl_sign=True, **_NO_USE), critical=True
    )


def _signed_by(builder: x509.CertificateBuilder, signer: Signer) -> x509.CertificateBuilder:
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key())
    return builder.add_extension(identifier, critical=False)


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, now: dt.datetime, ends: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )
