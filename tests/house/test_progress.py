"""The line that shows that set-up lives: plain in a log, one line at a terminal, words when it fails."""

import os
import pty
import re
import signal
import subprocess
import time
from pathlib import Path

PROGRESS = Path(__file__).resolve().parents[2] / "setup" / "progress"


def run(*command):
    return subprocess.run(
        [PROGRESS, "the work", *command], capture_output=True, text=True, timeout=30, check=False
    )


def test_a_log_gets_plain_lines_and_nothing_of_what_the_command_said():
    done = run("bash", "-c", "echo secret detail")
    assert done.returncode == 0
    assert re.fullmatch(r"setup: the work\nsetup: the work: \d+ s\n", done.stdout)
    assert done.stderr == ""


def test_a_failure_shows_the_last_words_and_keeps_the_status():
    done = run("bash", "-c", "for n in $(seq 1 99); do echo line $n; done; exit 7")
    assert done.returncode == 7
    assert "line 99\n" in done.stderr
    assert "line 59\n" not in done.stderr
    assert "GAGAL / FAILED" in done.stderr
    assert "exit status 7" in done.stderr


def test_at_a_terminal_one_line_is_written_over_with_the_seconds():
    ours, its = pty.openpty()
    child = subprocess.Popen(
        [PROGRESS, "the work", "bash", "-c", "echo at step 3; sleep 1"], stdout=its, close_fds=True
    )
    os.close(its)
    said = b""
    while True:
        try:
            said += os.read(ours, 4096)
        except OSError:
            break
    os.close(ours)
    assert child.wait() == 0
    lines = said.decode().split("\r\x1b[K")
    assert any("the work: at step 3" in line for line in lines)
    assert all(len(line) < 80 for line in lines)
    assert re.fullmatch(r"setup: the work: [1-9]\d* s", lines[-1].strip())


def test_ctrl_c_ends_the_command_too(tmp_path):
    child = subprocess.Popen(
        # What runs in the background of a shell ignores it, and bash cannot trap what it was started ignoring.
        [
            "env",
            "--default-signal=INT",
            PROGRESS,
            "the work",
            "bash",
            "-c",
            f"echo $$ >{tmp_path}/pid; exec sleep 60",
        ],
        stdout=subprocess.DEVNULL,
    )
    end = time.monotonic() + 30
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < end
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    assert child.wait(30) == 130
    process = Path("/proc", (tmp_path / "pid").read_text().strip())
    while process.exists() and (process / "stat").read_text().split()[2] != "Z":
        assert time.monotonic() < end
        time.sleep(0.05)
