"""Signing with the key of the gateway's certificate. ``cryptography`` is loaded by the first signature: 10 MB."""

from __future__ import annotations

import re
from pathlib import Path

from contract.signed import Signed, to_sign
from edge.errors import CertificateError

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)


def sign(purpose: str, gateway: str, payload: bytes, *, certificate: Path, key: Path) -> Signed:
    """The payload, signed. Blocks for some milliseconds, and for a second the first time.

    Args:
        certificate: file of the gateway's certificate and its issuer's, in PEM.

    Raises:
        CertificateError: the files cannot be used.
    """
    try:
        chain = tuple(_CERTIFICATE.findall(certificate.read_text(encoding="ascii", errors="replace")))
    except OSError as error:
        raise CertificateError("key", f"{certificate}: {error}", "enrol the gateway with a claim") from error
    if not chain:
        raise CertificateError("key", f"{certificate} is of another kind", "enrol the gateway with a claim")
    signature = _sign(to_sign(purpose, gateway, payload), key)
    return Signed(purpose=purpose, gateway=gateway, chain=chain, payload=payload, signature=signature)


def sign_short(said: bytes, *, key: Path) -> bytes:
    """A signature in 64 bytes, r and s, where there is no room for its usual form. Blocks likewise.

    Raises:
        CertificateError: the file cannot be used.
    """
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    r, s = decode_dss_signature(_sign(said, key))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _sign(said: bytes, key: Path) -> bytes:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise CertificateError("key", f"{key}: {error}", "enrol the gateway with a claim") from error
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.curve.name != "secp256r1":
        raise CertificateError("key", f"{key} is of another kind", "enrol the gateway with a claim")
    return private.sign(said, ec.ECDSA(hashes.SHA256()))
