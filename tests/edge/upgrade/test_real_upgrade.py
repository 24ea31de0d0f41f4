"""Upgrades of a gateway that runs, by the command that a technician types: a good one, and one that does not start.

The gateway, its supervisor, the broker and the file are real; a small peer stands where the hub stands, gives receipts
and notes what came.
"""

import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from contract import codec, topics
from contract.messages import Beat, Hello, Receipt, State
from contract.ranges import Ranges
from edge.upgrade.bundle import Here, lay_out, verified
from edge.vitals import read
from provisioning.ca import Root
from provisioning.upgrades import SoftwareKey, sign
from simulator.processes import Child
from simulator.servers import Mosquitto
from tests.edge.upgrade.wheels import ROOT, libraries, siaga
from tests.mqtt import peer

pytestmark = pytest.mark.real
GATEWAY, CELL, INC = "pos-duga-01", 7, (1, 5)
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

GATEWAY_TOML = """
[gateway]
id = "pos-duga-01"
cell = 7
site = "bendung-hulu"
beat_s = 1.0
[broker]
host = "127.0.0.1"
port = {port}
ca_file = "root.pem"
cert_file = "{cert}"
key_file = "{key}"
[spool]
telemetry_mb = 1.0
event_mb = 0.5
panic_mb = 0.5
[[simulated]]
name = "cuaca"
kind = "weather"
poll_s = 0.05
values.temperature_c = {{ mean = 28.0, amplitude = 3.0, period_s = 60.0 }}
"""

# What systemd does: Restart=always, with a shorter pause. Told to restart, it ends the one that runs.
SUPERVISOR = """
import signal, subprocess, sys, time
child = None
def restart(*_):
    if child is not None:
        child.terminate()
signal.signal(signal.SIGHUP, restart)
while True:
    child = subprocess.Popen(sys.argv[1:])
    child.wait()
    time.sleep(0.2)
"""

DIES = (
    (ROOT / "edge" / "app.py").read_bytes()
    + b"""

async def _run(self):
    raise SystemExit("this version does not start")


EdgeApp.run = _run
"""
)
DOES_NOT_LOAD = b"import a_library_that_nobody_has\n"


class Hub(threading.Thread):
    """Greets, gives a receipt for every frame, and notes what came."""

    def __init__(self, broker):
        super().__init__(daemon=True)
        self._broker = broker
        self.samples = {}
        self.versions = []
        self.beat = None
        self.times = set()
        self.over = threading.Event()

    def run(self):
        control, telemetry = self._broker.authority.hub("hub"), self._broker.authority.hub("hub-telemetry")
        with peer(self._broker, control) as one, peer(self._broker, telemetry) as other:
            other.subscribe(f"siaga/1/+/{GATEWAY}/up/telemetry")
            for leaf in ("up/panic", "up/event", "up/beat", "state"):
                one.subscribe(f"siaga/1/+/{GATEWAY}/{leaf}")
            while not self.over.is_set():
                for messages in (one.messages, other.messages):
                    while not messages.empty():
                        topic, payload = messages.get_nowait()
                        self._hear(one, topics.parse(topic).leaf, payload)
                time.sleep(0.01)

    def _hear(self, client, leaf, payload):
        if leaf == "state":
            birth = codec.decode(State, payload)
            if birth.online:
                self.versions.append(birth.software)
                hello = Hello(
                    inc=INC, hub_ms=time.time_ns() // 10**6, echo_ms=birth.mono_ms, echo_boot=birth.boot
                )
                self._say(client, "down/hello", hello)
        elif leaf == "up/beat":
            self.beat = codec.decode(Beat, payload)
        else:
            lane = leaf.removeprefix("up/")
            frame = codec.decode_frame(lane, payload)
            ranges = ((frame.first, frame.last),)
            if lane == "telemetry":
                self.samples.setdefault(frame.epoch, Ranges()).update(ranges)
                self.times.update((frame.base_ms or 0) + int(row[1] or 0) for row in frame.rows)
            self._say(client, "down/receipt", Receipt(inc=INC, epoch=frame.epoch, lane=lane, ranges=ranges))

    def _say(self, client, leaf, message):
        client.publish(topics.topic(CELL, GATEWAY, leaf), codec.encode(message))


