"""Whether a signed message is of the gateway that it names. Pure but for the library: closed unless everything fits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import (
    ClientVerifier,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from contract.signed import Signed, to_sign
from hub.errors import HubError


class UntrustedError(HubError):
    """A message is not to be believed. Whoever sent it learns no more than that.

    Attributes:
        reason: one word, for our log.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.detail = message


Roots = Sequence[x509.Certificate]


def roots_in(path: Path) -> Roots:
    """The certificates of the city's roots in a file.

    Raises:
        UntrustedError: there are none, so nothing can be believed.
    """
    try:
        return roots(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UntrustedError("authority", str(error)) from error


def roots(pem: bytes) -> Roots:
    """The certificates of the city's roots.

    Raises:
        ValueError: there is none in it.
    """
    return x509.load_pem_x509_certificates(pem)


def verify(signed: Signed, purpose: str, trusted: Roots, *, now_ms: int) -> None:
    """See that the signature is of the gateway's key, and its certificate below a root of the city.

    Raises:
        UntrustedError: it is not; the reason is for our log.
    """
    if signed.purpose != purpose:
        raise UntrustedError("purpose", f"signed as {signed.purpose!r}")
    try:
        own, *others = [x509.load_pem_x509_certificate(text.encode()) for text in signed.chain]
        names = own.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        usage = own.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        _verifier(trusted, now_ms).verify(own, others)
    except (ValueError, VerificationError, x509.ExtensionNotFound, x509.DuplicateExtension) as error:
        raise UntrustedError("certificate", str(error)[:300]) from error
    if [name.value for name in names] != [signed.gateway]:
        raise UntrustedError("name", f"{signed.gateway} with the certificate of {names}")
    if list(usage) != [ExtendedKeyUsageOID.CLIENT_AUTH]:
        raise UntrustedError("usage", "it is no gateway's certificate")
    key = own.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise UntrustedError("key", "it is no key of a gateway")
    try:
        key.verify(
            signed.signature, to_sign(purpose, signed.gateway, signed.payload), ec.ECDSA(hashes.SHA256())
        )
    except InvalidSignature as error:
        raise UntrustedError("signature", "it does not fit") from error


def verify_short(said: bytes, signature: bytes, keys: Sequence[str]) -> None:
    """See that a signature of 64 bytes is of one of the keys.

    Args:
        keys: points on P-256, compressed, in hex.

    Raises:
        UntrustedError: it is of none.
    """
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    for public in keys:
        try:
            key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes.fromhex(public))
            key.verify(der, said, ec.ECDSA(hashes.SHA256()))
        except (ValueError, InvalidSignature):
            continue
        return
    raise UntrustedError("signature", f"it is of none of {len(keys)} keys")


def _verifier(trusted: Sequence[x509.Certificate], now_ms: int) -> ClientVerifier:
    # A gateway has no name in the web's sense, so the profile of the web's certificates asks too much of its own;
    # of the authorities above it, it asks what we want.
    policy = (
        PolicyBuilder().store(Store(list(trusted))).time(dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC))
    )
    policy = policy.extension_policies(
        ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=ExtensionPolicy.permit_all()
    )
    return policy.build_client_verifier()
