"""What the authority signs: a gateway's own name on a good key, and nothing that asks for more."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import example, given
from hypothesis import strategies as st

from provisioning import requests
from provisioning.certificates import new_key
from provisioning.errors import RequestRefused

KEY = new_key()


def request(*names, key=KEY, extensions=(), oid=NameOID.COMMON_NAME) -> bytes:
    subject = x509.Name([x509.NameAttribute(oid, name) for name in names])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, digest).public_bytes(Encoding.DER)


def usage(**on):
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment")
    more = ("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**(dict.fromkeys(names + more, False) | on))


WHOLE = request("pos-duga-01")
ECDSA_WITH_SHA256 = bytes.fromhex("06082a8648ce3d040302")


@pytest.mark.parametrize(
    "extensions",
    [
        (),
        (x509.BasicConstraints(ca=False, path_length=None), usage(digital_signature=True)),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]),),
        (x509.SubjectKeyIdentifier.from_public_key(KEY.public_key()),),
    ],
)
@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()])
def test_a_gateways_request_is_read(extensions, curve):
    key = ec.generate_private_key(curve)
    read = requests.read(request("pos-duga-01", key=key, extensions=extensions))
    assert (read.gateway, read.key) == ("pos-duga-01", key.public_key())
    assert len(read.key_hash) == 64
    assert read.key_hash != requests.read(request("pos-duga-01")).key_hash


@pytest.mark.parametrize(
    "asked",
    [
        x509.BasicConstraints(ca=True, path_length=0),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]),
        usage(key_cert_sign=True),
        usage(crl_sign=True),
        x509.SubjectAlternativeName([x509.DNSName("hub.kota.example")]),
    ],
    ids=["authority", "server", "client and server", "signs", "revokes", "another name"],
)
def test_who_asks_for_more_gets_nothing(asked):
    with pytest.raises(RequestRefused, match="more"):
        requests.read(request("pos-duga-01", extensions=[asked]))


@pytest.mark.parametrize(
    "names", [("hub",), ("hub-telemetry",), ("a+b+c",), ("#",), ("x" * 49,), (), ("pos-a", "pos-b")]
)
def test_a_name_that_no_gateway_has_gets_nothing(names):
    with pytest.raises(RequestRefused):
        requests.read(request(*names))
    with pytest.raises(RequestRefused, match="common name"):
        requests.read(request("pos-duga-01", oid=NameOID.ORGANIZATION_NAME))


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP224R1()),
        rsa.generate_private_key(65537, 2048),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["P-224", "RSA", "Ed25519"],
)
def test_a_weaker_or_another_key_gets_nothing(key):
    with pytest.raises(RequestRefused, match="key"):
        requests.read(request("pos-duga-01", key=key))


def test_a_request_that_was_changed_or_is_too_large_gets_nothing():
    der = request("pos-duga-01")
    with pytest.raises(RequestRefused, match="signed"):
        requests.read(der.replace(b"pos-duga-01", b"pos-duga-02"))
    with pytest.raises(RequestRefused, match="large"):
        requests.read(der + b"\0" * requests.LARGEST_BYTES)


@given(st.binary(max_size=300) | st.integers(0, len(WHOLE) - 1).map(lambda at: WHOLE[:at]))
def test_any_bytes_are_a_request_or_refused(der):
    with pytest.raises(RequestRefused):
        requests.read(der)


@example(WHOLE.index(ECDSA_WITH_SHA256) + 12, 1)  # how many bits of the signature do not count
@example(WHOLE.index(b"\x02\x01\x00") + 2, 1)  # a version that there is not
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_request_with_a_changed_byte_is_refused_or_asks_the_same(at, change):
    der = bytearray(WHOLE)
    der[at] ^= change
    try:
        asked = requests.read(bytes(der))
    except RequestRefused:
        return
    # The bits of a signature that do not count may be others; what it is of may not.
    assert at > WHOLE.index(ECDSA_WITH_SHA256)
    assert (asked.gateway, asked.key_hash) == ("pos-duga-01", requests.read(WHOLE).key_hash)
