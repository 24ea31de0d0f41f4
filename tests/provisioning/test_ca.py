import datetime as dt
import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from provisioning.ca import Authority
from provisioning.errors import AuthorityError, NameRefused
from provisioning.names import check_gateway_name

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


def test_every_key_is_for_its_owner_only(authority):
    identity = authority.gateway("pos-duga-02")
    for key in (identity.key, authority.certificate.with_name("ca.key")):
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


def test_a_folder_without_or_with_a_foreign_key_is_no_authority(tmp_path):
    with pytest.raises(AuthorityError, match="no authority"):
        Authority.load(tmp_path)
    Authority.create(tmp_path / "a", name="A")
    Authority.create(tmp_path / "b", name="B")
    (tmp_path / "a" / "ca.key").write_bytes((tmp_path / "b" / "ca.key").read_bytes())
    with pytest.raises(AuthorityError, match="belong together"):
        Authority.load(tmp_path / "a")
