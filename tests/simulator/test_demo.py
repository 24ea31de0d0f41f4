"""The whole city, from one command: it adds up, it can be looked into while it runs, and it leaves nothing behind."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.grafana import asked

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


def start(home, *arguments):
    command = [sys.executable, "-m", "simulator.cli", "--home", str(home), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def running(home):
    """Processes that have to do with this demo's folder, by command line."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and process.name != str(os.getpid()):
            line = line_of(process)
            if str(home) in line:
                found.append(line)
    return found


def line_of(process):
    """A process's command line, empty where it is gone."""
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def where(home, demo, timeout_s=90):
    """What demo.json says, once it is there."""
    end = time.monotonic() + timeout_s
    while not (home / "demo.json").exists():
        assert demo.poll() is None, demo.stdout.read()
        assert time.monotonic() < end
        time.sleep(0.1)
    return json.loads((home / "demo.json").read_text())


def check_claims(folder):
    """Every gateway has enrolled with a claim of its own, and its key is nowhere but with itself."""
    log = (folder / "trust" / "enrolment.log").read_text()
    assert log.count("enrolment.signed what=enrol") == 16
    assert "refused" not in log
    places = sorted(folder.glob("gateways/tls/*/gateway.pem"))
    keys = {place.read_bytes().partition(b"-----END PRIVATE KEY")[0] for place in places}
    assert len(keys) == len(places) == 16
    assert {stat.S_IMODE(place.stat().st_mode) for place in places} == {0o600}
    kept = [one.read_bytes() for one in folder.glob("trust/**/*") if one.is_file()]
    assert kept
    assert not [key for key in keys if any(key in one for one in kept)]
    (root,) = folder.glob("trust/root/root.key")
    assert b"ENCRYPTED" in root.read_bytes()
    told = json.loads((folder / "trust" / "trust.json").read_text())
    assert told["revoked"] == []
    assert sum(one["kind"] == "gateway" for one in told["endings"]) == 16


def look_at_the_walls(home, demo, measured):
    """Every query of every panel of the Grafana walls, late in the story: none fails, none is empty."""
    influx = where(home, demo)["influx"]
    time.sleep(40)
    found = asked.until_filled(influx, asked.boards())
    assert found.refused == []
    assert found.empty == []
    assert found.asked > 100
    measured(f"walls: {found.asked} queries of the dashboards, the slowest {found.slowest_ms:.0f} ms")


def test_a_minute_of_the_city_adds_up(tmp_path, measured):
    counts = tmp_path / "counts.json"
    demo = start(tmp_path / "home", "--for", "60", "--json", str(counts), "--headless")
    look_at_the_walls(tmp_path / "home", demo, measured)
    said, _ = demo.communicate(timeout=280)
    assert demo.returncode == 0, said
    assert said == "", "a headless demo tells only what is wrong"
    found = json.loads(counts.read_text())
    readings, presses = found["readings"], found["presses"]
    assert readings["committed"] == readings["promised"] > 300
    assert (readings["refused"], readings["lost"], readings["duplicated"]) == (0, 0, 0)
    assert presses["made"] > presses["incidents_expected"] == presses["incidents"] >= 4
    assert presses["notices"] == presses["incidents"]
    assert found["scans"]["committed"] == found["scans"]["made"] >= 13
    assert len(found["siaga_changes"]) == 5
    assert all(number >= 2 for number in found["siaga_changes"].values())
    assert found["gateways"] == {"total": 16, "silent_seen": 1}
    latency = found["latency_ms"]
    assert set(latency) == {"press_to_incident", "press_to_notice", "publish_to_commit"}
    assert all(0 <= one["p50"] <= one["p99"] for one in latency.values())
    assert latency["press_to_incident"]["p99"] < 2000
    assert running(tmp_path) == []
    assert list((tmp_path / "home").iterdir()) == []


def test_ctrl_c_ends_it_in_good_order_and_leaves_nothing_running(tmp_path):
    home = tmp_path / "home"
    demo = start(home, "--for", "3600")
    try:
        said = where(home, demo)
        assert stat.S_IMODE((home / "demo.json").stat().st_mode) == 0o600
        # Other programs can look: the API with a generated login, InfluxDB with its own and not without.
        with httpx.Client(base_url=said["api"]) as api:
            login = {"name": "operator", "password": said["logins"]["operator"]}
            assert api.post("/api/login", json=login).status_code == 200
            assert len(api.get("/api/gateways").json()["gateways"]) == 16
            assert api.post("/api/login", json={**login, "password": "operator"}).status_code == 401
        query = {"q": "SHOW DATABASES"}
        url = said["influx"]["url"] + "/query"
        assert httpx.get(url, params=query, auth=tuple(said["influx"]["login"])).status_code == 200
        assert httpx.get(url, params=query).status_code == 401
        assert len(running(home)) > 16
        check_claims(Path(said["folder"]))
        # A visitor stops what he can and goes away: the demo undoes it, and the account holds.
        with httpx.Client(
            base_url=said["control"]["url"], headers={"X-Control-Token": said["control"]["token"]}, timeout=30
        ) as control:
            for action, target in (
                ("press", "tugu"),
                ("cut", "gw-pos-muara"),
                ("power_off", "gw-rsud-contoh"),
                ("silence", "gw-rs-bunda/panel-mawar"),
                ("influx_freeze", ""),
                ("hub_kill", ""),
            ):
                assert control.post("/do", json={"action": action, "target": target}).status_code == 200
        demo.send_signal(signal.SIGINT)
        out, _ = demo.communicate(timeout=180)
    finally:
        demo.kill()
    assert demo.returncode == 0, out
    assert "hilang / lost                            0\n" in out
    assert "visitor: pressed Simpang Tugu" in out
    assert "Semuanya cocok. / Everything adds up." in out
    assert running(home) == []
    assert list(home.iterdir()) == []


def test_a_killed_demo_leaves_nothing_running_either(tmp_path):
    home = tmp_path / "home"
    demo = start(home, "--for", "3600", "--headless")
    where(home, demo)
    demo.kill()
    demo.communicate(timeout=10)
    end = time.monotonic() + 10
    while left := running(home):
        assert time.monotonic() < end, left
        time.sleep(0.1)


def test_a_part_that_dies_by_itself_ends_the_demo_in_words_and_leaves_nothing_running(tmp_path):
    home = tmp_path / "home"
    demo = start(home, "--for", "3600", "--headless")
    try:
        where(home, demo)
        [pid] = [
            int(one.name)
            for one in Path("/proc").iterdir()
            if one.name.isdigit()
            and str(home / f"demo-{demo.pid}/gateways/gw-pos-muara.toml") in line_of(one)
        ]
        os.kill(pid, signal.SIGKILL)
        said, _ = demo.communicate(timeout=60)
    finally:
        demo.kill()
    assert demo.returncode == 1
    assert "gw-pos-muara ended by itself with -9" in said
    assert "Langkah berikut: " in said
    assert " | " in said, "the last lines of its log"
    assert "Traceback" not in said
    assert running(home) == []
    left = [one for one in home.rglob("*") if one.is_file()]
    assert left
    assert {one.suffix for one in left} == {".log"}, "keys and databases are gone, the logs are there"


def test_a_profile_that_is_not_there_is_told_in_one_line(tmp_path):
    demo = start(tmp_path / "home", "--profile", str(tmp_path / "nowhere"))
    said, _ = demo.communicate(timeout=60)
    assert demo.returncode == 2
    assert said.startswith("siaga-demo: ") or "siaga-demo: " in said
    assert "Traceback" not in said
