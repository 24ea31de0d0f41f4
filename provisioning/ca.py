"""A certificate authority for one city: EC P-256, certificates for a broker, for gateways and for the hub.

Demo and tests make a throw-away one at each start; a city keeps one on a machine of its own.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from provisioning.errors import AuthorityError
from provisioning.files import write_bytes
from provisioning.names import check_gateway_name, check_hub_name

BACKDATED = dt.timedelta(days=2)
"""A gateway without a clock battery may believe in a somewhat earlier day, so validity begins before
today."""

AUTHORITY_DAYS = 3650
LEAF_DAYS = 90

_KEY_USAGE = {
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "encipher_only": False,
    "decipher_only": False,
}


@dataclass(frozen=True, slots=True)
class Identity:
    """The files of one party: its certificate, its key (mode 0600) and the certificate of the authority."""

    certificate: Path
    key: Path
    authority: Path


class Authority:
    """Signs what the city trusts. Made by ``create`` or ``load``.

    Its folder holds ``ca.pem``, ``ca.key`` and ``issued/NAME/{cert.pem,key.pem}``.
    """

    def __init__(self, folder: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self._folder = folder
        self._certificate = certificate
        self._key = key

    @classmethod
    def create(cls, folder: Path, *, name: str, now: dt.datetime | None = None) -> Authority:
        """Make a new authority in the folder.

        Raises:
            AuthorityError: the folder holds one already; it is never overwritten, for every certificate it
                has signed would be worthless at once.
        """
        if (folder / "ca.key").exists():
            raise AuthorityError(f"{folder} holds an authority already", "load it, or choose another folder")
        now = now or dt.datetime.now(dt.UTC)
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _subject(name)
        certificate = (
            _builder(subject, subject, key.public_key(), now, AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.KeyUsage(digital_signature=False, key_cert_sign=True, crl_sign=True, **_KEY_USAGE),
                critical=True,
            )
            .sign(key, hashes.SHA256())
        )
        write_bytes(folder / "ca.key", _key_pem(key), mode=0o600)
        write_bytes(folder / "ca.pem", certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)
        return cls(folder, certificate, key)

    @classmethod
    def load(cls, folder: Path) -> Authority:
        """Open the authority in the folder.

        Raises:
            AuthorityError: there is none, or its files cannot be read.
        """
        try:
            certificate = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
            key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), password=None)
        except (OSError, ValueError) as error:
            raise AuthorityError(
                f"no authority in {folder}: {error}", "make one with siaga-provision ca"
            ) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise AuthorityError(f"key and certificate in {folder} do not belong together")
        return cls(folder, certificate, key)

    @property
    def certificate(self) -> Path:
        """The authority's certificate, which everyone who connects trusts."""
        return self._folder / "ca.pem"

    def server(self, name: str, hosts: Iterable[str], *, now: dt.datetime | None = None) -> Identity:
        """A certificate for a server that is reached under these host names and addresses."""
        names = [_general_name(host) for host in hosts]
        return self._issue(name, ExtendedKeyUsageOID.SERVER_AUTH, names, now)

    def gateway(self, gateway: str, *, now: dt.datetime | None = None) -> Identity:
        """A client certificate whose common name is the gateway's id.

        Raises:
            NameRefused: the name may not stand in a certificate.
        """
        return self._issue(check_gateway_name(gateway), ExtendedKeyUsageOID.CLIENT_AUTH, [], now)

    def hub(self, name: str, *, now: dt.datetime | None = None) -> Identity:
        """A client certificate for one of the hub's connections (names.HUB_NAMES).

        Raises:
            NameRefused: the hub has no connection of that name.
        """
        return self._issue(check_hub_name(name), ExtendedKeyUsageOID.CLIENT_AUTH, [], now)

    def _issue(
        self, name: str, usage: x509.ObjectIdentifier, hosts: list[x509.GeneralName], now: dt.datetime | None
    ) -> Identity:
        now = now or dt.datetime.now(dt.UTC)
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = self._certificate.subject
        builder = (
            _builder(_subject(name), issuer, key.public_key(), now, LEAF_DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(digital_signature=True, key_cert_sign=False, crl_sign=False, **_KEY_USAGE),
                critical=True,
            )
            # A gateway's certificate must not pass for a broker, nor the broker's for a gateway.
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        folder = self._folder / "issued" / name
        write_bytes(folder / "key.pem", _key_pem(key), mode=0o600)
        write_bytes(folder / "cert.pem", certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)
        return Identity(folder / "cert.pem", folder / "key.pem", self.certificate)


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: dt.datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
