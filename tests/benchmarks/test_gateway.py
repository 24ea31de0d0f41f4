"""The tools that measure a gateway: each sees what is there, and nothing where nothing is."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from benchmarks import commits, gateway, meter, stations
from benchmarks.stations import Load
from edge.config import load
from provisioning.ca import Identity

UP = "print('up', flush=True)\n"
BUSY = UP + "while True: pass"
IDLE = UP + "import signal; signal.pause()"
WRITER = f"""
import os, time, sys
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
while True:
    os.pwrite(file, b"x" * 4096, 0)
    os.fdatasync(file)
    {UP}    time.sleep(0.05)
"""


@contextmanager
def running(code: str, *arguments: str) -> Iterator[int]:
    """A process that does by now what it is for."""
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        if code == IDLE:
            until(lambda: Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "S")
        yield process.pid
    finally:
        process.kill()
        process.communicate()


def until(so: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 20
    while not so():
        assert time.monotonic() < end_s
        time.sleep(0.02)


def test_a_busy_process_has_used_what_an_idle_one_has_not():
    with running(BUSY) as busy, running(IDLE) as idle:
        first = [meter.read(pid) for pid in (busy, idle)]
        until(lambda: meter.cpu_s(busy) > first[0].cpu_s + 0.1)
        spent = [meter.between(was, meter.read(pid)) for was, pid in zip(first, (busy, idle), strict=True)]
    assert spent[0].cpu_s > 0.1
    assert 0 < spent[0].cpu_pct < 110
    assert spent[1].cpu_pct < 1
    assert spent[1].switches <= 2
    assert all(1 < reading.pss_mb <= reading.rss_mb < 100 and reading.threads == 1 for reading in first)


def test_what_a_process_hands_to_files_is_counted(tmp_path: Path):
    with running(WRITER, str(tmp_path / "file")) as writer, running(IDLE) as idle:
        before = meter.written_bytes(writer), meter.written_bytes(idle)
        until(lambda: meter.written_bytes(writer) >= before[0] + 4096)
        assert meter.written_bytes(idle) == before[1]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not here")
def test_flushes_and_what_they_carry_are_seen(tmp_path: Path):
    with running(WRITER, str(tmp_path / "file")) as writer, running(IDLE) as idle:
        busy, quiet = commits.watch(writer, 1.5), commits.watch(idle, 0.5)
    assert busy is not None
    assert quiet is not None
    assert 0 < busy.flushes_per_s < 25
    # The first and the last may be seen by half.
    assert abs(busy.bytes_per_s / 4096 - busy.flushes_per_s) <= 2 / 1.5
    assert quiet == commits.Writing(0, 0)


def test_the_gateway_under_test_is_configured_as_any_other(tmp_path: Path):
    (tmp_path / "instruments").mkdir()
    (tmp_path / "instruments" / "bench_station.toml").write_text(stations.instrument_toml())
    identity = Identity(*(tmp_path / name for name in ("certificate", "key", "authority")))
    text = gateway.head_toml("gw-uji", 8883, identity) + gateway.stations_toml(502, Load(stations=3))
    (tmp_path / "gateway.toml").write_text(text)
    config = load(tmp_path / "gateway.toml")
    assert [device.unit for device in config.device] == [1, 2, 3]
    assert {device.quantities for device in config.device} == {
        tuple(register.quantity for register in stations.REGISTERS)
    }
    assert stations.STEADY.values_per_s == 50


async def test_the_stations_show_new_values_at_each_poll():
    async with stations.served(Load(stations=2)) as server:
        assert set(server.units) == {1, 2}
        before = dict(server.units[1].holding)
        stations.change(list(server.units.values()), Random(7))
        assert server.units[1].holding != before
        assert server.units[1].holding.keys() == before.keys()
