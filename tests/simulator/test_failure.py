"""Failures in plain words: what, to what, and what to do next."""

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from contract.errors import ContractError
from simulator import proc, rounds
from simulator.failure import FAILED, MISUSED, DiskLow, explain
from simulator.processes import Child, ChildDied, PortTaken, ProgramMissing, ServerFailed


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (ProgramMissing("influxd is not installed", "x"), FAILED, ["influxd", "setup/install demo"]),
        (DiskLow(Path("/data"), 3 * 2**20, 500 * 2**20), FAILED, ["3 MB free at /data", "500 MB", "--home"]),
        (OSError(errno.ENOSPC, "No space left on device"), FAILED, ["disk is full", "disk penuh"]),
        (
            ChildDied("gw-x ended by itself with -9", "line 1\nline 2"),
            FAILED,
            ["gw-x", "| line 1", "| line 2"],
        ),
        (ServerFailed("influxd found no port", "bad config"), FAILED, ["influxd", "| bad config", "df -h"]),
        (ContractError("region.toml", "no such site"), MISUSED, ["region.toml", "no such site"]),
        (FileNotFoundError(2, "No such file", "/nowhere/region.toml"), MISUSED, ["/nowhere/region.toml"]),
        (RuntimeError("?"), FAILED, ["RuntimeError('?')", "unexpected"]),
    ],
)
def test_every_failure_says_what_and_what_next(error, status, said):
    failure = explain(error)
    text = failure.text()
    assert failure.status == status
    assert all(words in text for words in said), text
    assert text.index("GAGAL") < text.index("FAILED")
    assert "Langkah berikut: " in text
    assert "What to do: " in text
    assert "Traceback" not in text


def test_a_taken_port_is_told_with_who_has_it():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert proc.listener(port).endswith(f"({os.getpid()})")
        assert f"({os.getpid()})" in explain(PortTaken(port)).text()
    assert proc.listener(port) == ""
    assert "--port" in explain(PortTaken(port)).text()


def test_a_disk_with_too_little_room_is_found_before_anything_is_written(tmp_path):
    rounds.check_room(tmp_path, 1)
    with pytest.raises(DiskLow):
        rounds.check_room(tmp_path, 2**62)


def test_a_log_that_has_become_long_is_emptied_and_goes_on(tmp_path):
    child = Child("uji", [sys.executable, "-c", "pass"], tmp_path / "log")
    with child.log.open("ab") as writer:
        writer.write(b"x" * 100)
        writer.flush()
        rounds.shorten_logs([child])
        assert child.log.stat().st_size == 100
        writer.write(b"x" * rounds.LOG_KEPT)
        writer.flush()
        rounds.shorten_logs([child])
        writer.write(b"more")
        writer.flush()
    assert child.log.read_bytes() == b"more"


def demo(home, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "simulator.cli", "--home", str(home), *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.mark.real
def test_a_taken_port_ends_the_demo_before_it_starts_anything(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = demo(tmp_path, "--port", str(port))
    assert ended.returncode == FAILED
    assert f"port {port} is taken by" in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.real
def test_an_influxdb_that_does_not_start_is_told_with_its_own_words_and_nothing_stays(tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "influxd").write_text("#!/bin/sh\necho 'run: open server: no luck today'\nexit 1\n")
    (folder / "influxd").chmod(0o755)
    home = tmp_path / "home"
    ended = demo(home, "--headless", PATH=f"{folder}:{os.environ['PATH']}")
    assert ended.returncode == FAILED
    assert "influxd" in ended.stderr
    assert "| run: open server: no luck today" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "mosquitto" not in processes_of(home)
    assert not (home / "demo.json").exists()


def processes_of(home):
    """Command lines that name a folder, in one text."""
    lines = (proc.command_line(int(one.name)) for one in Path("/proc").iterdir() if one.name.isdigit())
    return "\n".join(" ".join(line) for line in lines if str(home) in " ".join(line))
