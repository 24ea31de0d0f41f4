"""Siaga's programs under the restrictions of their own service files: they work, and can do nothing else."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.backup.keys import make
from hub.install import units
from provisioning.ca import Authority
from simulator.processes import listens, ports
from tests.hub.install.test_units import EVERYWHERE, PROGRAMS, ROOT
from tests.hub.running import write_config

pytestmark = pytest.mark.real

CONFINED = Path(__file__).with_name("confined.py")
ALONE = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]

PROBE = """
import json, mmap, os, sys
def can(work):
    try:
        work()
    except (OSError, ValueError):
        return False
    return True
inside, outside = sys.argv[1:]
every = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
print(json.dumps({
    "write inside": can(lambda: open(inside + "/x", "w").close()),
    "write outside": can(lambda: open(outside + "/x", "w").close()),
    "change what belongs to others": can(lambda: os.chmod("/etc/hostname", 0o644)),
    "write memory and run it": can(lambda: mmap.mmap(-1, 4096, prot=every)),
    "be another account": can(lambda: os.setgroups([])),
    "leave its root": can(lambda: os.chroot("/")),
    "take precedence": can(lambda: os.nice(-1)),
}))
"""


def service(name: str) -> str:
    """The text of a service file."""
    return units.files(EVERYWHERE, [])[Path("/etc/systemd/system") / name]


def confined(unit: str, folder: Path, *command: str | Path) -> list[str]:
    """A command line under a unit's restrictions, with one folder to write to."""
    path = folder / "unit.service"
    path.write_text(unit)
    return [*ALONE, sys.executable, str(CONFINED), str(path), str(folder), *(str(word) for word in command)]


@contextmanager
def running(command: list[str], **environment: str) -> Iterator["subprocess.Popen[str]"]:
    """A process, ended afterwards."""
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(10)
        finally:
            child.kill()


def said(child: "subprocess.Popen[str]") -> dict[str, Any]:
    """The first line, in JSON."""
    assert child.stdout is not None
    line = child.stdout.readline()
    assert line, child.stderr.read() if child.stderr else ""
    found: dict[str, Any] = json.loads(line)
    return found


@pytest.mark.parametrize("name", ["siaga-hub.service", "siaga-broker.service", "siaga-enrolment.service"])
def test_a_service_can_do_nothing_but_its_work(tmp_path, name):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    probe = [sys.executable, "-c", PROBE, str(inside), str(outside)]
    with running(confined(service(name), inside, *probe)) as child:
        assert {what for what, can in said(child).items() if can} == {"write inside"}
    with running(probe) as child:
        assert {what for what, can in said(child).items() if can} > {"write inside", "write outside"}


def test_the_hub_starts_connects_and_makes_its_first_administrator(broker, tmp_path):
    config = write_config(tmp_path, broker)
    hub = [sys.executable, "-m", "hub.cli", "run", "--config", config]
    with running(confined(service("siaga-hub.service"), tmp_path, *hub)) as child:
        ready = said(child)
        code = Path(ready["setup_code_file"]).read_text().strip()
        # Argon2id by cffi, the one library that might have wanted memory that is written and run.
        person = {"code": code, "name": "sari", "full_name": "Sari", "password": "jembatan gantung 17 ikan"}
        assert httpx.post(f"{ready['api']}/api/setup", json=person).status_code in (200, 201)
        assert up(f"{ready['api']}/api/health")


def up(url: str) -> bool:
    for _ in range(300):
        if httpx.get(url).status_code == 200:
            return True
        time.sleep(0.05)
    return False


def test_a_backup_is_made_under_its_own_restrictions(broker, tmp_path):
    config = write_config(tmp_path, broker)
    with running([sys.executable, "-m", "hub.cli", "run", "--config", str(config)]) as child:
        said(child)
    recipient = make(tmp_path / "key")
    config.write_text(config.read_text() + f'[backup]\nfolder = "backups"\nrecipients = ["{recipient}"]\n')
    backup = [sys.executable, "-m", "hub.cli", "backup", "--config", config]
    done = subprocess.run(
        confined(service("siaga-backup@.service"), tmp_path, *backup),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "backups").iterdir())) == 1


def test_the_broker_starts(broker, tmp_path):
    port = next(iter(ports()))
    config = tmp_path / "mosquitto.conf"
    config.write_text(
        (broker.folder / config.name).read_text().replace(f"listener {broker.port}", f"listener {port}")
    )
    with running(
        confined(service("siaga-broker.service"), tmp_path, "/usr/sbin/mosquitto", "-c", config)
    ) as child:
        end = time.monotonic() + 10
        while not listens(port):
            assert time.monotonic() < end, child.stderr.read() if child.poll() is not None else ""
            time.sleep(0.02)


def test_enrolment_starts(broker, tmp_path):
    """In a city's folder and the broker's, and nowhere else."""
    authority = Authority.create(tmp_path / "ca", name="Siaga uji")
    authority.server("enrolment", ["127.0.0.1"])
    port = next(iter(ports()))
    (tmp_path / "ca" / "city.toml").write_text(
        f'[enrolment]\nurl = "https://127.0.0.1:{port}"\nlisten = "127.0.0.1"\nport = {port}\n'
        f'[broker]\nfolder = "{tmp_path}/broker"\nlisten = "127.0.0.1"\nport = {broker.port}\n'
    )
    serve = [sys.executable, "-m", "provisioning.cli", "serve", tmp_path / "ca"]
    with running(confined(service("siaga-enrolment.service"), tmp_path, *serve)) as child:
        assert said(child)["ready"]
        assert listens(port)


GATEWAY = """
[gateway]
id = "gw-uji"
cell = 3
site = "uji"
[broker]
host = "127.0.0.1"
port = {port}
ca_file = "{identity.authority}"
cert_file = "{identity.certificate}"
key_file = "{identity.key}"
[spool]
telemetry_mb = 1.0
event_mb = 0.5
panic_mb = 0.5
[[simulated]]
name = "cuaca"
kind = "weather"
values.temperature_c = {{ mean = 28.0 }}
"""

ASK_THE_CLOCK = "import ctypes; print(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)) >= 0)"


def test_a_gateway_starts_and_may_ask_how_good_the_clock_is(broker, tmp_path):
    edge = (ROOT / "firmware_configs" / "units" / "siaga-edge.service").read_text()
    config = tmp_path / "gateway.toml"
    config.write_text(GATEWAY.format(port=broker.port, identity=broker.enrol("gw-uji", 3)))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.settimeout(15)
        command = confined(edge, tmp_path, PROGRAMS / "siaga-edge", "run", "--config", config)
        with running(command, NOTIFY_SOCKET=str(tmp_path / "notify")):
            while ear.recv(200) != b"READY=1":
                pass
    for unit, may in ((edge, "True"), (service("siaga-hub.service"), "False")):
        asked = confined(unit, tmp_path, sys.executable, "-c", ASK_THE_CLOCK)
        assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip() == may
