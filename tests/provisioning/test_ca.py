import datetime as dt
import ssl
import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from provisioning.ca import Authority, Identity, Root
from provisioning.errors import AuthorityError, NameRefused
from provisioning.names import check_gateway_name
from tests.tls import handshake

PASSPHRASE = b"kunci akar di brankas"
NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority.create(tmp_path_factory.mktemp("ca"), name="Uji", now=NOW)


def read(identity):
    return x509.load_pem_x509_certificate(identity.certificate.read_bytes())


def test_a_gateway_certificate_says_who_it_is_and_may_only_be_a_client(authority):
    certificate = read(authority.gateway("pos-duga-01", now=NOW))
    assert [a.value for a in certificate.subject] == ["pos-duga-01"]
    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert isinstance(certificate.public_key().curve, ec.SECP256R1)
    assert certificate.not_valid_before_utc <= NOW - dt.timedelta(days=1) < certificate.not_valid_after_utc


def test_a_server_certificate_names_its_addresses_and_may_only_be_a_server(authority):
    certificate = read(authority.server("broker", ("127.0.0.1", "localhost"), now=NOW))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(n.value) for n in names] == ["127.0.0.1", "localhost"]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_every_key_is_for_its_owner_only(authority, tmp_path):
    identity = authority.gateway("pos-duga-02")
    Root.create(tmp_path, name="Uji", passphrase=PASSPHRASE)
    for key in (identity.key, authority.certificate.with_name("issuing.key"), tmp_path / "root.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "name", ["hub", "hub-telemetry", "hub-x", "a+b", "a/b", "#", "ab", "Rs-1", "", "x" * 49, "abc\n"]
)
def test_a_name_that_could_widen_a_topic_or_pass_for_the_hub_gets_no_certificate(authority, name):
    with pytest.raises(NameRefused):
        authority.gateway(name)
    assert not (authority.certificate.parent / "issued" / "hub-x").exists()


def test_the_hub_has_two_connections_and_no_third(authority):
    assert read(authority.hub("hub")).subject != read(authority.hub("hub-telemetry")).subject
    with pytest.raises(NameRefused):
        authority.hub("rs-kota")


@given(st.text(max_size=60))
def test_any_text_is_a_plain_gateway_name_or_refused(text):
    try:
        check_gateway_name(text)
    except NameRefused:
        return
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert 3 <= len(text) <= 48
    assert not text.startswith("hub-")
    assert text != "hub"


def test_an_authority_is_opened_again_and_never_overwritten(tmp_path):
    Authority.create(tmp_path, name="Uji")
    again = Authority.load(tmp_path)
    again.gateway("pos-duga-03")
    with pytest.raises(AuthorityError, match="already"):
        Authority.create(tmp_path, name="Uji")
    Root.create(tmp_path / "root", name="Uji", passphrase=PASSPHRASE)
    with pytest.raises(AuthorityError, match="already"):
        Root.create(tmp_path / "root", name="Uji", passphrase=PASSPHRASE)


def test_a_folder_without_or_with_a_foreign_key_is_no_authority(tmp_path):
    with pytest.raises(AuthorityError, match="no authority"):
        Authority.load(tmp_path)
    for name in "ab":
        Authority.create(tmp_path / name, name=name)
    (tmp_path / "a" / "root.pem").write_bytes((tmp_path / "b" / "root.pem").read_bytes())
    with pytest.raises(AuthorityError, match="belong together"):
        Authority.load(tmp_path / "a")
    own, other = ((tmp_path / name / "issuing.key").read_text() for name in "ab")
    mark = "-----BEGIN CERTIFICATE-----"
    (tmp_path / "b" / "issuing.key").write_text(own.split(mark)[0] + mark + other.split(mark)[1])
    with pytest.raises(AuthorityError, match="belong together"):
        Authority.load(tmp_path / "b")


