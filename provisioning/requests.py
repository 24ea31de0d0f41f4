"""What the authority takes of a request to sign (PKCS #10), and what it refuses. Pure.

Nothing of the request but its key and its name ends up in a certificate; what asks for more is refused all the same,
so that somebody who tries is seen.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from provisioning.errors import NameRefused, RequestRefused
from provisioning.names import check_gateway_name

LARGEST_BYTES = 4096
CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)


@dataclass(frozen=True, slots=True)
class Request:
    """A request that may be signed: the gateway's id and its public key, whose private half the sender holds."""

    gateway: str
    key: ec.EllipticCurvePublicKey

    @property
    def key_hash(self) -> str:
        """SHA-256 of the public key in hex."""
        return key_hash(self.key)


def key_hash(key: ec.EllipticCurvePublicKey) -> str:
    """SHA-256 of a public key in hex."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(key.public_bytes(serialization.Encoding.DER, form)).hexdigest()


UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises for bytes that it cannot read; they have no root of their own."""


def read(der: bytes) -> Request:
    """Read a request.

    Raises:
        RequestRefused: it is none, or asks for what no gateway gets.
    """
    if len(der) > LARGEST_BYTES:
        raise RequestRefused("the request is too large")
    try:
        request = x509.load_der_x509_csr(der)
        proven = request.is_signature_valid
        key = request.public_key()
        subject, wanted = request.subject, request.extensions
    except UNREADABLE as error:
        raise RequestRefused("this is no request that can be read") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, CURVES):
        raise RequestRefused("the key is not of P-256 or a larger curve of its kind")
    if not proven:
        raise RequestRefused("the request is not signed with its own key")
    for extension in wanted:
        if not _harmless(extension.value):
            raise RequestRefused("the request asks for more than a gateway's certificate")
    return Request(_name(subject), key)


def _name(subject: x509.Name) -> str:
    attributes = list(subject)
    if len(attributes) != 1 or attributes[0].oid != NameOID.COMMON_NAME:
        raise RequestRefused("the subject is not one common name")
    try:
        return check_gateway_name(str(attributes[0].value))
    except NameRefused as error:
        raise RequestRefused(error.message) from error


def _harmless(asked: x509.ExtensionType) -> bool:
    """Whether a gateway's certificate says this anyway."""
    match asked:
        case x509.BasicConstraints():
            return not asked.ca
        case x509.KeyUsage():
            return not (asked.key_cert_sign or asked.crl_sign)
        case x509.ExtendedKeyUsage():
            return list(asked) == [ExtendedKeyUsageOID.CLIENT_AUTH]
        case x509.SubjectKeyIdentifier():
            return True
        case _:
            return False