class Site:
    """A gateway laid out as the guide says, run by a supervisor."""

    def __init__(self, folder, broker):
        self.folder = folder
        self.root = Root.create(folder / "root", name="Kota Uji", passphrase=b"frasa sandi panjang")
        self.key = SoftwareKey.create(self.root, folder / "software.key", passphrase=b"frasa sandi panjang")
        identity = broker.enrol(GATEWAY, CELL)
        # The broker's city has another root than the software's here; the gateway trusts both.
        both = identity.authority.read_bytes(), (folder / "root" / "root.pem").read_bytes()
        self.config = folder / "gateway.toml"
        (folder / "root.pem").write_bytes(both[1] + both[0])
        toml = GATEWAY_TOML.format(port=broker.port, cert=identity.certificate, key=identity.key)
        self.config.write_text(toml)
        self.opt = folder / "opt"
        self.lay_out_first()
        edge = self.opt / "venv" / "bin" / "siaga-edge"
        command = [sys.executable, "-c", SUPERVISOR, edge, "run", "--config", self.config]
        self.supervisor = Child("supervisor", command, folder / "edge.log")

    def upgrade_to(self, version, changed=None, from_version="0.1.0"):
        folder = self.folder / f"wheels-{version}"
        folder.mkdir()
        path = self.folder / f"{version}.upgrade"
        wheels = [siaga(folder, version, changed), libraries(folder)]
        sign(
            self.key, wheels, path, from_version=from_version, machine=platform.machine(),
            python=PYTHON, days=30, now_ms=time.time_ns() // 10**6,
        )  # fmt: skip
        return path

    def lay_out_first(self):
        first = self.upgrade_to("0.1.0", from_version="0.0.0")
        here = Here("0.0.0", "0.0.0", platform.machine(), PYTHON, 0)
        place = self.opt / "releases" / "0.1.0"
        place.parent.mkdir(parents=True)
        lay_out(verified(first, (self.folder / "root" / "root.pem").read_bytes(), here), place)
        (self.opt / "venv").symlink_to("releases/0.1.0")

    def command(self, *more, patience_s=30):
        """What the technician types, with times that suit a test."""
        program = self.opt / "venv" / "bin" / "siaga-edge"
        restart = f"kill -HUP {self.supervisor.pid}"
        times = ["--settle-s", "1", "--patience-s", str(patience_s)]
        rest = ["--config", self.config, "--folder", self.opt, "--restart", restart, *times]
        return [program, "upgrade", *more, *rest]

    def type(self, *more, patience_s=30):
        command = self.command(*more, patience_s=patience_s)
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    @property
    def running(self):
        """The version of the process that runs now."""
        seen = read(self.folder / "vitals.json")
        return (
            seen.software
            if seen is not None and seen.reached and Path(f"/proc/{seen.pid}").exists()
            else None
        )


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    broker = Mosquitto(tmp_path_factory.mktemp("broker"))
    broker.start()
    hub = Hub(broker)
    hub.start()
    yield hub, broker
    hub.over.set()
    hub.join(5)
    broker.stop()


@pytest.fixture(scope="module")
def site(hub, tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("site"), hub[1])
    site.supervisor.start()
    wait_until(lambda: site.running == "0.1.0")
    yield site
    site.supervisor.stop(signal.SIGKILL)
    seen = read(site.folder / "vitals.json")
    if seen is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(seen.pid, signal.SIGKILL)


def wait_until(true, timeout_s=15.0):
    end = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_good_upgrade_stays_a_broken_one_goes_and_no_sample_is_lost(hub, site, measured):
    hub, _ = hub
    said = site.type(site.upgrade_to("0.2.0"))
    assert said.returncode == 0, said.stderr
    assert "new=0.2.0 reached=True" in said.stderr
    assert "upgrade.kept version=0.2.0" in said.stderr
    wait_until(lambda: site.running == "0.2.0")

    began = time.monotonic()
    said = site.type(site.upgrade_to("0.3.0", {"edge/app.py": DIES}), patience_s=2)
    assert said.returncode == 3, said.stderr
    assert "not started" in said.stderr
    wait_until(lambda: site.running == "0.2.0")
    assert time.monotonic() - began < 30, "the trial was to last 2 s"
    assert "this version does not start" in (site.folder / "edge.log").read_text(), "it was tried"
    assert not (site.opt / "releases" / "0.3.0").exists()

    before = read(site.folder / "vitals.json")
    said = site.type(site.upgrade_to("0.3.1", {"edge/app.py": DOES_NOT_LOAD}))
    assert said.returncode == 2
    assert "a_library_that_nobody_has" in said.stderr
    assert read(site.folder / "vitals.json") == before, "it was not even tried"

    # A technician may come again with a better one, and never with an older one.
    assert site.type(site.folder / "0.1.0.upgrade").returncode == 2
    assert json.loads((site.opt / "upgrade.json").read_text())["highest"] == "0.2.0"

    def all_are_here():
        (epoch, ranges), *others = hub.samples.items()
        assert not others, "the spool was made anew"
        lane = hub.beat.lanes["telemetry"]
        return lane.epoch == epoch and not hub.beat.lost and ranges.missing(1, lane.next - 1) == []

    hub.beat = None
    wait_until(lambda: hub.beat is not None)
    wait_until(all_are_here)
    assert hub.versions == ["0.1.0", "0.2.0", "0.2.0"]
    (ranges,) = hub.samples.values()
    assert ranges.count > 100
    gaps_ms = sorted(later - earlier for earlier, later in pairwise(sorted(hub.times)))[-3:]
    measured(
        f"upgrade: {ranges.count} samples accepted, none lost; unread for {gaps_ms} ms at the three restarts"
    )


def test_a_trial_that_the_power_cut_off_is_judged_by_the_version_before(hub, site):
    """The command dies in the middle of a trial; what runs at the next start of the machine ends it."""
    before = site.running
    broken = site.upgrade_to("0.4.0", {"edge/app.py": DIES})
    typed = subprocess.Popen(site.command(broken), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until((site.opt / "trial.json").exists)
    wait_until(lambda: (site.opt / "venv").readlink().name == "0.4.0")
    typed.kill()
    typed.wait()
    assert site.type(broken).returncode == 2, "nothing new while a trial is open"
    resume = [site.opt / "previous" / "bin" / "siaga-edge", "upgrade", "--resume", "--folder", site.opt]
    done = subprocess.run([*resume, "--patience-s", "1"], check=False, timeout=30)
    assert done.returncode == 3
    wait_until(lambda: site.running == before)
    assert not (site.opt / "trial.json").exists()
    assert subprocess.run(resume, check=False, timeout=30).returncode == 0, "there is nothing to end any more"
