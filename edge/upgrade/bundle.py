"""The file of an upgrade: whether this gateway may believe it, and laying out what is in it.

Nothing of the file is used before the signature over its manifest is verified, and no wheel before its hash is.
``cryptography`` and ``installer`` are imported here only: a gateway that runs needs neither.
"""

from __future__ import annotations

import hashlib
import struct
import sys
import venv
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.exceptions import InstallerError
from installer.sources import WheelFile

from contract import upgrade
from contract.upgrade import Manifest, UpgradeError, Wheel, version_of

CHUNK_BYTES = 1024 * 1024
MOST_SMALL_BYTES = 16 * 1024
NO_ZIP = (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, RuntimeError, ValueError)
"""What zipfile raises over a file that is none or damaged."""

UNREADABLE = (
    *(InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError),
    *(x509.InvalidVersion, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType),
)
"""What cryptography raises over a certificate that is none, odd, or another's."""

_AGAIN = "copy the file anew, or ask who signed it"


@dataclass(frozen=True, slots=True)
class Here:
    """What an upgrade must fit.

    Attributes:
        version: that runs now.
        highest: version that has run well at any time; none below it is taken.
        now_ms: the later of this machine's clock and the last manifest that was believed.
    """

    version: str
    highest: str
    machine: str
    python: str
    now_ms: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """A file whose signature was verified and that is for this gateway."""

    path: Path
    manifest: Manifest
    signed: bytes

    @property
    def bytes_needed(self) -> int:
        """Space that it takes when it is laid out, with what is compiled and to spare."""
        return 6 * sum(wheel.size for wheel in self.manifest.wheels) + 32 * 1024 * 1024


def verified(path: Path, root_pem: bytes, here: Here) -> Bundle:
    """Believe the file, or not.

    Args:
        root_pem: the city's root, which this gateway got when it enrolled.

    Raises:
        UpgradeError: it is not signed below the root, is not for this gateway, or too old.
        OSError: it cannot be read.
    """
    try:
        with path.open("rb") as data, zipfile.ZipFile(data) as file:
            signed = _small(file, upgrade.MANIFEST, upgrade.MOST_MANIFEST_BYTES)
            names = file.namelist()
            proofs = list(_proofs(file, names))
    except FileNotFoundError:
        raise
    except NO_ZIP as error:
        raise UpgradeError("file", f"{path} is no upgrade: {error!r}", _AGAIN) from error
    _check_signers(signed, proofs, root_pem, here.now_ms)
    manifest = upgrade.decode(signed)
    wanted = [upgrade.MANIFEST, *(name for at in range(len(proofs)) for name in upgrade.signed_by(at + 1))]
    wanted += [upgrade.WHEELS + wheel.name for wheel in manifest.wheels]
    if sorted(names) != sorted(wanted):
        raise UpgradeError("files", "it holds other files than its manifest says", _AGAIN)
    check(manifest, here)
    return Bundle(path, manifest, signed)


def _proofs(file: zipfile.ZipFile, names: Sequence[str]) -> Iterator[tuple[bytes, bytes]]:
    """Each signature with its signer's certificate; at least one."""
    for number in range(1, upgrade.MOST_SIGNERS + 1):
        signature, signer = upgrade.signed_by(number)
        if number > 1 and signature not in names:
            return
        yield _small(file, signature, MOST_SMALL_BYTES), _small(file, signer, MOST_SMALL_BYTES)


def _check_signers(
    signed: bytes, proofs: Sequence[tuple[bytes, bytes]], root_pem: bytes, now_ms: int
) -> None:
    """Every signature must be good, and as many keys must have signed as the strictest of their certificates asks."""
    keys, wanted = set(), 1
    for signature, signer in proofs:
        key, signers = _key(signer, root_pem, now_ms)
        try:
            key.verify(signature, upgrade.SIGNED_PREFIX + signed)
        except InvalidSignature as error:
            raise UpgradeError("signature", "the manifest was changed or is another's", _AGAIN) from error
        keys.add(key.public_bytes_raw())
        wanted = max(wanted, signers)
    if len(keys) < wanted:
        raise UpgradeError(
            "signers", f"{len(keys)} of {wanted} desks have signed it", "siaga-provision upgrade cosign"
        )


