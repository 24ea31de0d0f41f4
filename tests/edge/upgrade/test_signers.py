"""Several desks sign together: where their certificates ask for two, one key alone puts nothing on a gateway."""

import shutil
import zipfile

import pytest

from contract.upgrade import SIGNED_PREFIX, UpgradeError, signed_by
from edge.upgrade.bundle import verified
from provisioning import certificates
from provisioning.ca import Root
from provisioning.errors import AuthorityError
from provisioning.upgrades import SoftwareKey, cosign
from tests.edge.upgrade.test_bundle import HELLO, HERE, Desk
from tests.edge.upgrade.wheels import program, wheel

SECRET = b"kunci perangkat lunak"


@pytest.fixture(scope="module")
def desks(tmp_path_factory):
    """A root whose keys count in twos: three desks, the first of which signs."""
    folder = tmp_path_factory.mktemp("desks")
    root = Root.create(folder / "root", name="Kota Uji", passphrase=b"frasa sandi panjang")
    keys = [
        SoftwareKey.create(root, folder / f"{name}.key", passphrase=SECRET, signers=2)
        for name in ("dinas", "gudang", "cadangan")
    ]
    wheels = [program(folder, "0.2.0", HELLO), wheel(folder, "teman", "1.0.0", {"teman.py": b"X = 1\n"})]
    return Desk(folder, root, keys[0], wheels), keys


def signed(desks, tmp_path, *others):
    desk, _ = desks
    path = desk.sign(tmp_path / "file.upgrade")
    for key in others:
        cosign(key, path, desk.wheels)
    return path


def reason(desks, path):
    with pytest.raises(UpgradeError) as refused:
        verified(path, desks[0].root_pem, HERE)
    return refused.value.reason


@pytest.mark.parametrize("other", [1, 2])
def test_any_two_of_three_desks_are_believed(desks, tmp_path, other):
    path = signed(desks, tmp_path, desks[1][other])
    assert verified(path, desks[0].root_pem, HERE).manifest.version == "0.2.0"


def test_one_alone_is_not(desks, tmp_path):
    assert reason(desks, signed(desks, tmp_path)) == "signers"


def added(path, number, signature, certificate):
    with zipfile.ZipFile(path, "a") as file:
        for name, data in zip(signed_by(number), (signature, certificate), strict=True):
            file.writestr(name, data)


def manifest(path):
    with zipfile.ZipFile(path) as file:
        return SIGNED_PREFIX + file.read("manifest.json")


def test_one_key_that_signs_twice_is_one(desks, tmp_path):
    desk, keys = desks
    path = signed(desks, tmp_path)
    with pytest.raises(UpgradeError, match="another key"):
        cosign(keys[0], path, desk.wheels)
    added(path, 2, keys[0].key.sign(manifest(path)), certificates.pem(keys[0].certificate))
    assert reason(desks, path) == "signers"


def test_a_second_signature_of_another_city_or_under_another_file_is_none(desks, tmp_path):
    desk, keys = desks
    path = signed(desks, tmp_path)
    kept = shutil.copy(path, tmp_path / "kept")
    elsewhere = Root.create(tmp_path / "root", name="Kota Lain", passphrase=b"frasa sandi panjang")
    foreign = SoftwareKey.create(elsewhere, tmp_path / "lain.key", passphrase=SECRET)
    cosign(foreign, path, desk.wheels)
    assert reason(desks, path) == "signer"
    added(kept, 2, keys[1].key.sign(SIGNED_PREFIX + b"{}"), certificates.pem(keys[1].certificate))
    assert reason(desks, kept) == "signature"


def test_a_key_that_counts_alone_does_not_count_for_those_that_do_not(desks, tmp_path):
    """The strictest certificate decides, in either order."""
    desk, keys = desks
    alone = SoftwareKey.create(desk.root, tmp_path / "alone.key", passphrase=SECRET)
    path = desk.sign(tmp_path / "a", key=alone)
    assert verified(path, desk.root_pem, HERE).manifest.version == "0.2.0"
    three = SoftwareKey.create(desk.root, tmp_path / "three.key", passphrase=SECRET, signers=3)
    cosign(three, path, desk.wheels)
    assert reason(desks, path) == "signers"
    cosign(keys[1], path, desk.wheels)
    assert verified(path, desk.root_pem, HERE).manifest.version == "0.2.0"


def test_a_desk_signs_only_what_it_has_built_itself(desks, tmp_path):
    desk, keys = desks
    path = signed(desks, tmp_path)
    before = path.read_bytes()
    other = wheel(tmp_path, "teman", "1.0.0", {"teman.py": b"X = 2\n"})
    for wheels in (
        [desk.wheels[0], other],
        desk.wheels[:1],
        [*desk.wheels, wheel(tmp_path, "lagi", "1.0.0", {})],
    ):
        with pytest.raises(UpgradeError, match="not the same here"):
            cosign(keys[1], path, wheels)
    assert path.read_bytes() == before


@pytest.mark.parametrize("signers", [0, 6])
def test_so_many_cannot_sign(desks, tmp_path, signers):
    with pytest.raises(AuthorityError, match="1 to 5"):
        SoftwareKey.create(desks[0].root, tmp_path / "x.key", passphrase=SECRET, signers=signers)
