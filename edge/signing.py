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
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        chain = tuple(_CERTIFICATE.findall(certificate.read_text(encoding="ascii", errors="replace")))
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise CertificateError("key", f"{key}: {error}", "enrol the gateway with a claim") from error
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not chain:
        raise CertificateError(
            "key", f"{certificate} or {key} is of another kind", "enrol the gateway with a claim"
        )
    signature = private.sign(to_sign(purpose, gateway, payload), ec.ECDSA(hashes.SHA256()))
    return Signed(purpose=purpose, gateway=gateway, chain=chain, payload=payload, signature=signature)