def check(manifest: Manifest, here: Here) -> None:
    """Whether a verified manifest is for this gateway, now.

    Raises:
        UpgradeError: it is not.
    """
    new = version_of(manifest.version)
    if (manifest.machine, manifest.python) != (here.machine, here.python):
        raise UpgradeError(
            "machine",
            f"it is for {manifest.machine} with Python {manifest.python}",
            f"this is {here.machine} with Python {here.python}",
        )
    if here.now_ms > manifest.expires_ms:
        raise UpgradeError("expired", "it was to be taken earlier", "ask for a newer one")
    if new <= version_of(here.version) or new < version_of(here.highest):
        raise UpgradeError(
            "older", f"{manifest.version} is not newer than {here.version} and {here.highest}", "no way back"
        )
    if version_of(here.version) < version_of(manifest.from_version):
        raise UpgradeError(
            "between", f"{here.version} is too old for it", f"take {manifest.from_version} first"
        )


def lay_out(bundle: Bundle, place: Path) -> None:
    """Make an environment at the place with what is in the file. The place must be free, and is where it stays.

    Raises:
        UpgradeError: a wheel is not the signed one, or is none.
        OSError: there is no space, or no permission.
    """
    venv.EnvBuilder(symlinks=True, with_pip=False).create(place)
    python = place / "bin" / "python"
    site = place / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    scheme = {"purelib": site, "platlib": site, "scripts": place / "bin", "data": place}
    scheme["headers"] = place / "include"
    destination = SchemeDictionaryDestination(
        {name: str(folder) for name, folder in scheme.items()},
        interpreter=str(python),
        script_kind="posix",
        bytecode_optimization_levels=[0],
    )
    kept = place / "wheels"
    kept.mkdir()
    with zipfile.ZipFile(bundle.path) as file:
        for wheel in bundle.manifest.wheels:
            _take_out(file, wheel, kept / wheel.name)
            try:
                with WheelFile.open(kept / wheel.name) as source:
                    install(source, destination, {"INSTALLER": b"siaga-edge"})
            except (InstallerError, zipfile.BadZipFile, ValueError, KeyError) as error:
                raise UpgradeError("wheel", f"{wheel.name} is no wheel: {error}", _AGAIN) from error
            (kept / wheel.name).unlink()
    kept.rmdir()


def _small(file: zipfile.ZipFile, name: str, most: int) -> bytes:
    try:
        with file.open(name) as part:
            data = part.read(most + 1)
    except KeyError as error:
        raise UpgradeError("file", f"{name} is missing", _AGAIN) from error
    if len(data) > most:
        raise UpgradeError("file", f"{name} is too large", _AGAIN)
    return data


def _take_out(file: zipfile.ZipFile, wheel: Wheel, to: Path) -> None:
    """Copy it, and judge what was copied: what is read twice may be two things."""
    digest, size = hashlib.sha256(), 0
    with to.open("xb") as out:
        try:
            with file.open(upgrade.WHEELS + wheel.name) as part:
                while size <= wheel.size and (chunk := part.read(CHUNK_BYTES)):
                    size += len(chunk)
                    digest.update(chunk)
                    out.write(chunk)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise UpgradeError("file", f"{wheel.name} cannot be read: {error!r}", _AGAIN) from error
    if size != wheel.size or digest.hexdigest() != wheel.sha256:
        raise UpgradeError("hash", f"{wheel.name} is not the one that was signed", _AGAIN)


def _key(signer_pem: bytes, root_pem: bytes, now_ms: int) -> tuple[Ed25519PublicKey, int]:
    """The signer's key, and how many must have signed. Its certificate is the root's own work, for signing code and
    nothing else."""
    try:
        root = x509.load_pem_x509_certificate(root_pem)
        signer = x509.load_pem_x509_certificate(signer_pem)
        signer.verify_directly_issued_by(root)
        usage = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        basic = signer.extensions.get_extension_for_class(x509.BasicConstraints).value
        key = signer.public_key()
        names = [str(one.value) for one in signer.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    except UNREADABLE as error:
        raise UpgradeError("signer", f"the signer is not of this city: {error!r}", _AGAIN) from error
    if list(usage) != [ExtendedKeyUsageOID.CODE_SIGNING] or basic.ca:
        raise UpgradeError("signer", "its certificate is not for upgrades", _AGAIN)
    if not isinstance(key, Ed25519PublicKey):
        raise UpgradeError("signer", "its key is not Ed25519", _AGAIN)
    if now_ms > signer.not_valid_after_utc.timestamp() * 1000:
        raise UpgradeError("signer", "its certificate has ended", "sign it with a new key")
    return key, upgrade.signers_wanted("".join(names))
