"""Grafana beside the demo, where the machine has one: its own data, port and password, with the walls in it."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from pathlib import Path

import httpx

from grafana import provisioning, wanted
from grafana.sources import SUFFIXES, Reader
from simulator.processes import Child, ServerFailed, ports
from simulator.servers import Influx

PROGRAMS = ("grafana", "grafana-server")
PLACES = ":/usr/local/sbin:/usr/sbin:/sbin:/usr/share/grafana/bin"
READY_S = 60.0

HOW_TO_GET = (
    "dinding Grafana tidak ada: pasang Grafana dari grafana.com, lalu mulai lagi (docs/grafana.md)",
    "no Grafana walls: install Grafana from grafana.com and start again (docs/grafana.md)",
)
"""What a person is told where there is none."""

READER = "dinding"


def program(path: str) -> Path | None:
    """Grafana's program on that PATH; None where there is none."""
    found = (shutil.which(name, path=path + PLACES) for name in PROGRAMS)
    return next((Path(one) for one in found if one is not None), None)


def home_of(grafana: Path) -> Path | None:
    """Where Grafana has its pages: above its program, or where its package puts them."""
    places = (grafana.resolve().parent.parent, Path("/usr/share/grafana"))
    return next((place for place in places if (place / "conf" / "defaults.ini").exists()), None)


class Walls:
    """One Grafana.

    Attributes:
        url, login: where it listens, and its administrator, once started.
    """

    def __init__(self, folder: Path, grafana: Path) -> None:
        self._folder = folder
        self._grafana = grafana
        self._child: Child | None = None
        self.url = ""
        self.login = ("admin", secrets.token_urlsafe(12))

    def start(self, profile: Path, influx: Influx) -> None:
        """Start it with the city's walls, and wait until it answers.

        Raises:
            ServerFailed: it cannot be started, or ended.
        """
        home = home_of(self._grafana)
        if home is None:
            raise ServerFailed(f"{self._grafana} has no conf/defaults.ini above it")
        provisioning.write(self._folder, wanted.of(profile, reader(influx)))
        for port in ports():
            self.url = f"http://127.0.0.1:{port}"
            self._write_ini(port)
            child = Child("grafana", self._command(home), self._folder / "grafana.log", cwd=home)
            child.start()
            with contextlib.suppress(ServerFailed):
                child.wait_until(self.answers, timeout_s=READY_S, poll_s=0.2)
                self._child = child
                return
            child.kill()
        raise ServerFailed("grafana does not start", child.last_words())

    def stop(self) -> None:
        """End it. Idempotent."""
        if self._child is not None:
            self._child.stop()

    def answers(self) -> bool:
        """Whether it answers now."""
        try:
            return (
                httpx.get(f"{self.url}/api/health", timeout=2, trust_env=False).status_code == httpx.codes.OK
            )
        except httpx.HTTPError:
            return False

    def _command(self, home: Path) -> list[str]:
        server = ["server"] if self._grafana.name == "grafana" else []
        return [
            str(self._grafana),
            *server,
            "--homepath",
            str(home),
            "--config",
            str(self._folder / "demo.ini"),
        ]

    def _write_ini(self, port: int) -> None:
        place = self._folder / "demo.ini"
        place.touch(mode=0o600)
        paths = {name: self._folder / name for name in ("data", "logs", "plugins", "provisioning")}
        place.write_text(
            (self._folder / "siaga.ini").read_text()
            + "\n[paths]\n"
            + "".join(f"{name} = {path}\n" for name, path in paths.items())
            + f"\n[server]\nhttp_addr = 127.0.0.1\nhttp_port = {port}\n"
            + f"\n[security]\nadmin_user = {self.login[0]}\nadmin_password = {self.login[1]}\n"
        )


def reader(influx: Influx) -> Reader:
    """An account of the city's InfluxDB that can only read the three databases; made where it asks for logins.

    Raises:
        ServerFailed: InfluxDB refuses it.
    """
    databases = [influx.database + suffix for suffix in SUFFIXES.values()]
    if influx.login is None:
        return Reader(influx.url, influx.database)
    password = secrets.token_urlsafe(18)
    for name in databases:
        _ask(influx, f'CREATE DATABASE "{name}"')
    _ask(influx, f"CREATE USER {READER} WITH PASSWORD '{password}'")
    for name in databases:
        _ask(influx, f'GRANT READ ON "{name}" TO {READER}')
    return Reader(influx.url, influx.database, "basic", READER, password)


def _ask(influx: Influx, query: str) -> None:
    try:
        with httpx.Client(auth=influx.login, trust_env=False, timeout=10) as client:
            said = client.post(f"{influx.url}/query", data={"q": query}).raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise ServerFailed(f"InfluxDB refuses the walls' account: {error}") from error
    if errors := [one["error"] for one in said["results"] if "error" in one]:
        raise ServerFailed(f"InfluxDB refuses the walls' account: {errors[0]}")
