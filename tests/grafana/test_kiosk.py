"""The wall's PC: what install writes, and that the wall finds its playlist and comes back with Grafana."""

import json
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
HUB_TOKEN = "kata-layar-utama"  # tracked: allowed, a test's own


def install(home, *arguments, hub_token=HUB_TOKEN):
    home.mkdir(exist_ok=True)
    (home / "hub-token").write_text(hub_token + "\n")
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    command = [KIOSK / "install", *map(str, arguments), home / "hub-token", "--files-only"]
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
    (hub_holder,) = [file for file, text in texts.items() if HUB_TOKEN in text]
    assert hub_holder.read_text() == f"Authorization: Bearer {HUB_TOKEN}\n"
    assert stat.S_IMODE(hub_holder.stat().st_mode) == 0o600
    assert f"HUB_HEADER={hub_holder}\n" in hub_holder.with_name("environment").read_text()
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


def test_a_token_of_the_hub_that_is_none_is_refused(tmp_path, token):
    done = install(tmp_path, "https://dinding", token, "https://hub", hub_token='x" -o /etc/passwd')
    assert (done.returncode, "hub-token holds no token" in done.stderr) == (2, True)
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
        self.told = []

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

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                door.told.append((self.path, self.headers["Authorization"], json.loads(body)))
                self.send_response(200)
                self.end_headers()

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
        (tmp_path / "hub-header").write_text(f"Authorization: Bearer {HUB_TOKEN}\n")
        for name in ("chromium", "systemctl"):
            (programs / name).write_text(f'#!/bin/bash\necho "{name} $*" >>"{tmp_path}/called"\n')
            (programs / name).chmod(0o755)
        url = f"http://127.0.0.1:{self.server.server_port}"
        environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "DOOR": url,
            "HUB": url,
            "HUB_HEADER": str(tmp_path / "hub-header"),
            "VERSION": "0123456789ab",
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
        mark = tmp_path / "siaga-wall-away"
        mark.touch()
        assert "restart siaga-wall.service" in door.run("look", tmp_path)
        assert not mark.exists()
    (tmp_path / "called").unlink()
    door.server.server_port = 1
    assert door.run("look", tmp_path) == ""
    assert mark.exists(), "that it is away is remembered"
    assert door.told[-1][2]["grafana"] is True, "a hub that is away too is told nothing, and the wall goes on"


def uptime_s():
    return float(Path("/proc/uptime").read_text().split()[0])


def test_the_wall_tells_the_hub_what_it_shows_and_since_when(tmp_path):
    (tmp_path / "browser").mkdir()
    browser = shutil.copy(shutil.which("sleep"), tmp_path / "browser" / "chromium")
    with Door() as door, subprocess.Popen([browser, "60"]) as shown:
        try:
            note = tmp_path / "siaga-wall-shows"
            note.write_text(f"{shown.pid} {int(uptime_s()) - 5000} Siaga: dinding\n")
            door.run("look", tmp_path)
        finally:
            shown.kill()
    ((path, authorization, said),) = door.told
    assert (path, authorization) == ("/api/v1/walls", f"Bearer {HUB_TOKEN}")
    assert (said["shows"], said["version"], said["grafana"]) == ("Siaga: dinding", "0123456789ab", True)
    assert 4999 <= said["loaded_s"] <= 5060
    assert abs(said["up_s"] - uptime_s()) < 60


def test_a_browser_that_has_ended_is_told_as_none(tmp_path):
    with Door() as door:
        door.run("look", tmp_path)  # nothing was shown yet
        door.run("show", tmp_path)  # its chromium only notes how it was called, and ends
        assert (tmp_path / "siaga-wall-shows").read_text().endswith(" Siaga: dinding\n")
        door.run("look", tmp_path)
    assert [said["loaded_s"] for _, _, said in door.told] == [None, None]


def test_a_grafana_that_does_not_answer_is_told(tmp_path):
    with Door(refuses=1) as door:
        door.run("look", tmp_path)
        door.run("look", tmp_path)
    assert [said["grafana"] for _, _, said in door.told] == [False, True]
