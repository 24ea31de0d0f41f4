"""What a gateway believes of an upgrade, and what not."""

import base64
import datetime as dt
import json
import subprocess
import zipfile

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from contract.upgrade import SIGNED_PREFIX, UpgradeError, decode, version_of
from edge.upgrade.bundle import Here, lay_out, verified
from provisioning import certificates
from provisioning.ca import Root
from provisioning.certificates import CLIENT
from provisioning.upgrades import SoftwareKey, sign
from tests.edge.upgrade.wheels import program, wheel

NOW = 1_790_000_000_000
DAY = 86_400_000
HERE = Here(version="0.1.0", highest="0.1.0", machine="aarch64", python="3.11", now_ms=NOW)
HELLO = "def main():\n    print('halo')\n"

MANY = settings(
    max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """The root of a city, its key for software, and a signed upgrade to 0.2.0."""
    folder = tmp_path_factory.mktemp("desk")
    root = Root.create(folder / "root", name="Kota Uji", passphrase=b"frasa sandi panjang")
    key = SoftwareKey.create(root, folder / "software.key", passphrase=b"kunci perangkat lunak")
    wheels = [program(folder, "0.2.0", HELLO), wheel(folder, "teman", "1.0.0", {"teman.py": b"X = 1\n"})]
    return Desk(folder, root, key, wheels)


class Desk:
    """Signs."""

    def __init__(self, folder, root, key, wheels):
        self.folder, self.root, self.key, self.wheels = folder, root, key, wheels
        self.root_pem = (folder / "root" / "root.pem").read_bytes()

    def sign(self, to, *, key=None, wheels=None, **changed):
        asked = {"from_version": "0.1.0", "machine": "aarch64", "python": "3.11", "days": 30, "now_ms": NOW}
        sign(key or self.key, wheels or self.wheels, to, **asked | changed)
        return to


@pytest.fixture(scope="module")
def good(desk):
    return desk.sign(desk.folder / "good.upgrade")


def reason(desk, path, here=HERE, root_pem=None):
    """Why it is refused."""
    with pytest.raises(UpgradeError) as refused:
        verified(path, root_pem or desk.root_pem, here)
    return refused.value.reason


def test_a_signed_upgrade_is_believed_and_laid_out(desk, good, tmp_path):
    bundle = verified(good, desk.root_pem, HERE)
    assert bundle.manifest.version == "0.2.0"
    lay_out(bundle, tmp_path / "releases" / "0.2.0")
    said = subprocess.run(
        [tmp_path / "releases" / "0.2.0" / "bin" / "siaga-edge"], check=True, capture_output=True, text=True
    )
    assert said.stdout == "halo\n"
    assert not (tmp_path / "releases" / "0.2.0" / "wheels").exists()


def test_another_citys_upgrade_is_refused(desk, good, tmp_path):
    Root.create(tmp_path, name="Kota Lain", passphrase=b"frasa sandi panjang")
    assert reason(desk, good, root_pem=(tmp_path / "root.pem").read_bytes()) == "signer"


def test_the_citys_server_cannot_sign_software(desk, tmp_path):
    """Its issuing authority may make gateways, and no software for them, with whatever usage it writes down."""
    key = ed25519.Ed25519PrivateKey.generate()
    issuing = desk.root.issuing(tmp_path / "city").signer
    lasts = dt.timedelta(days=30)
    stolen = certificates.leaf(
        issuing, "software", key.public_key(), certificates.SOFTWARE, now=dt.datetime.now(dt.UTC), lasts=lasts
    )
    assert reason(desk, desk.sign(tmp_path / "a", key=SoftwareKey(key, stolen))) == "signer"


def test_a_certificate_of_the_root_for_something_else_signs_no_software(desk, tmp_path):
    key = ed25519.Ed25519PrivateKey.generate()
    lasts = dt.timedelta(days=30)
    client = certificates.leaf(
        desk.root._signer, "gw-01", key.public_key(), CLIENT, now=dt.datetime.now(dt.UTC), lasts=lasts
    )
    assert reason(desk, desk.sign(tmp_path / "a", key=SoftwareKey(key, client))) == "signer"


def test_the_signers_certificate_ends(desk, good):
    ends = desk.key.certificate.not_valid_after_utc.timestamp() * 1000
    assert reason(desk, good, HERE.__class__("0.1.0", "0.1.0", "aarch64", "3.11", int(ends) + 1)) == "signer"


@pytest.mark.parametrize(
    ("here", "why"),
    [
        ({"version": "0.2.0"}, "older"),
        ({"version": "0.3.0"}, "older"),
        ({"highest": "0.2.1"}, "older"),
        ({"highest": "0.2.0"}, None),
        ({"machine": "armv7l"}, "machine"),
        ({"python": "3.13"}, "machine"),
        ({"now_ms": NOW + 30 * DAY}, None),
        ({"now_ms": NOW + 30 * DAY + 1}, "expired"),
        ({"now_ms": 0}, None),
        ({"version": "0.0.9", "highest": "0.0.9"}, "between"),
    ],
)
def test_what_it_must_fit(desk, good, here, why):
    """No way back in versions or in time; a clock that is behind believes the manifest."""
    of_here = {name: getattr(HERE, name) for name in HERE.__slots__} | here
    if why is None:
        verified(good, desk.root_pem, Here(**of_here))
    else:
        assert reason(desk, good, Here(**of_here)) == why


def rewritten(source, to, change):
    """The zip with its members changed by a function of {name: bytes}."""
    with zipfile.ZipFile(source) as file:
        members = {name: file.read(name) for name in file.namelist()}
    change(members)
    with zipfile.ZipFile(to, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    return to


def test_a_wheel_that_was_exchanged_is_not_installed(desk, good, tmp_path):
    evil = program(tmp_path, "0.2.0", "def main():\n    print('jahat')\n").read_bytes()
    name = "wheels/siaga-0.2.0-py3-none-any.whl"
    bundle = verified(
        rewritten(good, tmp_path / "a", lambda members: members.update({name: evil})), desk.root_pem, HERE
    )
    with pytest.raises(UpgradeError, match="hash"):
        lay_out(bundle, tmp_path / "0.2.0")


def test_a_wheel_of_the_same_size_is_not_installed(desk, good, tmp_path):
    name = "wheels/siaga-0.2.0-py3-none-any.whl"

    def change(members):
        data = bytearray(members[name])
        data[len(data) // 2] ^= 1
        members[name] = bytes(data)

    bundle = verified(rewritten(good, tmp_path / "a", change), desk.root_pem, HERE)
    with pytest.raises(UpgradeError, match=r"^hash"):
        lay_out(bundle, tmp_path / "0.2.0")


def test_an_authority_signs_no_software(desk, tmp_path):
    """A certificate of the root that could itself sign others, though it were for software."""
    key = ed25519.Ed25519PrivateKey.generate()
    now = dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "software")])
    builder = x509.CertificateBuilder(
        desk.root._signer.certificate.subject, name, key.public_key(), 1, now, now + dt.timedelta(days=30)
    )
    for extension in (x509.BasicConstraints(True, None), x509.ExtendedKeyUsage([certificates.SOFTWARE])):
        builder = builder.add_extension(extension, critical=False)
    authority = builder.sign(desk.root._signer.key, hashes.SHA256())
    assert reason(desk, desk.sign(tmp_path / "a", key=SoftwareKey(key, authority))) == "signer"


