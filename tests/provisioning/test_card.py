"""What is on a gateway's card, what never is, and what is refused before any claim is made."""

from __future__ import annotations

import dataclasses
import stat
import tomllib

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.claim import Claim, parse
from provisioning import claims
from provisioning.ca import Authority
from provisioning.card import CMDLINE, SCRIPTS, SHIPPED, Card, files, with_cmdline
from provisioning.certificates import fingerprint
from provisioning.cli import main
from provisioning.errors import CardRefused, NameRefused
from provisioning.network import Network, Wifi
from provisioning.register import opened
from tests.provisioning.desk import CELL, GATEWAY, SITE, new_desk

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl teknisi satu"


def card(**changes):
    usual = Card(
        gateway=GATEWAY,
        claim=Claim("https://hub.contoh.example:8443", "a" * 26, "0" * 64),
        config='[gateway]\nid = "x"\n',
        instruments={},
        network=Network(),
        country="ID",
        time_servers=("ntp.contoh.example", "10.0.0.1"),
        technicians=f"# kunci\n{KEY}\n\n",
        written_s=1_795_000_000,
    )
    return dataclasses.replace(usual, **changes)


def test_cloud_init_is_told_the_name_and_one_command_and_leaves_no_account():
    found = files(card())
    assert found["user-data"].startswith(b"#cloud-config\n")
    assert yaml.safe_load(found["user-data"]) == {
        "hostname": GATEWAY,
        "ssh_pwauth": False,
        "users": [],
        "runcmd": [["/bin/sh", "/boot/firmware/siaga/first_boot.sh", "prepare"]],
    }
    first, later = (yaml.safe_load(files(card(written_s=at))["meta-data"]) for at in (1, 2))
    assert first["local-hostname"] == GATEWAY
    assert first["instance-id"] != later["instance-id"], "else cloud-init takes it for done"


@settings(max_examples=30)
@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40), st.text(max_size=80))
def test_whatever_names_say_scripts_stay_what_they_are(gateway, country, server, technicians):
    try:
        made = card(gateway=gateway, country=country, time_servers=(server,), technicians=technicians)
    except (CardRefused, NameRefused):
        made = card(network=Network(wifi=Wifi(ssid=f"{gateway!a:.30}", passphrase="12345678")))
    found = files(made)
    for name in SCRIPTS:
        assert found[f"siaga/{name}"] == (SHIPPED / "boards" / name).read_bytes()
    assert found["firstrun.sh"] == (SHIPPED / "boards" / "firstrun.sh").read_bytes()
    assert found["siaga/hostname"].decode().split() == [made.gateway]
    assert found["siaga/time.conf"].decode().splitlines() == ["[Time]", "NTP=" + " ".join(made.time_servers)]


@pytest.mark.parametrize(
    "changes",
    [
        {"country": "id"},
        {"country": "ID\nx"},
        {"time_servers": ("a b",)},
        {"time_servers": ("a\nNTP=x",)},
        {"time_servers": ("",)},
        {"technicians": 'command="x" ' + KEY},
        {"technicians": KEY + "\nroot ALL"},
        {"technicians": KEY + "\x1b"},
        {"gateway": "../x"},
        {"gateway": "$(reboot)"},
        {"gateway": "hub"},
    ],
)
def test_what_could_become_something_else_is_refused(changes):
    with pytest.raises((CardRefused, NameRefused)):
        card(**changes)


@pytest.mark.parametrize("sort", ["", "OPENSSH ", "EC "])
def test_a_private_key_never_gets_onto_a_card(sort):
    head = f"-----BEGIN {sort}PRIVATE KEY-----"
    with pytest.raises(CardRefused, match="private key"):
        files(card(instruments={"meter.toml": f"# {head}\n".encode()}))
    with pytest.raises(CardRefused, match="private key"):
        files(card(config=f"# {head}\n"))
    with pytest.raises(CardRefused):
        card(technicians=head)
    files(card())


def test_the_kernel_s_line_stays_one_line_and_is_added_to_once():
    before = "console=tty1 root=PARTUUID=12-02 rootwait quiet\n"
    after = with_cmdline(before)
    assert after == f"{before.strip()} {CMDLINE}\n"
    assert with_cmdline(after) == after


# The command


