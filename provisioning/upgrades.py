"""Making signed upgrades of the gateway's software: the key of the desk, and the file that gateways take.

The key is Ed25519, with a certificate of the root; both in one file beside the wheels, or better on the stick. What a
gateway does with the file is in edge/upgrade.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from contract import upgrade
from contract.upgrade import Manifest, UpgradeError, Wheel
from contract.whole_file import write_bytes
from provisioning import certificates
from provisioning.ca import Root, check_passphrase
from provisioning.errors import AuthorityError

LONGEST_DAYS = 400
_SIAGA = re.compile(r"siaga-(\d+\.\d+\.\d+)-py3-none-any\.whl")


@dataclass(frozen=True, slots=True)
class SoftwareKey:
    """The desk's key for upgrades, with its certificate."""

    key: ed25519.Ed25519PrivateKey
    certificate: x509.Certificate

    @classmethod
    def create(cls, root: Root, path: Path, *, passphrase: bytes, signers: int = 1) -> SoftwareKey:
        """Make a new one in the file, encrypted.

        Args:
            signers: so many desks must sign before it counts.

        Raises:
            AuthorityError: there is a file already, the passphrase is short, or so many cannot sign.
        """
        check_passphrase(passphrase)
        if not 1 <= signers <= upgrade.MOST_SIGNERS:
            raise AuthorityError(f"{signers} signers", f"1 to {upgrade.MOST_SIGNERS}")
        if path.exists():
            raise AuthorityError(f"{path} is there already", "choose another file")
        key = ed25519.Ed25519PrivateKey.generate()
        certificate = root.for_software(key.public_key(), signers=signers)
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(passphrase),
        )
        write_bytes(path, secret + certificates.pem(certificate), mode=0o600)
        return cls(key, certificate)

    @classmethod
    def load(cls, path: Path, *, passphrase: bytes) -> SoftwareKey:
        """Open the file.

        Raises:
            AuthorityError: there is none, or the passphrase is another one.
        """
        try:
            text = path.read_bytes()
            certificate = x509.load_pem_x509_certificate(text)
            key = serialization.load_pem_private_key(text, passphrase)
        except (OSError, ValueError, TypeError) as error:
            raise AuthorityError(
                f"{path} cannot be opened: {error}", "is it the passphrase it was made with?"
            ) from error
        if not isinstance(key, ed25519.Ed25519PrivateKey) or key.public_key() != certificate.public_key():
            raise AuthorityError(f"{path} holds no key for upgrades")
        return cls(key, certificate)


def sign(
    key: SoftwareKey,
    wheels: Sequence[Path],
    to: Path,
    *,
    from_version: str,
    machine: str,
    python: str,
    days: int,
    now_ms: int,
) -> Manifest:
    """Write an upgrade with these wheels: Siaga's own, whose version it is, and every library that it needs.

    Args:
        days: after which no gateway takes it, and gateways that still run it say so.

    Raises:
        UpgradeError: the wheels are no upgrade.
        OSError: a wheel cannot be read, or the file not written.
    """
    if not 1 <= days <= LONGEST_DAYS:
        raise UpgradeError("days", f"{days} days", f"1 to {LONGEST_DAYS}")
    versions = [found[1] for path in wheels if (found := _SIAGA.fullmatch(path.name))]
    if len(versions) != 1:
        raise UpgradeError(
            "wheels", "Siaga's own wheel must be among them, once", "siaga-1.2.3-py3-none-any.whl"
        )
    signed = upgrade.encode(
        Manifest(
            version=versions[0],
            from_version=from_version,
            machine=machine,
            python=python,
            made_ms=now_ms,
            expires_ms=now_ms + days * 86_400_000,
            wheels=tuple(_wheel(path) for path in wheels),
        )
    )
    manifest = upgrade.decode(signed)
    part = to.with_name(to.name + ".part")
    with zipfile.ZipFile(part, "w") as file:
        file.writestr(upgrade.MANIFEST, signed)
        file.writestr(upgrade.SIGNATURE, key.key.sign(upgrade.SIGNED_PREFIX + signed))
        file.writestr(upgrade.SIGNER, certificates.pem(key.certificate))
        for path in wheels:
            file.write(path, upgrade.WHEELS + path.name)
    part.replace(to)
    return manifest


def cosign(key: SoftwareKey, path: Path, wheels: Sequence[Path]) -> Manifest:
    """Sign an upgrade of another desk too.

    Args:
        wheels: made or fetched at this desk; each must be one of the upgrade's, to the byte, and none may be missing.

    Raises:
        UpgradeError: they are not the upgrade's, or this key has signed it already.
        OSError: a file cannot be read or written.
    """
    try:
        with zipfile.ZipFile(path) as file:
            names, signed = file.namelist(), file.read(upgrade.MANIFEST)
            number = next(
                n for n in range(2, upgrade.MOST_SIGNERS + 2) if upgrade.signed_by(n)[0] not in names
            )
            signers = [file.read(upgrade.signed_by(n)[1]) for n in range(1, number)]
    except (zipfile.BadZipFile, KeyError) as error:
        raise UpgradeError(
            "file", f"{path} is no upgrade: {error!r}", "as upgrade sign has written it"
        ) from error
    manifest, certificate = upgrade.decode(signed), certificates.pem(key.certificate)
    if number > upgrade.MOST_SIGNERS or certificate in signers:
        raise UpgradeError(
            "signers", f"{number - 1} have signed, this key may be among them", "take another key"
        )
    own = {wheel.name: wheel for wheel in map(_wheel, wheels)}
    if own != {wheel.name: wheel for wheel in manifest.wheels}:
        odd = sorted(
            {wheel.name for wheel in manifest.wheels if own.get(wheel.name) != wheel}
            | (own.keys() - {wheel.name for wheel in manifest.wheels})
        )
        raise UpgradeError(
            "wheels", f"not the same here: {', '.join(odd)}", "build them from the same source"
        )
    with zipfile.ZipFile(path, "a") as file:
        for name, data in zip(
            upgrade.signed_by(number),
            (key.key.sign(upgrade.SIGNED_PREFIX + signed), certificate),
            strict=True,
        ):
            file.writestr(name, data)
    return manifest


def _wheel(path: Path) -> Wheel:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Wheel(path.name, path.stat().st_size, digest)