def test_wheels_of_two_upgrades_do_not_mix(desk, good, tmp_path):
    """Each library is signed somewhere; together they are not."""
    older = wheel(tmp_path, "teman", "0.9.0", {"teman.py": b"X = 0\n"})
    other = desk.sign(tmp_path / "other", wheels=[desk.wheels[0], older])

    def mix(members):
        del members["wheels/teman-1.0.0-py3-none-any.whl"]
        members["wheels/teman-0.9.0-py3-none-any.whl"] = older.read_bytes()

    assert reason(desk, rewritten(good, tmp_path / "a", mix)) == "files"
    assert verified(other, desk.root_pem, HERE).manifest.version == "0.2.0"


@pytest.mark.parametrize("name", ["extra.txt", "../../etc/cron.d/evil", "wheels/evil-1-py3-none-any.whl"])
def test_a_file_beside_those_that_are_signed_is_refused(desk, good, tmp_path, name):
    added = rewritten(good, tmp_path / "a", lambda members: members.update({name: b"x"}))
    assert reason(desk, added) == "files"


@MANY
@given(at=st.integers(0, 10**9), flip=st.integers(1, 255))
@example(at=0, flip=1)
def test_no_byte_of_the_manifest_can_be_changed(desk, good, tmp_path, at, flip):
    def change(members):
        data = bytearray(members["manifest.json"])
        data[at % len(data)] ^= flip
        members["manifest.json"] = bytes(data)

    assert reason(desk, rewritten(good, tmp_path / "a", change)) == "signature"


