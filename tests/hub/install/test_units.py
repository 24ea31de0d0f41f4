"""The service files: what systemd itself says of them, and that the dry run writes nothing."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hub.check import Finding
from hub.cli import main
from hub.install import commands, units
from hub.install.units import Places
from tests.hub.backup.test_files import HUB

ROOT = Path(__file__).parents[3]
PROGRAMS = Path(sys.executable).parent

EVERYWHERE = Places(
    programs=PROGRAMS,
    config=Path("/etc/siaga/hub.toml"),
    secrets=Path("/etc/siaga/secrets"),
    authority=Path("/srv/siaga/ca"),
    broker=Path("/etc/mosquitto/siaga"),
    backups=Path("/var/backups/siaga"),
    store=Path("/var/lib/siaga"),
    profile=Path("/srv/siaga/kota"),
    watch=Path("/etc/siaga-watch/watch.toml"),
)
MOST_EXPOSED = 2.5


def all_services() -> dict[str, str]:
    """Every service that Siaga has, of the hub's machine and of the gateway."""
    found = {path.name: text for path, text in units.files(EVERYWHERE, ["influx"]).items()}
    found |= {path.name: path.read_text() for path in (ROOT / "firmware_configs" / "units").glob("*.service")}
    return {name.replace("@.", "@all."): text for name, text in found.items() if name.endswith(".service")}


def exposure(folder: Path, name: str, text: str) -> float:
    """What ``systemd-analyze security`` makes of a service: 0 is confined, 10 is open."""
    (folder / name).write_text(text)
    told = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(folder / name)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"exposure level for \S+: ([0-9.]+)", told.stdout)
    assert found, told.stderr
    return float(found[1])


@pytest.mark.real
def test_every_service_is_confined(tmp_path, measured):
    found = {name: exposure(tmp_path, name, text) for name, text in all_services().items()}
    measured("exposure of services (systemd-analyze security): " + ", ".join(
        f"{name} {value}" for name, value in sorted(found.items())
    ))  # fmt: skip
    assert {
        "siaga-hub.service",
        "siaga-broker.service",
        "siaga-enrolment.service",
        "siaga-watch.service",
    } <= set(found)
    assert {"siaga-backup@all.service", "siaga-edge.service"} <= set(found)
    assert {name: value for name, value in found.items() if value > MOST_EXPOSED} == {}


@pytest.mark.real
def test_a_service_without_its_hardening_is_seen(tmp_path):
    text = all_services()["siaga-hub.service"].replace(units.HARDENING, "")
    assert exposure(tmp_path, "siaga-hub.service", text) > 8


@pytest.mark.real
def test_systemd_understands_every_line(tmp_path):
    found = {path.name: text for path, text in units.files(EVERYWHERE, ["influx"]).items()}
    found |= {path.name: path.read_text() for path in (ROOT / "firmware_configs" / "units").glob("*.service")}
    assert complaints(tmp_path, found) == []
    found["siaga-hub.service"] = found["siaga-hub.service"].replace("ProtectHome=", "ProtectHouse=")
    assert "ProtectHouse" in "".join(complaints(tmp_path, found))


