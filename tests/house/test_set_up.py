"""Set-up installs servers without starting them, and gives the machine its own policy back in every case."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from hub.console.asset_files import FROM_PACKAGES

ROOT = Path(__file__).resolve().parents[2]

OWN_POLICY = "#!/bin/sh\n# the administrator's\nexit 104\n"

# Stand in for Debian's programs: this writes down what the policy says while packages are installed.
APT_GET = """#!/bin/sh
case "$*" in
  *install*)
    "$POLICY_RC_D"; echo "policy $?" >"$SEEN"
    echo "$*" >>"$SEEN"
    {then}
    ;;
esac
"""
SYSTEMCTL = """#!/bin/sh
case "$*" in
  "is-enabled --quiet influxdb.service") exit 0 ;; # ran here before
  is-enabled*) exit 1 ;;
esac
echo "systemctl $*" >>"$SEEN"
"""


class Machine:
    def __init__(self, folder: Path) -> None:
        self.policy = folder / "policy-rc.d"
        self.seen = folder / "seen"
        self.programs = folder / "bin"
        self.programs.mkdir()
        self.program("systemctl", SYSTEMCTL)

    def program(self, name: str, text: str) -> None:
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    def start(self, then: str) -> subprocess.Popen[bytes]:
        self.program("apt-get", APT_GET.format(then=then))
        environment = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "POLICY_RC_D": str(self.policy),
            "SEEN": str(self.seen),
        }
        return subprocess.Popen(
            # What nohup started ignores SIGHUP, and bash cannot trap what it was started ignoring.
            ["env", "--default-signal=HUP,TERM", ROOT / "setup" / "without_services", "mosquitto"],
            env=environment,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def install(self, then: str = ":") -> int:
        return self.start(then).wait(timeout=30)

    def wait_until_installing(self) -> None:
        deadline = time.monotonic() + 20
        while not (self.seen.exists() and "install" in self.seen.read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def leftovers(self) -> set[str]:
        return {path.name for path in self.policy.parent.iterdir()} - {"bin", "seen"}


@pytest.fixture
def machine(tmp_path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture(params=["no policy", "a policy"])
def own_policy(request, machine) -> str | None:
    if request.param == "no policy":
        return None
    machine.policy.write_text(OWN_POLICY)
    machine.policy.chmod(0o755)
    return OWN_POLICY


def policy_of(machine: Machine) -> str | None:
    return machine.policy.read_text() if machine.policy.exists() else None


def test_services_are_refused_while_installing(machine, own_policy):
    assert machine.install() == 0
    seen = machine.seen.read_text()
    assert seen.startswith("policy 101\n")
    assert "mosquitto" in seen
    assert "systemctl disable --quiet mosquitto.service" in seen
    assert "influxdb" not in seen, "a service that the machine had before is not ours to disable"
    assert policy_of(machine) == own_policy
    assert machine.leftovers() == ({"policy-rc.d"} if own_policy else set())


def test_a_failed_installation_gives_the_policy_back(machine, own_policy):
    assert machine.install(then="exit 100") != 0
    assert policy_of(machine) == own_policy


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_an_interrupted_installation_gives_the_policy_back(machine, own_policy, name):
    running = machine.start(then="exec sleep 60")
    machine.wait_until_installing()
    os.killpg(running.pid, signal.Signals[name])
    assert running.wait(timeout=30) != 0
    assert policy_of(machine) == own_policy


def test_the_run_after_a_kill_gives_the_policy_back(machine, own_policy):
    running = machine.start(then="exec sleep 60")
    machine.wait_until_installing()
    os.killpg(running.pid, signal.SIGKILL)
    running.wait(timeout=30)
    assert policy_of(machine) != own_policy
    assert machine.install() == 0
    assert policy_of(machine) == own_policy


def test_a_second_set_up_of_the_environment_does_nothing():
    def set_up() -> bytes:
        return subprocess.run(
            [ROOT / "setup" / "environment"], check=True, timeout=100, capture_output=True
        ).stdout

    set_up()
    assert set_up() == b"", "the stamp did not hold"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What setup/assets needs of a checkout, with an npm that notes its calls and makes what ours would."""
    for name in (
        "setup/assets",
        "setup/npm",
        "setup/progress",
        "hub/console/assets/package.json",
        "hub/console/assets/package-lock.json",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
        (tmp_path / name).chmod(0o755)
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(
        """#!/bin/bash
[ "$1" = --version ] && echo 10.0.0 && exit
echo "$*" >>"$SEEN"
[ -z "$FAILS" ] || { echo "npm: no such package" >&2; exit 1; }
while [ "$1" != --prefix ]; do shift; done
for file in htmx.org/dist/htmx.min.js uplot/dist/uPlot.iife.min.js uplot/dist/uPlot.min.css; do
  mkdir -p "$(dirname "$2/node_modules/$file")" && echo x >"$2/node_modules/$file"
done
"""
    )
    npm.chmod(0o755)
    return tmp_path


def build_assets(checkout: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": f"{checkout}/bin:{os.environ['PATH']}",
        "SEEN": f"{checkout}/seen",
        "FAILS": "",
    } | more
    return subprocess.run(
        [checkout / "setup" / "assets"],
        env=environment,
        timeout=30,
        capture_output=True,
        text=True,
        check=False,
    )


def test_assets_are_built_once_and_again_when_the_lock_changes(checkout):
    built = checkout / "hub" / "console" / "assets" / "built"
    assert build_assets(checkout).returncode == 0
    assert {path.name for path in built.iterdir()} == {*FROM_PACKAGES, "stamp"}
    assert "--ignore-scripts" in (checkout / "seen").read_text()
    second = build_assets(checkout)
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    lock = checkout / "hub" / "console" / "assets" / "package-lock.json"
    lock.write_text(lock.read_text() + "\n")
    assert build_assets(checkout).returncode == 0
    assert (checkout / "seen").read_text().count("ci ") == 2


def test_assets_that_cannot_be_built_say_why_and_leave_what_was_there(checkout):
    built = checkout / "hub" / "console" / "assets" / "built"
    build_assets(checkout)
    (built / "stamp").write_text("older")
    failed = build_assets(checkout, FAILS="1")
    assert failed.returncode != 0
    assert "no such package" in failed.stderr + failed.stdout
    assert (built / "htmx.min.js").exists()


def test_the_lock_of_the_assets_has_exact_versions_and_names_no_host():
    text = (ROOT / "hub" / "console" / "assets" / "package-lock.json").read_text()
    assert "://" not in text
    assert text.count('"integrity"') == 2
    wanted = json.loads((ROOT / "hub" / "console" / "assets" / "package.json").read_text())["dependencies"]
    assert all(version[0].isdigit() for version in wanted.values())
