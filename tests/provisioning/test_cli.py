from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from sqlalchemy import update

from provisioning import claims
from provisioning.cli import main
from provisioning.names import HUB_NAMES
from provisioning.register import gateways, opened


@pytest.fixture
def city(tmp_path, capsys):
    """The folder of a city whose root lies beside it."""
    (tmp_path / "passphrase").write_text("kunci akar di brankas\n")
    assert main(init(tmp_path)) == 0
    capsys.readouterr()
    return tmp_path / "city"


def init(folder):
    arguments = ["--name", "Kota Contoh", "--passphrase-file", str(folder / "passphrase")]
    return ["ca", "init", str(folder / "root"), str(folder / "city"), *arguments]


def test_a_city_is_provisioned_by_hand(city, tmp_path, capsys):
    assert main(["server", str(city), "broker", "broker.contoh.example", "10.0.0.1"]) == 0
    assert main(["hub", str(city)]) == 0
    written = [Path(line) for line in capsys.readouterr().out.split()]
    assert all(path.exists() for path in written)
    assert len(written) == 2 + 2 * len(HUB_NAMES)
    (city / "city.toml").write_text(
        '[enrolment]\nurl = "https://hub.kota.example:8443"\n[broker]\nfolder = "../etc"\n'
    )
    with opened(city) as register, register.transaction() as conn:
        claims.add(conn, claims.Site("pos-duga-01", 7, "x"), hours=1, now_ms=1, actor="uji")
        claims.add(conn, claims.Site("pos-duga-02", 8, "y"), hours=1, now_ms=1, actor="uji")
        conn.execute(update(gateways).where(gateways.c.id == "pos-duga-01").values(trusted=1))
    assert main(["broker", str(city)]) == 0
    acl = (tmp_path / "etc" / "acl").read_text()
    assert "siaga/1/07/pos-duga-01/up/#" in acl
    assert "pos-duga-02" not in acl, "it has a claim and no certificate yet"
    conf = (tmp_path / "etc" / "mosquitto.conf").read_text()
    for name in ("cafile", "certfile", "keyfile"):
        (path,) = [Path(line.split()[1]) for line in conf.splitlines() if line.startswith(name)]
        assert path.parent == tmp_path / "etc", "all that the broker reads is in its folder"
        assert path.stat().st_mode & 0o077 == (0 if name == "keyfile" else 0o044)


def test_root_and_issuing_authority_have_folders_of_their_own(city, tmp_path, capsys):
    names = {path.name for path in city.rglob("*")}
    assert names == {"root.pem", "issuing.key"}
    before = (city / "issuing.key").read_bytes()
    renew = ["ca", "renew", str(tmp_path / "root"), str(city)]
    assert main([*renew, "--passphrase-file", str(tmp_path / "passphrase")]) == 0
    said = capsys.readouterr()
    assert said.out.strip() == str(city / "root.pem")
    root = x509.load_pem_x509_certificate((city / "root.pem").read_bytes())
    assert root.fingerprint(hashes.SHA256()).hex() in said.err
    assert (city / "issuing.key").read_bytes() != before
    assert [path.read_bytes() for path in (city / "former").iterdir()] == [before]
    (tmp_path / "wrong").write_text("another passphrase")
    assert main([*renew, "--passphrase-file", str(tmp_path / "wrong")]) == 1
    assert "passphrase" in capsys.readouterr().err
    assert len(list((city / "former").iterdir())) == 1


def test_one_folder_cannot_be_both(tmp_path, capsys):
    (tmp_path / "passphrase").write_text("kunci akar di brankas\n")
    one = [str(tmp_path / "a")] * 2
    assert main(["ca", "init", *one, "--name", "x", "--passphrase-file", str(tmp_path / "passphrase")]) == 1
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("call", [["server", "CITY", "../x", "h"], ["INIT"], ["hub", "/nowhere"]])
def test_a_refusal_says_why_and_what_next(city, tmp_path, capsys, call):
    arguments = (
        init(tmp_path) if call == ["INIT"] else [str(city) if part == "CITY" else part for part in call]
    )
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert said.startswith("siaga-provision: ")
    assert said.strip().endswith(")")
