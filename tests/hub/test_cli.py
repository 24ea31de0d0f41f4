"""``siaga-hub`` as a process: what it says when ready, how it ends, and the commands beside it."""

import json
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.cli import main
from tests.hub.running import write_config

pytestmark = pytest.mark.real


@contextmanager
def process(config: Path) -> Iterator[tuple["subprocess.Popen[str]", dict[str, Any]]]:
    """A hub in a process of its own, ready."""
    child = subprocess.Popen(
        [sys.executable, "-m", "hub.cli", "run", "--config", str(config)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        yield child, json.loads(child.stdout.readline())
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_says_that_it_is_ready_and_ends_cleanly(broker, tmp_path, how):
    with process(write_config(tmp_path, broker)) as (child, ready):
        assert httpx.get(f"{ready['api']}/api/health").status_code in (200, 503)
        child.send_signal(how)
        assert child.wait(10) == 0


def test_the_setup_code_is_in_a_file_of_its_own_until_there_is_a_user(broker, tmp_path, capsys):
    config = write_config(tmp_path, broker)
    (tmp_path / "password").write_text("jembatan gantung 17 ikan\n")
    with process(config) as (_, ready):
        code = Path(ready["setup_code_file"])
        assert stat.S_IMODE(code.stat().st_mode) == 0o600
        assert len(code.read_text().strip()) == 40
        arguments = ["users", "add", "siti", "--role", "operator", "--config", str(config)]
        assert main([*arguments, "--password-file", str(tmp_path / "password")]) == 0
        assert "siti: operator" in capsys.readouterr().out
        assert main([*arguments, "--password-file", str(tmp_path / "password")]) == 2
        assert "siti" in capsys.readouterr().err
        assert main(["users", "reset", "siti", "--config", str(config)]) == 0
        new = {
            "name": "siti",
            "code": capsys.readouterr().out.split()[5],
            "password": "jembatan gantung 18 ikan",
        }
        assert httpx.post(f"{ready['api']}/api/activate", json=new).status_code == 200
        assert main(["users", "reset", "nobody", "--config", str(config)]) == 2
    with process(config) as (_, ready):
        assert ready["setup_code_file"] is None
        assert not code.exists()


def test_a_second_hub_on_the_same_file_is_refused_and_so_is_a_mark_while_it_runs(broker, tmp_path, capsys):
    config = write_config(tmp_path, broker)
    with process(config):
        assert main(["run", "--config", str(config)]) == 2
        assert main(["restore-mark", "--config", str(config)]) == 2
        assert "another process" in capsys.readouterr().err
    assert main(["restore-mark", "--config", str(config), "--above", "41"]) == 0
    assert "42" in capsys.readouterr().out


def test_it_comes_back_after_kill_9_as_the_same_hub(broker, tmp_path):
    config = write_config(tmp_path, broker)
    with process(config) as (child, _):
        child.kill()
        assert child.wait() == -9
    with process(config) as (child, ready):
        assert ready["ready"]
        child.terminate()
        assert child.wait(10) == 0


def test_a_mistake_in_a_file_is_told_and_not_traced(broker, tmp_path, capsys):
    config = write_config(tmp_path, broker)
    config.write_text(config.read_text().replace("keepalive", "keepalife") + "\n[apu]\n")
    assert main(["check", "--config", str(config)]) == 2
    told = capsys.readouterr().err
    assert "hub.toml:" in told
    assert "Traceback" not in told
    assert main(["check", "--config", str(tmp_path / "none.toml")]) == 2