@MANY
@given(at=st.integers(0, 10**9), flip=st.integers(1, 255))
def test_any_byte_of_the_file_changed_is_refused_or_harmless(desk, good, tmp_path, at, flip):
    data = bytearray(good.read_bytes())
    data[at % len(data)] ^= flip
    (tmp_path / "a").write_bytes(data)
    try:
        bundle = verified(tmp_path / "a", desk.root_pem, HERE)
    except UpgradeError:
        return
    assert bundle.signed == verified(good, desk.root_pem, HERE).signed


@MANY
@given(at=st.integers(0, 10**9), to=st.binary(min_size=1, max_size=3))
@example(at=12, to=b"\x05")
def test_any_bytes_of_the_signers_certificate_changed_are_refused(desk, good, tmp_path, at, to):
    """Its last bytes are the root's signature; the first ones say its version and names."""
    der = desk.key.certificate.public_bytes(Encoding.DER)
    at %= len(der)
    changed = der[:at] + to + der[at + len(to) :]
    assume(changed != der)

    def change(members):
        body = base64.encodebytes(changed).decode()
        members["signer.pem"] = f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n".encode()

    assert reason(desk, rewritten(good, tmp_path / "a", change)) == "signer"


@given(st.binary(max_size=300))
def test_any_bytes_are_a_manifest_or_refused(data):
    with pytest.raises(UpgradeError):
        decode(data)


def test_a_signature_for_something_else_is_none_for_an_upgrade(desk, good, tmp_path):
    def bare(members):
        members["manifest.sig"] = desk.key.key.sign(members["manifest.json"])

    def full(members):
        members["manifest.sig"] = desk.key.key.sign(SIGNED_PREFIX + members["manifest.json"])

    assert reason(desk, rewritten(good, tmp_path / "a", bare)) == "signature"
    verified(rewritten(good, tmp_path / "b", full), desk.root_pem, HERE)


@pytest.mark.parametrize("text", ["", "1", "1.2", "01.2.3", "1.2.3.dev1", "1.2.3\n", "1.2.-3", "1.2.3000000"])
def test_a_version_has_three_numbers(text):
    with pytest.raises(UpgradeError):
        version_of(text)
    assert version_of("0.10.0") > version_of("0.9.9")


def test_the_key_opens_with_its_passphrase_only(desk):
    path = desk.folder / "software.key"
    assert path.stat().st_mode & 0o077 == 0
    assert SoftwareKey.load(path, passphrase=b"kunci perangkat lunak").certificate == desk.key.certificate
    with pytest.raises(Exception, match="passphrase"):
        SoftwareKey.load(path, passphrase=b"kunci perangkat lain")
    with pytest.raises(Exception, match="already"):
        SoftwareKey.create(desk.root, path, passphrase=b"kunci perangkat lunak")
    with pytest.raises(Exception, match="short"):
        SoftwareKey.create(desk.root, desk.folder / "b", passphrase=b"pendek")


@pytest.mark.parametrize(
    "wheels", [[], ["siaga-0.2.0.dev1-py3-none-any.whl"], ["teman-1.0.0-py3-none-any.whl"]]
)
def test_an_upgrade_has_siagas_own_wheel(desk, tmp_path, wheels):
    for name in wheels:
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UpgradeError):
        desk.sign(tmp_path / "a", wheels=[tmp_path / name for name in wheels] or [desk.wheels[1]])


def test_the_manifest_is_json_that_anybody_can_read(good):
    with zipfile.ZipFile(good) as file:
        assert json.loads(file.read("manifest.json"))["version"] == "0.2.0"
