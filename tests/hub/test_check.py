"""``siaga-hub check``: each thing that it tells is told when it is so, and a good configuration has nothing."""

import datetime as dt
import shutil
from pathlib import Path

import pytest

from hub.check import findings
from hub.cli import main
from hub.config import load_config
from hub.fleet import trust
from hub.region import load as load_region
from provisioning.ca import Authority

PROFILE = Path(__file__).parents[2] / "profiles" / "kota-contoh"
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory):
    """Certificates of a hub's two connections, made at NOW."""
    folder = tmp_path_factory.mktemp("ca")
    authority = Authority.create(folder / "ca", name="Kota Contoh", now=NOW)
    control = authority.hub("hub", now=NOW)
    telemetry = authority.hub("hub-telemetry", now=NOW)
    return control, telemetry


@pytest.fixture
def hub(tmp_path, enrolled):
    """A folder with a hub that has nothing to be told."""
    control, telemetry = enrolled
    shutil.copytree(PROFILE, tmp_path / "profile")
    for name, source in {
        "ca.pem": control.authority,
        "hub.pem": control.certificate,
        "hub.key": control.key,
        "telemetry.pem": telemetry.certificate,
        "telemetry.key": telemetry.key,
    }.items():
        shutil.copy(source, tmp_path / name)
    text = """
profile = "profile"
[database]
file = "hub.sqlite"
[broker]
host = "127.0.0.1"
ca = "ca.pem"
certificate = "hub.pem"
key = "hub.key"
telemetry_certificate = "telemetry.pem"
telemetry_key = "telemetry.key"
[trust]
file = "trust.json"
[outbound]
allow = ["piket.example"]
[exercise]
allow = ["latihan.example"]
[exercise.channels.latihan-webhook]
url = "https://latihan.example/"
secret_file = "secret"
"""
    (tmp_path / "trust.json").write_bytes(trust.encode(trust.Trust(written_ms=1, list_ends_ms=2)))
    for agency in load_region(tmp_path / "profile").agencies.values():
        for channel in agency.channels:
            where = (
                'url = "https://piket.example/"\nsecret_file = "secret"'
                if channel.kind == "webhook"
                else 'url_file = "secret"'
            )
            text += f"[channels.{channel.id}]\n{where}\n"
    (tmp_path / "secret").write_text("k" * 32)
    (tmp_path / "secret").chmod(0o600)
    (tmp_path / "hub.toml").write_text(text)
    return tmp_path


def found(folder, now=NOW + dt.timedelta(days=1)):
    config = load_config(folder / "hub.toml")
    return findings(config, load_region(Path(config.profile)), now)


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_good_hub_has_nothing_to_be_told(hub):
    assert found(hub) == []


@pytest.mark.parametrize(
    ("old", "new", "serious", "says"),
    [
        ('"secret"', '"nothing"', True, "nothing"),
        ('allow = ["piket.example"]', "", True, "allow-list"),
        ("https://piket.example/", "http://piket.example:443/", True, "without TLS"),
        ("[channels.bpbd-webhook]", "[channels.bpbd-webhok]", True, "agency bpbd"),
        ("[channels.piket-apprise]", "[channels.piket-aprise]", False, "piket-apprise of agency piket"),
        ("[channels.piket-apprise]", "[channels.piket-aprise]", False, "piket-aprise belongs to no agency"),
        ("[channels.piket-apprise]", "[channels.piket-aprise]", True, "contact piket-kepala (Kepala ruang"),
        ('certificate = "hub.pem"', 'certificate = "telemetry.pem"', True, "do not belong together"),
        ('certificate = "hub.pem"', 'certificate = "telemetry.pem"', True, "both certificates"),
        ('certificate = "hub.pem"', 'certificate = "secret"', True, "[broker] certificate"),
        ('ca = "ca.pem"', 'ca = "hub.pem"', True, "not of the authority"),
        ('ca = "ca.pem"', 'ca = "none.pem"', True, "[broker] ca"),
        ("latihan-webhook]", "latihan-lain]", False, "exercise channel latihan-webhook"),
        ('[trust]\nfile = "trust.json"', "", False, "[trust] names no file"),
        ('file = "trust.json"', 'file = "none.json"', False, "[trust] file"),
        ('file = "trust.json"', 'file = "ca.pem"', False, "[trust] file"),
    ],
)
def test_a_mistake_of_the_file_is_told(hub, old, new, serious, says):
    edit(hub / "hub.toml", old, new)
    told = [one for one in found(hub) if says in one.text]
    assert told
    assert all(one.serious is serious and one.hint for one in told)


def test_a_contact_with_one_channel_that_is_there_is_not_told(hub):
    edit(hub / "hub.toml", "[channels.piket-apprise]", "[channels.piket-aprise]")
    told = " ".join(one.text for one in found(hub))
    assert "contact piket-kepala" in told
    assert "contact piket-pengawas" not in told, "it has the webhook besides"


def test_a_channel_of_another_kind_than_in_the_profile_is_told(hub):
    edit(
        hub / "hub.toml",
        '[channels.piket-apprise]\nurl_file = "secret"',
        '[channels.piket-apprise]\nurl = "https://piket.example/"\nsecret_file = "secret"',
    )
    assert [one.text for one in found(hub)] == [
        "channel piket-apprise is apprise in agencies.toml and webhook here"
    ]


@pytest.mark.parametrize(
    ("content", "mode", "serious", "says"),
    [
        ("", 0o600, True, "is empty"),
        ("short", 0o600, True, "shorter than"),
        ("k" * 32, 0o640, False, "may read"),
    ],
)
def test_a_secret_that_is_none_is_told(hub, content, mode, serious, says):
    (hub / "secret").write_text(content)
    (hub / "secret").chmod(mode)
    told = [one for one in found(hub) if says in one.text]
    assert told
    assert all(one.serious is serious for one in told)


def test_the_end_of_a_certificate_is_told_in_time(hub):
    from cryptography import x509

    ends = x509.load_pem_x509_certificate((hub / "hub.pem").read_bytes()).not_valid_after_utc
    assert found(hub, ends - dt.timedelta(days=31)) == []
    soon = found(hub, ends - dt.timedelta(days=29))
    assert len(soon) == 2
    assert not any(one.serious for one in soon)
    assert [one.serious for one in found(hub, ends)] == [True, True]
    assert [one.serious for one in found(hub, NOW - dt.timedelta(days=3))] == [True, True]


def test_the_command_exits_by_what_it_found(hub, capsys, monkeypatch):
    arguments = ["check", "--config", str(hub / "hub.toml")]
    assert main(arguments) == 0
    assert "Kota Contoh" in capsys.readouterr().out
    (hub / "secret").chmod(0o644)
    assert main(arguments) == 0
    assert "chmod 600" in capsys.readouterr().out
    (hub / "secret").unlink()
    assert main(arguments) == 2
    assert "SALAH" in capsys.readouterr().out


def test_a_mistake_of_contacts_routes_or_roster_is_told_with_its_place(hub):
    edit(hub / "profile" / "routes.toml", 'kinds = ["fire"]', 'kinds = ["fires"]')
    told = [one for one in found(hub) if "routes.toml:" in one.text]
    assert [one.serious for one in told] == [True, True]
    assert "'fire'" in told[0].hint