def test_the_roots_key_opens_with_its_passphrase_only(tmp_path):
    Root.create(tmp_path, name="Uji", passphrase=PASSPHRASE)
    assert b"ENCRYPTED" in (tmp_path / "root.key").read_bytes()
    Root.load(tmp_path, passphrase=PASSPHRASE)
    for wrong in (b"", PASSPHRASE + b"x"):
        with pytest.raises(AuthorityError, match="cannot be opened"):
            Root.load(tmp_path, passphrase=wrong)
    with pytest.raises(AuthorityError, match="too short"):
        Root.create(tmp_path / "other", name="Uji", passphrase=b"pendek")
    with pytest.raises(AuthorityError, match="no name"):
        Root.create(tmp_path / "other", name="x" * 41, passphrase=PASSPHRASE)
    assert not (tmp_path / "other").exists()


def test_a_throw_away_authority_leaves_no_key_of_the_root(tmp_path):
    authority = Authority.create(tmp_path, name="Uji")
    keys = [path for path in tmp_path.rglob("*") if path.is_file() and b"PRIVATE" in path.read_bytes()]
    assert [path.name for path in keys] == ["issuing.key"]
    assert authority.root.public_key() != authority.signer.certificate.public_key()


def test_no_certificate_outlives_its_issuer(tmp_path):
    authority = Authority.create(tmp_path, name="Uji", now=NOW)
    ends = authority.signer.certificate.not_valid_after_utc
    late = read(authority.gateway("pos-duga-04", now=ends - dt.timedelta(days=3)))
    early = read(authority.gateway("pos-duga-05", now=NOW))
    assert late.not_valid_after_utc == ends
    assert early.not_valid_after_utc == NOW + dt.timedelta(days=90)


def shake(authority, identity):
    """Both sides of TLS in memory: the gateway trusts the root it was given, the broker its own file of it."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.certificate)
    server.verify_mode = ssl.CERT_REQUIRED
    broker = authority.server("broker", ["127.0.0.1"])
    server.load_cert_chain(broker.certificate, broker.key)
    client = ssl.create_default_context(cafile=identity.authority)
    client.load_cert_chain(identity.certificate, identity.key)
    handshake(server, client)


def test_a_new_issuing_authority_needs_no_visit_to_a_gateway(tmp_path):
    """Before and after: the old certificate, the new one, and the file that the gateway trusts stays as it was."""
    root = Root.create(tmp_path / "root", name="Uji", passphrase=PASSPHRASE)
    first = root.issuing(tmp_path / "city")
    old = first.gateway("pos-duga-06")
    trusted = tmp_path / "gateways-own-root.pem"
    trusted.write_bytes(old.authority.read_bytes())
    kept = tmp_path / "old.pem"
    kept.write_bytes(old.certificate.read_bytes())
    kept_key = tmp_path / "old.key"
    kept_key.write_bytes(old.key.read_bytes())

    second = Root.load(tmp_path / "root", passphrase=PASSPHRASE).issuing(tmp_path / "city")
    assert second.signer.certificate != first.signer.certificate
    assert Authority.load(tmp_path / "city").signer.certificate == second.signer.certificate
    assert [one.certificate for one in second.former()] == [first.signer.certificate]
    new = second.gateway("pos-duga-07")
    shake(second, Identity(kept, kept_key, trusted))
    shake(second, Identity(new.certificate, new.key, trusted))

    stranger = Root.create(tmp_path / "strange", name="Uji", passphrase=PASSPHRASE)
    with pytest.raises(AuthorityError, match="another root"):
        stranger.issuing(tmp_path / "city")
    foreign = stranger.issuing(tmp_path / "other").gateway("pos-duga-06")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(second, Identity(foreign.certificate, foreign.key, trusted))


def test_a_leaf_signs_nothing(authority):
    """A gateway's key could else make gateways."""
    leaf = read(authority.gateway("pos-duga-08"))
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert not usage.key_cert_sign
    assert not usage.crl_sign
    issuing = authority.signer.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert issuing.path_length == 0


@pytest.mark.parametrize("name", ["../broker", "broker/x", "", "Broker"])
def test_a_servers_name_that_is_no_folder_is_refused(authority, name):
    with pytest.raises(NameRefused):
        authority.server(name, ["127.0.0.1"])