def test_one_command_at_the_desk_writes_a_card_with_everything_and_no_key(tmp_path, capsys):
    desk = new_desk(tmp_path, more='technicians = "teknisi.pub"\nsoftware = "software"')
    (desk / "teknisi.pub").write_text(KEY + "\n")
    (desk / "software").mkdir()
    for name in ("siaga-0.1.0-py3-none-any.whl", "edge.txt", "notes.key"):
        (desk / "software" / name).write_text(name)
    (desk / "networks").mkdir()
    network = desk / "networks" / f"{SITE}.toml"
    network.write_text('[wifi]\nssid = "Kantor Desa"\npassphrase = "kata sandi desa"\n')
    network.chmod(0o600)
    out = tmp_path / "kartu"
    said = [
        "card",
        SITE,
        "--city",
        str(desk),
        "--out",
        str(out),
        "--bench",
        "--sheet",
        str(tmp_path / "label"),
    ]
    assert main(said) == 0, capsys.readouterr().err
    folder = out / GATEWAY
    assert capsys.readouterr().out.split() == [str(folder), str(tmp_path / "label" / "label-1.svg")]
    claim = parse((folder / "siaga" / "claim").read_text())
    assert claim.fingerprint == fingerprint(Authority.load(desk).root)
    config = tomllib.loads((folder / "siaga" / "gateway.toml").read_text())
    assert config["gateway"] == {"id": GATEWAY, "cell": CELL, "site": SITE, "beat_s": 10.0}
    assert config["broker"]["host"] == "127.0.0.1"
    assert config["simulated"][0]["name"] == "duga-air"
    wifis = yaml.safe_load((folder / "network-config").read_text())["network"]["wifis"]
    assert wifis["wlan0"]["regulatory-domain"] == "ID"
    assert list(wifis["wlan0"]["access-points"]) == ["Kantor Desa"]
    assert {path.name for path in (folder / "siaga" / "software").iterdir()} == {
        "siaga-0.1.0-py3-none-any.whl",
        "edge.txt",
    }
    keys = [path.read_bytes() for path in desk.rglob("*.key")]
    for path in folder.rglob("*"):
        if path.is_dir():
            continue
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        data = path.read_bytes()
        assert b"PRIVATE KEY" not in data
        assert b"kata sandi desa" not in data
        assert not any(key in data for key in keys)
    assert main(["audit", str(desk)]) == 0
    said = capsys.readouterr().out
    assert f" cli card {GATEWAY} " in said
    assert claim.token not in said


def test_onto_a_mounted_card_goes_what_its_release_reads(tmp_path, capsys):
    desk = new_desk(tmp_path)
    for release in ("bookworm", "trixie"):
        boot = tmp_path / release
        boot.mkdir()
        (boot / "config.txt").write_text("arm_64bit=1\n")
        (boot / "cmdline.txt").write_text("console=tty1 rootwait\n")
        if release == "trixie":
            (boot / "user-data").write_text("#cloud-config\n")
        (boot / "siaga").mkdir()
        (boot / "siaga" / "status.txt").write_text("of another gateway")
        assert main(["card", GATEWAY, "--city", str(desk), "--boot", str(boot), "--bench"]) == 0
        names = {path.name for path in boot.iterdir()}
        changed = CMDLINE in (boot / "cmdline.txt").read_text()
        assert (names & {"user-data", "firstrun.sh"}, changed) == (
            ({"user-data"}, False) if release == "trixie" else ({"firstrun.sh"}, True)
        )
        assert not (boot / "siaga" / "status.txt").exists()
    assert main(["card", GATEWAY, "--city", str(desk), "--boot", str(tmp_path), "--bench"]) == 1
    assert "boot partition" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "equipment", "reason"),
    [
        ([SITE], None, "--bench"),
        (["pos-x", "--bench"], None, "pos-x"),
        ([SITE, "--bench"], "", "duga-air"),
        ([SITE, "--bench"], "[gateway]\nid = 'gw-lain'", "gateway"),
        ([SITE, "--bench"], "x = ", "gateway.example.toml"),
        ([SITE, "--bench"], "[spool]\ntelemetry_mb = 4.0", "path"),
        (
            [SITE, "--bench"],
            '[[simulated]]\nname = "duga-air"\nkind = "river_past"\nvalues = { level_m = { mean = 1.0 } }',
            "river_post",
        ),
        ([SITE, "--bench", "--replace"], None, "not enrolled"),
        ([SITE, "--bench", "--hours", "25"], None, "24"),
        ([SITE, "pos-muara", "--bench"], None, "gw-pos-muara.toml"),
    ],
)
def test_a_refusal_says_why_and_leaves_neither_claim_nor_card(tmp_path, capsys, arguments, equipment, reason):
    desk = new_desk(tmp_path)
    if equipment is not None:
        (desk / "gateways" / f"{GATEWAY}.toml").write_text(equipment)
    out = tmp_path / "kartu"
    assert main(["card", *arguments, "--city", str(desk), "--out", str(out)]) == 1
    assert reason in capsys.readouterr().err
    assert not out.exists()
    with opened(desk) as register, register.transaction() as conn:
        assert claims.listed(conn, now_ms=0) == []


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path, capsys):
    desk = new_desk(tmp_path)
    out = tmp_path / "kartu"
    (out / GATEWAY).mkdir(parents=True)
    (out / GATEWAY / "mine").touch()
    said = ["card", SITE, "--city", str(desk), "--out", str(out), "--bench"]
    assert main(said) == 1
    assert (out / GATEWAY / "mine").exists()
    with opened(desk) as register, register.transaction() as conn:
        assert claims.listed(conn, now_ms=0) == []
    (out / GATEWAY / "mine").unlink()
    (out / GATEWAY).rmdir()
    assert main(said) == 0
    assert main(said) == 0, "a card may be written anew; the claim before it ends"
    with opened(desk) as register, register.transaction() as conn:
        assert [one.state for one in claims.listed(conn, now_ms=0)] == ["open", "revoked"]