def complaints(folder: Path, found: dict[str, str]) -> list[str]:
    """What systemd finds wrong, but for programs that are not on this machine."""
    names = [name for name in found if name.endswith((".service", ".timer", ".path"))]
    for name in names:
        (folder / name).write_text(found[name])
    told = subprocess.run(
        [
            "systemd-analyze",
            "verify",
            "--man=no",
            "--recursive-errors=no",
            *(str(folder / name) for name in names),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:"},
    )
    return [
        line
        for line in told.stderr.splitlines()
        if str(folder) in line and "not executable" not in line and "is not installed" not in line
    ]


def test_the_gateways_service_has_what_the_hubs_have_but_for_what_it_says():
    edge = (ROOT / "firmware_configs" / "units" / "siaga-edge.service").read_text()
    missing = set(units.HARDENING.splitlines()) - set(edge.splitlines())
    assert missing == {"ProcSubset=pid", "PrivateDevices=yes", "ProtectClock=yes"}
    assert "ProcSubset" in edge
    assert "PrivateDevices" in edge
    assert "clock" in edge


def test_each_secret_comes_from_systemd_to_those_who_need_it():
    found = {path.name: text for path, text in units.files(EVERYWHERE, ["influx", "piket"]).items()}
    line = "LoadCredential=piket:/etc/siaga/secrets/piket\n"
    assert {name for name, text in found.items() if line in text} == {
        "siaga-hub.service",
        "siaga-backup@.service",
    }
    text = 'a = "credential:influx"\nb = \'credential:piket-1\'\nc = "secrets/x" # credential:none\n'
    assert commands.credentials_in(text) == ["influx", "piket-1"]


def test_nothing_runs_as_root_but_the_reloading_of_the_broker():
    for name, text in all_services().items():
        as_root = not re.search(r"^User=(?!root$)", text, re.MULTILINE)
        assert as_root == (name in ("siaga-broker-reload.service", "siaga-edge-upgrade.service")), name


# The command


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A hub's file that loads; what ``check`` would find in it is another test's."""
    monkeypatch.setattr(commands, "findings", lambda *_: [])
    monkeypatch.setattr(commands, "load_region", lambda _: None)
    path = tmp_path / "hub.toml"
    path.write_text(HUB)
    return path


def below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_dry_run_shows_all_and_writes_nothing(config, tmp_path, capsys):
    into = tmp_path / "machine"
    assert main(["install", "--config", str(config), "--dry-run", "--into", str(into)]) == 0
    told = capsys.readouterr().out
    assert "new     /etc/systemd/system/siaga-hub.service" in told
    assert "MemoryDenyWriteExecute=yes" in told
    assert not into.exists()


def test_it_writes_what_this_machine_has_and_only_what_has_changed(config, tmp_path, capsys):
    into = tmp_path / "machine"
    call = ["install", "--config", str(config), "--into", str(into)]
    assert main(call) == 0
    assert "etc/systemd/system/siaga-backup@.service" in below(into)
    assert "etc/systemd/system/siaga-enrolment.service" not in below(into)
    assert "etc/systemd/system/siaga-watch.service" not in below(into)
    unit = into / "etc/systemd/system/siaga-hub.service"
    assert f"--config {config}" in unit.read_text()
    unit.write_text("[Unit]\n")
    capsys.readouterr()
    assert main([*call, "--authority", "/srv/siaga/ca", "--watch", "/etc/siaga-watch/watch.toml"]) == 0
    told = capsys.readouterr().out
    assert f"changed /etc/systemd/system/{unit.name}" in told
    assert "same    /etc/systemd/system/siaga-broker.service" in told
    assert "new     /etc/systemd/system/siaga-watch.service" in told
    assert "siaga-trust" in (into / "etc/tmpfiles.d/siaga.conf").read_text()


def test_a_hub_that_would_not_start_is_not_installed(config, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(commands, "findings", lambda *_: [Finding(True, "the secret is empty", "write it")])
    assert main(["install", "--config", str(config), "--into", str(tmp_path / "machine")]) == 2
    assert "the secret is empty" in capsys.readouterr().err
    assert not (tmp_path / "machine").exists()


@pytest.mark.parametrize("path", ["/etc/siaga two/x", "/etc/%i", "relative"])
def test_a_place_that_a_unit_reads_otherwise_is_refused(config, tmp_path, path, capsys):
    call = ["install", "--config", str(config), "--into", str(tmp_path / "m"), "--broker", path]
    assert main(call) == 2
    assert "cannot stand in a service file" in capsys.readouterr().err


def test_a_hub_that_leaves_its_secrets_to_systemd_is_installed_with_them(config, tmp_path):
    (tmp_path / "city").mkdir()
    (tmp_path / "city" / "city.toml").write_text('[audit]\nfile = "/var/log/kota/heads"\n')
    config.write_text(
        config.read_text().replace('"tls/a.key"', '"credential:kunci"')
        + '[audit]\nfile = "/var/lib/siaga-audit/heads"\n'
    )
    into = tmp_path / "machine"
    call = ["install", "--config", str(config), "--into", str(into), "--authority", str(tmp_path / "city")]
    assert main(call) == 0
    hub, enrolment = (
        (into / f"etc/systemd/system/siaga-{name}.service").read_text() for name in ("hub", "enrolment")
    )
    assert "LoadCredential=kunci:/etc/siaga/secrets/kunci\n" in hub
    found = re.search(r"^ReadWritePaths=\S+ /var/lib/siaga-audit (\S+)$", hub, re.MULTILINE)
    assert found, "what people change on pages goes into the profile"
    assert f"d {found[1]} 0755 siaga siaga" in (into / "etc/tmpfiles.d/siaga.conf").read_text()
    assert re.search(r"^ReadWritePaths=\S+ \S+ /var/log/kota$", enrolment, re.MULTILINE)
    assert "CREDENTIALS_DIRECTORY" not in os.environ
    assert "d /var/lib/siaga-audit 0750 siaga siaga" in (into / "etc/tmpfiles.d/siaga.conf").read_text()


def test_accounts_and_folders_come_before_the_services():
    told = commands.commands(units.enabled(EVERYWHERE), start=True)
    assert [words[0] for words in told] == ["systemd-sysusers", "systemd-tmpfiles", "systemctl", "systemctl"]
    assert told[-1][3:] == units.enabled(EVERYWHERE)
    assert len(commands.commands([], start=False)) == 3
