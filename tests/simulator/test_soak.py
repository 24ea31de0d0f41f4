"""What a soak says of recorded numbers: 34 minutes of a city whose own demo process still grew."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from simulator import growth, proc, soak
from simulator.growth import Minute

RECORDED = Path(__file__).with_name("recorded") / "soak.jsonl"


@pytest.fixture
def minutes():
    return [Minute(**json.loads(line)) for line in RECORDED.read_text().splitlines()]


def line(lines, name):
    return next(one for one in lines if one.name == name)


def test_what_grew_is_told_from_what_did_not(minutes):
    memory = growth.memory(minutes)
    assert 18 < line(memory, "demo").per_hour < 26
    assert not line(memory, "demo").flat
    assert abs(line(memory, "mosquitto").per_hour) < 0.3
    assert line(memory, "mosquitto").flat
    assert line(memory, "gw-pos-muara").flat
    assert any(said.startswith("demo grows by") for said in soak.wrong(minutes, {}))
    assert not any("mosquitto" in said for said in soak.wrong(minutes, {}))


def test_the_first_minutes_do_not_count(minutes):
    assert minutes[0].processes["hub"]["rss_kb"] > 130_000, (
        "the hub is large while it hashes the first passwords"
    )
    assert line(growth.memory(minutes), "hub").most < 110
    assert growth.settled(minutes)[0].at_s >= 0.25 * minutes[-1].at_s
    hours = [Minute(60.0 * at, {}, {}) for at in range(96)]
    assert growth.settled(hours)[0].at_s == growth.WARM_UP_S


def test_one_outlier_moves_no_slope():
    points = [(60.0 * at, 50.0) for at in range(60)]
    points[30] = (1800.0, 500.0)
    assert growth.slope_per_hour(points) == 0
    rising = [(60.0 * at, 50.0 + at / 10) for at in range(60)]
    assert growth.slope_per_hour(rising) == pytest.approx(6.0)
    assert growth.slope_per_hour(points[:1]) == 0


def breathing(leak_mb_h):
    """An hour of a process that goes up and down by 8 MB every five minutes, and may keep some for ever."""
    minutes = []
    for at in range(96):
        rss_mb = 28 + 8 * (at % 5) / 4 + leak_mb_h * at / 60
        taken = {"rss_kb": 1024 * rss_mb, "files": 9, "threads": 9, "cpu_s": 1, "pid": 7}
        minutes.append(Minute(60.0 * at, {"influxd": taken}, {}))
    return line(growth.memory(minutes), "influxd")


def test_who_breathes_does_not_grow_and_who_leaks_meanwhile_does():
    assert breathing(0).flat
    assert breathing(2.5).flat  # an hour cannot tell it from chance
    assert not breathing(10).flat
    assert breathing(2.5).breath == pytest.approx(8, abs=0.5)


def test_a_process_that_was_started_again_has_no_slope_across_that(minutes):
    changed = []
    for at, one in enumerate(minutes):
        taken = dict(one.processes)
        if at >= 20:
            taken["mosquitto"] = {
                **taken["mosquitto"],
                "pid": 1,
                "rss_kb": taken["mosquitto"]["rss_kb"] + 90_000,
            }
        changed.append(replace(one, processes=taken))
    assert line(growth.memory(changed), "mosquitto").flat


def test_files_that_are_never_closed_are_found(minutes):
    assert all(one.flat for one in growth.counts(minutes, "files") if one.name != "demo")
    leaking = [
        replace(one, processes={"hub": {**one.processes["hub"], "files": 30 + at}})
        for at, one in enumerate(minutes)
    ]
    assert not line(growth.counts(leaking, "files"), "hub").flat
    assert any("hub has" in said for said in soak.wrong(leaking, {}))


def test_the_disk_is_told_by_folder_and_in_all(minutes):
    lines = growth.disk(minutes)
    assert line(lines, "gateways").per_hour == pytest.approx(0, abs=0.1)
    assert 1 < line(lines, "total").per_hour < 8
    assert 300 < line(lines, "total").last < 330


def test_too_few_minutes_give_no_verdict(minutes):
    assert soak.wrong(minutes[:3], {}) == []


def test_troubles_are_counted_by_what_they_say():
    log = [
        "2026-11-22 04:30:00,123 INFO edge.link link.up",
        "2026-11-22 04:30:01,123 WARNING edge.link link.down reason=[Errno 104] reset",
        "2026-11-22 04:31:02,456 WARNING edge.link link.down reason=[Errno 111] reset",
        "ERROR hub.db store=down error=no",
        'ts=2026-11-22T04:30:00.1Z lvl=error msg="no room"',
        "1763785800: Error: out of sockets",
        "1763785800: Warning: Mosquitto should not be run as root.",
        "Traceback (most recent call last):",
        "all is well, no errors",
    ]
    found = growth.troubles(log)
    assert sorted(found.values()) == [1, 1, 1, 1, 1, 2]
    said = {"hub.log": found}
    assert not any("warning" in one.lower() for one in soak.wrong([], said))
    assert len(soak.wrong([], said)) == 4


def test_logs_are_read_as_they_grow_and_when_they_were_emptied(tmp_path):
    logs, log = soak.Logs(tmp_path), tmp_path / "hub.log"
    log.write_text("ERROR a\n")
    logs.read()
    logs.read()
    assert logs.troubles == {"hub.log": {"ERROR a": 1}}
    log.write_text("ERROR a\nERROR b\n")
    logs.read()
    assert logs.troubles == {"hub.log": {"ERROR a": 1, "ERROR b": 1}}
    log.write_text("ERROR c\n")
    logs.read()
    assert logs.troubles["hub.log"]["ERROR c"] == 1


def test_the_kernel_is_read_right():
    own = proc.usage(os.getpid())
    assert own.threads >= 1
    assert own.files >= 3
    assert 10_000 < own.rss_kb < 10_000_000
    assert proc.usage(2**22 + 1) is None
    child = subprocess.Popen(["sleep", "30"])
    try:
        assert child.pid in list(proc.children(os.getpid()))
        end_s = time.monotonic() + 10
        while proc.name_of(proc.command_line(child.pid)) != "sleep":  # not before its exec
            assert time.monotonic() < end_s
            time.sleep(0.01)
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (["python", "-m", "simulator.gateway", "--config", "/x/gw-muara.toml"], "gw-muara"),
        (["python", "-m", "hub.cli", "--log", "info", "run"], "hub"),
        (["python", "-m", "simulator.cli", "--home", "x"], "demo"),
        (["python", "-m", "provisioning.cli", "serve", "x"], "enrolment"),
        (["/usr/sbin/mosquitto", "-c", "x"], "mosquitto"),
        ([], ""),
    ],
)
def test_processes_are_named_by_what_they_are(line, name):
    assert proc.name_of(line) == name


def test_disk_use_counts_what_is_on_the_disk(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "full").write_bytes(b"x" * 100_000)
    with (tmp_path / "a" / "hole").open("wb") as file:
        file.truncate(50_000_000)
    assert 100_000 <= proc.disk_bytes(tmp_path) < 200_000


def test_a_recorded_soak_is_judged_by_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "simulator.soak", "--read", str(RECORDED)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "demo grows by" in done.stdout
    assert "34 minutes" in done.stdout or "33 minutes" in done.stdout
