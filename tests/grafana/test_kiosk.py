"""The wall's PC: what install writes, and that the wall finds its playlist and comes back with Grafana."""

import os
import shutil
import stat
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

KIOSK = Path(__file__).resolve().parents[2] / "grafana" / "kiosk"
TOKEN = "glsa_dinding_uji"  # tracked: allowed, a test's own


def install(home, *arguments):
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    command = [KIOSK / "install", *map(str, arguments), "--files-only"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=False)


@pytest.fixture
def token(tmp_path):
    (tmp_path / "token").write_text(TOKEN + "\n")
    return tmp_path / "token"


def test_what_it_writes_is_whole_and_the_token_is_in_one_file(tmp_path, token):
    done = install(tmp_path, "https://dinding.kota.example", token, "https://hub.kota.example")
    assert done.returncode == 0, done.stderr
    files = [file for file in (tmp_path / ".config").rglob("*") if file.is_file()]
    assert {file.name for file in (KIOSK / "units").iterdir()} <= {file.name for file in files}
    texts = {file: file.read_text() for file in files}
    assert not [
        file for file, text in texts.items() if "@" in text.replace("@example", "") and "@WALL@" in text
    ]
    (holder,) = [file for file, text in texts.items() if TOKEN in text]
    assert holder.name == "nginx.conf"
    assert stat.S_IMODE(holder.stat().st_mode) == 0o600
    assert "listen 127.0.0.1:3001" in texts[holder]
    again = install(tmp_path, "https://dinding.kota.example", token, "https://hub.kota.example")
    assert again.returncode == 0
    assert {file: file.read_text() for file in files} == texts


@pytest.mark.parametrize(
    "arguments",
    [
        ("ftp://dinding", "token", "https://hub"),
        ("https://dinding/$(id)", "token", "https://hub"),
        ("https://dinding", "bad", "https://hub"),
    ],
)
def test_what_is_no_address_or_token_is_refused(tmp_path, token, arguments):
    (tmp_path / "bad").write_text('x"; return 200 "')
    url, file, hub = arguments
    assert install(tmp_path, url, tmp_path / file, hub).returncode == 2
    assert not (tmp_path / ".config").exists()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd to judge the units")
def test_systemd_understands_every_unit(tmp_path, token):
    install(tmp_path, "https://dinding.kota.example", token, "https://hub.kota.example")
    units = sorted((tmp_path / ".config" / "systemd" / "user").iterdir())
    found = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", "--recursive-errors=no", *units],
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    said = [
        line for line in found.stderr.splitlines() if "siaga-wall" in line and "is not executable" not in line
    ]
    assert said == []


class Door:
    """Grafana and the hub as the PC sees them; the first requests are refused, as by a Grafana that starts."""

    def __init__(self, refuses=0):
        self.refuses = refuses
        self.agents = []

    def __enter__(self):
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                door.agents.append(self.headers["User-Agent"])
                listed = b'[{"uid": "other", "name": "Lain"}, {"uid": "list7", "name": "Siaga: dinding"}]'
                door.refuses -= 1
                self.send_response(200 if door.refuses < 0 else 502)
                self.end_headers()
                self.wfile.write(listed if self.path == "/api/playlists" else b"{}")

            def log_message(self, *arguments):
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.server.shutdown()
        self.server.server_close()

    def run(self, script, tmp_path):
        """Run a script of the wall with programs that only note how they were called."""
        programs = tmp_path / "bin"
        programs.mkdir(exist_ok=True)
        for name in ("chromium", "systemctl"):
            (programs / name).write_text(f'#!/bin/bash\necho "{name} $*" >>"{tmp_path}/called"\n')
            (programs / name).chmod(0o755)
        url = f"http://127.0.0.1:{self.server.server_port}"
        environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "DOOR": url,
            "HUB": url,
            "WAIT_S": "0.1",
            "XDG_RUNTIME_DIR": str(tmp_path),
        }
        subprocess.run([KIOSK / script], env=environment, timeout=30, check=True, capture_output=True)
        called = tmp_path / "called"
        return called.read_text() if called.exists() else ""


def test_the_wall_waits_for_grafana_and_plays_its_playlist(tmp_path):
    with Door(refuses=2) as door:
        assert "/playlists/play/list7?kiosk=true" in door.run("show", tmp_path)
        assert len(door.agents) == 4


def test_the_wall_is_shown_anew_when_grafana_has_come_back_and_not_before(tmp_path):
    with Door() as door:
        assert door.run("look", tmp_path) == ""
        assert any("siaga-wall" in agent for agent in door.agents), "the hub hears of the wall"
        mark = tmp_path / "siaga-wall-away"
        mark.touch()
        assert "restart siaga-wall.service" in door.run("look", tmp_path)
        assert not mark.exists()
    (tmp_path / "called").unlink()
    door.server.server_port = 1
    assert door.run("look", tmp_path) == ""
    assert mark.exists(), "that it is away is remembered"
