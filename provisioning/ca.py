"""The certificate authority of a city, in two levels, each in a folder of its own.

The root signs an issuing authority every few years and lies in a safe meanwhile; its key is encrypted. The issuing
authority works every day on the city's server. Everybody trusts the root alone and is shown the rest of the chain,
so that a new issuing authority needs no visit to any gateway.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from contract import upgrade
from contract.whole_file import write_bytes
from provisioning import certificates
from provisioning.certificates import CLIENT, LEAF_DAYS, SERVER, SERVICE_DAYS, SOFTWARE, Signer
from provisioning.errors import AuthorityError
from provisioning.names import check_gateway_name, check_hub_name, check_server_name

LEAST_PASSPHRASE_BYTES = 12
MOST_NAME = 40
"""Characters of a city's name; the issuing authority's has some more, and a certificate takes 64."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The files of one party: its certificate with the issuing authority's behind it, its key (mode 0600) and the
    root's certificate, which it trusts."""

    certificate: Path
    key: Path
    authority: Path


class Root:
    """The root of a city. Its folder holds ``root.pem`` and ``root.key``, which is encrypted, and belongs offline."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    @classmethod
    def create(cls, folder: Path, *, name: str, passphrase: bytes, now: dt.datetime | None = None) -> Root:
        """Make a new root in the folder.

        Raises:
            AuthorityError: the folder holds one already, and it is never overwritten, for every certificate below it
                would be worthless at once; or the passphrase is short, or the name long.
        """
        if (folder / "root.key").exists():
            raise AuthorityError(f"{folder} holds a root already", "choose another folder")
        check_passphrase(passphrase)
        signer = certificates.new_root(_checked_name(name), now or _now())
        write_bytes(folder / "root.key", certificates.key_pem(signer.key, passphrase), mode=0o600)
        write_bytes(folder / "root.pem", certificates.pem(signer.certificate), mode=0o644)
        return cls(signer)

    @classmethod
    def load(cls, folder: Path, *, passphrase: bytes) -> Root:
        """Open the root in the folder.

        Raises:
            AuthorityError: there is none, its files cannot be read, or the passphrase is another one.
        """
        try:
            certificate = x509.load_pem_x509_certificate((folder / "root.pem").read_bytes())
            key = serialization.load_pem_private_key((folder / "root.key").read_bytes(), passphrase)
        except (OSError, ValueError, TypeError) as error:
            raise AuthorityError(
                f"the root in {folder} cannot be opened: {error}", "is it the passphrase it was made with?"
            ) from error
        return cls(_signer(certificate, key, folder))

    def issuing(self, folder: Path, *, now: dt.datetime | None = None) -> Authority:
        """Make the issuing authority of the folder, or put a new one in the place of the one there.

        The former one is kept: until the certificates that it issued have ended, its list of revoked ones goes on.

        Raises:
            AuthorityError: the folder's authority is below another root.
        """
        now = now or _now()
        root = certificates.pem(self._signer.certificate)
        if (folder / "root.pem").exists() and (folder / "root.pem").read_bytes() != root:
            raise AuthorityError(f"{folder} belongs to another root", "choose another folder")
        if (folder / "issuing.key").exists():
            former = Authority.load(folder).signer
            name = f"{former.certificate.serial_number:x}.key"
            write_bytes(folder / "former" / name, _signer_pem(former), mode=0o600)
        signer = certificates.new_issuing(self._signer, now)
        write_bytes(folder / "root.pem", root, mode=0o644)
        write_bytes(folder / "issuing.key", _signer_pem(signer), mode=0o600)
        return Authority(folder, signer, self._signer.certificate)

    def for_software(
        self, key: ed25519.Ed25519PublicKey, *, signers: int = 1, now: dt.datetime | None = None
    ) -> x509.Certificate:
        """A certificate for a key that signs gateways' upgrades. Only the root issues one: what is on the city's
        server every day must not be able to put software on gateways.

        Args:
            signers: so many different keys must sign before this one counts.
        """
        name, lasts = upgrade.signer_name(signers), dt.timedelta(days=SERVICE_DAYS)
        return certificates.leaf(self._signer, name, key, SOFTWARE, now=now or _now(), lasts=lasts)


class Authority:
    """The issuing authority: signs what the city's people and machines show each other every day.

    Its folder holds ``root.pem``, ``issuing.key`` (key and certificate in one file, so that a power cut leaves a
    pair), ``former/``, and ``{servers,issued}/NAME/{cert.pem,key.pem}``.
    """

    def __init__(self, folder: Path, signer: Signer, root: x509.Certificate) -> None:
        self._folder = folder
        self.signer = signer
        self.root = root

    @classmethod
    def create(cls, folder: Path, *, name: str, now: dt.datetime | None = None) -> Authority:
        """A throw-away authority for demo and tests: the root's key is forgotten here.

        Raises:
            AuthorityError: the folder holds one already.
        """
        if (folder / "issuing.key").exists():
            raise AuthorityError(f"{folder} holds an authority already", "load it, or choose another folder")
        now = now or _now()
        return Root(certificates.new_root(_checked_name(name), now)).issuing(folder, now=now)

    @classmethod
    def load(cls, folder: Path) -> Authority:
        """Open the issuing authority in the folder.

        Raises:
            AuthorityError: there is none, its files cannot be read, or they do not belong together.
        """
        try:
            root = x509.load_pem_x509_certificate((folder / "root.pem").read_bytes())
            signer = _read_signer(folder / "issuing.key")
        except (OSError, ValueError) as error:
            raise AuthorityError(
                f"no authority in {folder}: {error}", "make one with siaga-provision ca init"
            ) from error
        try:
            signer.certificate.verify_directly_issued_by(root)
        except (InvalidSignature, ValueError, TypeError) as error:
            raise AuthorityError(f"root and issuing authority in {folder} do not belong together") from error
        return cls(folder, signer, root)

    @property
    def certificate(self) -> Path:
        """The root's certificate, which everyone who connects trusts."""
        return self._folder / "root.pem"

    def former(self) -> list[Signer]:
        """The issuing authorities before this one, whose certificates may still be in use."""
        return [_read_signer(path) for path in sorted((self._folder / "former").glob("*.key"))]

    def server(self, name: str, hosts: Iterable[str], *, now: dt.datetime | None = None) -> Identity:
        """A certificate for a server that is reached under these host names and addresses.

        Raises:
            NameRefused: the name may not be a folder's.
        """
        return self._issue(check_server_name(name), SERVER, SERVICE_DAYS, now, hosts)

    def gateway(self, gateway: str, *, now: dt.datetime | None = None) -> Identity:
        """A client certificate whose common name is the gateway's id, with a key made here.

        Raises:
            NameRefused: the name may not stand in a certificate.
        """
        return self._issue(check_gateway_name(gateway), CLIENT, LEAF_DAYS, now)

    def hub(self, name: str, *, now: dt.datetime | None = None) -> Identity:
        """A client certificate for one of the hub's connections (names.HUB_NAMES).

        Raises:
            NameRefused: the hub has no connection of that name.
        """
        return self._issue(check_hub_name(name), CLIENT, SERVICE_DAYS, now)

    def _issue(
        self,
        name: str,
        usage: x509.ObjectIdentifier,
        days: int,
        now: dt.datetime | None,
        hosts: Iterable[str] = (),
    ) -> Identity:
        key = certificates.new_key()
        certificate = certificates.leaf(
            self.signer,
            name,
            key.public_key(),
            usage,
            now=now or _now(),
            lasts=dt.timedelta(days=days),
            hosts=hosts,
        )
        # A server may be called "hub" as one of the hub's connections is.
        folder = self._folder / ("servers" if usage == SERVER else "issued") / name
        write_bytes(folder / "key.pem", certificates.key_pem(key), mode=0o600)
        chain = certificates.pem(certificate, self.signer.certificate)
        write_bytes(folder / "cert.pem", chain, mode=0o644)
        return Identity(folder / "cert.pem", folder / "key.pem", self.certificate)


def check_passphrase(passphrase: bytes) -> None:
    """Refuse one that is guessed too soon.

    Raises:
        AuthorityError: it is.
    """
    if len(passphrase) < LEAST_PASSPHRASE_BYTES:
        raise AuthorityError("the passphrase is too short", f"at least {LEAST_PASSPHRASE_BYTES} characters")


def _checked_name(name: str) -> str:
    if not 0 < len(name) <= MOST_NAME:
        raise AuthorityError(f"{name!r} is no name for an authority", f"1 to {MOST_NAME} characters")
    return name


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _signer_pem(signer: Signer) -> bytes:
    return certificates.key_pem(signer.key) + certificates.pem(signer.certificate)


def _read_signer(path: Path) -> Signer:
    text = path.read_bytes()
    key = serialization.load_pem_private_key(text, password=None)
    return _signer(x509.load_pem_x509_certificate(text), key, path)


def _signer(certificate: x509.Certificate, key: object, place: Path) -> Signer:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        signer = Signer(certificate, key)
        if signer.fits:
            return signer
    raise AuthorityError(f"key and certificate in {place} do not belong together")
