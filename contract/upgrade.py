"""The manifest of a signed upgrade of the gateway's software: what the desk signs and a gateway believes.

An upgrade is one file, a zip without compression:

    manifest.json    the Manifest below; the exact bytes are signed
    manifest.sig     Ed25519 over SIGNED_PREFIX and those bytes
    signer.pem       certificate of the key that signed, issued by the city's root itself
    manifest.2.sig, signer.2.pem …   of further desks, where the signers' certificates ask for several
    wheels/*.whl     each named in the manifest with its size and SHA-256, and no other

The root lies offline. Who breaks into the city's server, and has the issuing authority, can sign no software.
"""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from contract.errors import ContractError

MANIFEST, SIGNATURE, SIGNER, WHEELS = "manifest.json", "manifest.sig", "signer.pem", "wheels/"

SIGNED_PREFIX = b"siaga upgrade 1\0"
"""Before the manifest in what is signed, so that the key's signature under anything else is none under an upgrade."""

MOST_SIGNERS = 5
SIGNER_NAME = "software"
"""Common name of a signer's certificate; ``software-3`` says that its key counts only where three have signed."""

MOST_MANIFEST_BYTES = 256 * 1024
MOST_WHEEL_BYTES = 64 * 1024 * 1024
MOST_WHEELS = 200

_VERSION = re.compile(r"(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})")

Version = tuple[int, int, int]


class UpgradeError(ContractError, ValueError):
    """The file is no upgrade, or none for this gateway. Nothing was changed."""


class Wheel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One wheel of an upgrade."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+!-]{0,180}\.whl$")]
    size: Annotated[int, Meta(ge=1, le=MOST_WHEEL_BYTES)]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an upgrade is, and for whom.

    Attributes:
        version: of the gateway's software in it.
        from_version: the lowest version that may take it.
        machine, python: as ``platform.machine()`` and "major.minor" say it on the gateway.
        made_ms: when it was signed. A gateway whose clock is earlier believes this.
        expires_ms: no gateway takes it after that, and one that still runs it then says that it was left behind.
    """

    format: Annotated[int, Meta(ge=1, le=1)] = 1
    version: str
    from_version: str
    machine: Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,32}$")]
    python: Annotated[str, Meta(pattern=r"^3\.\d{1,2}$")]
    made_ms: Annotated[int, Meta(ge=0)]
    expires_ms: Annotated[int, Meta(ge=0)]
    wheels: Annotated[tuple[Wheel, ...], Meta(min_length=1, max_length=MOST_WHEELS)]


def signed_by(number: int) -> tuple[str, str]:
    """Names in the file of the signature and the certificate of the signer of that number, from 1."""
    return (SIGNATURE, SIGNER) if number == 1 else (f"manifest.{number}.sig", f"signer.{number}.pem")


def signer_name(signers: int) -> str:
    """Common name of a certificate whose key counts where so many have signed."""
    return SIGNER_NAME if signers == 1 else f"{SIGNER_NAME}-{signers}"


def signers_wanted(name: str) -> int:
    """How many must have signed, as the common name of a signer's certificate says.

    Raises:
        UpgradeError: it is no signer's.
    """
    for signers in range(1, MOST_SIGNERS + 1):
        if name == signer_name(signers):
            return signers
    raise UpgradeError("signer", f"{name!r} signs no upgrades", "sign it with a key of upgrade key")


def encode(manifest: Manifest) -> bytes:
    """The manifest as it is signed."""
    return msgspec.json.encode(manifest)


def decode(data: bytes) -> Manifest:
    """Read a manifest whose signature was verified.

    Raises:
        UpgradeError: it is none, or says something twice.
    """
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UpgradeError("manifest", f"it cannot be read: {error}", "sign it anew") from error
    version_of(manifest.version)
    version_of(manifest.from_version)
    if len({wheel.name for wheel in manifest.wheels}) < len(manifest.wheels):
        raise UpgradeError("manifest", "it names a wheel twice", "sign it anew")
    return manifest


def version_of(text: str) -> Version:
    """A version as numbers that can be compared.

    Raises:
        UpgradeError: it is not of the form 1.2.3; what is in between releases is not for gateways in the field.
    """
    found = _VERSION.fullmatch(text)
    if found is None:
        raise UpgradeError("version", f"{text!r} is no version", "three numbers, as 0.2.0")
    major, minor, patch = map(int, found.groups())
    return major, minor, patch
