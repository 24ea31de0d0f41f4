"""The rehearsal of Kota Contoh from beginning to end: start, play the scenario round after round, undo what visitors
did, stop sampling, drain, count."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from contract.whole_file import write_text
from hub.notify.policy import UNFINISHED
from hub.region.loader import load as load_region
from hub.region.model import Region
from simulator import report
from simulator.account import Account
from simulator.control.server import ControlPage
from simulator.evidence import Sql
from simulator.processes import ANY_PORT, ChildDied, ServerFailed, Wish
from simulator.programmes import report as report_programmes
from simulator.rehearsal import Choice, Rehearsal
from simulator.report import Report
from simulator.rounds import Rounds, check_room, show
from simulator.scenario import Scenario, plan
from simulator.telling import Teller
from simulator.walls import HOW_TO_GET, Walls, program

ROUND_S = 240.0
ONLINE_S = 60.0
DRAIN_S = 90.0
TOLD_S = 20.0
LEAST_TO_START = 500 * 1024 * 1024
"""Free bytes below which a demo does not begin."""


@dataclass(frozen=True)
class Play:
    """What is to be played.

    Attributes:
        home: folder for data and ``demo.json``.
        seconds: how long; None plays rounds of ROUND_S until stopped.
        postgres: the hub keeps its SQL in PostgreSQL instead of SQLite.
        port, control_port: of the pages and of the control page.
    """

    home: Path
    profile: Path
    seconds: float | None = None
    seed: int = 1
    postgres: bool = False
    port: Wish = ANY_PORT
    control_port: Wish = ANY_PORT


class Demo:
    """One rehearsal.

    Args:
        stop: set from outside to end early; what was begun is still drained and counted.
    """

    def __init__(self, play: Play, *, teller: Teller, stop: asyncio.Event) -> None:
        self._chosen = play
        self._folder = play.home / f"demo-{os.getpid()}"
        self._region: Region
        self._teller = teller
        self._stop = stop
        self._walls: Walls | None = None

    async def run(self) -> Report:
        """Play it.

        Raises:
            ServerFailed: a part of the city cannot be started, or ends by itself.
            DiskLow: there is no room.
            ContractError, OSError: the region profile cannot be used.
        """
        _sweep(self._chosen.home)
        check_room(self._chosen.home, LEAST_TO_START)
        for port in (self._chosen.port, self._chosen.control_port):
            port.choose()  # better told now than after everything else was started
        self._region = load_region(self._chosen.profile)
        choice = Choice(
            self._folder,
            self._chosen.profile,
            claims=True,
            proxied=None,
            postgres=self._chosen.postgres,
            api_port=self._chosen.port,
        )
        began_ns = time.time_ns()
        fine = False
        try:
            scenario = self._plan(1)
            async with Rehearsal(
                choice,
                first=lambda city: show(city, scenario, 0.0, number=1, hands=None),
                tell=self._teller.step,
            ) as city:
                found = await self._play(city, began_ns)
            fine = not found.problems
        finally:
            self._teller.stops()
            (self._chosen.home / "demo.json").unlink(missing_ok=True)
            if fine:
                shutil.rmtree(self._folder, ignore_errors=True)
            else:
                _keep_logs(self._folder)
        self._teller.ends(found)
        return found

    @property
    def logs(self) -> Path | None:
        """Where the logs of a demo that went wrong are until the next one starts; None where there are none."""
        return self._folder if self._folder.is_dir() else None

    def _plan(self, number: int) -> Scenario:
        """The story of a round."""
        return plan(self._region, self._chosen.seconds or ROUND_S, seed=self._chosen.seed + number - 1)

    async def _play(self, city: Rehearsal, began_ns: int) -> Report:
        sql = Sql(city.database)
        try:
            self._teller.step("menunggu semua gateway terdengar", "waiting until every gateway is heard")
            await self._until_online(city)
            await report_programmes(city, time.time_ns() // 1_000_000)
            rounds = Rounds(
                city,
                sql,
                plan=self._plan,
                once=self._chosen.seconds is not None,
                teller=self._teller,
                stop=self._stop,
                began_ns=began_ns,
            )
            async with ControlPage(
                city, rounds.hands, self._chosen.control_port, tell=self._teller.visitor, story=rounds.story
            ) as control:
                await self._start_walls(city)
                self._write_where(city, control)
                self._teller.begins(city, control.url)
                self._tell_walls()
                await rounds.play()
            return await self._close(city, sql, rounds.account)
        finally:
            if self._walls is not None:
                self._walls.stop()
            sql.close()

    async def _start_walls(self, city: Rehearsal) -> None:
        """Grafana, where the machine has one; a demo without walls is a demo too."""
        found = program(os.environ.get("PATH", ""))
        if found is None:
            return
        self._teller.step("memulai dinding Grafana", "starting the Grafana walls")
        walls = Walls(self._folder / "grafana", found)
        try:
            await asyncio.to_thread(walls.start, self._chosen.profile, city.influx)
        except ServerFailed as error:
            self._teller.says(f"dinding Grafana tidak jalan: {error}", f"no Grafana walls: {error}")
            return
        self._walls = walls

    def _tell_walls(self) -> None:
        if self._walls is None:
            self._teller.says(*HOW_TO_GET)
            return
        where = f"{self._walls.url}, {' / '.join(self._walls.login)}"
        self._teller.says(f"dinding Grafana: {where}", f"the Grafana walls: {where}")

    async def _close(self, city: Rehearsal, sql: Sql, account: Account) -> Report:
        self._teller.says(
            "pembacaan dihentikan; menunggu semua catatan sampai",
            "no more readings; waiting until all is there",
        )
        await city.rest()
        await self._drain(city, sql)
        with contextlib.suppress(httpx.HTTPError):  # a visitor may have changed the password
            await city.log_in("teknisi")
        return await account.close()

    async def _until_online(self, city: Rehearsal) -> None:
        """Wait until the hub has heard every gateway."""
        await city.log_in("teknisi")
        silent: list[str] = []
        try:
            async with asyncio.timeout(ONLINE_S):
                while not self._stop.is_set():
                    gateways = (await city.api.get("/api/gateways")).json()["gateways"]
                    here = [one for one in gateways if one["gateway"] in city.plans]
                    silent = [one["gateway"] for one in here if not one["online"]]
                    if not silent:
                        return
                    self._teller.waits(len(here) - len(silent), len(here))
                    await asyncio.sleep(0.2)
        except TimeoutError as error:
            words = city.gateways[silent[0]].child.last_words() if silent else city.hub.last_words()
            heard = f"{', '.join(silent)} not heard by the hub after {ONLINE_S:g} s"
            raise ChildDied(heard, words) from error

    async def _drain(self, city: Rehearsal, sql: Sql) -> None:
        """Wait until nothing is on its way any more: records to the stores, notices to the agencies."""
        end_s = time.monotonic() + DRAIN_S
        while left := sum(report.unsettled(one) for one in (await city.accounts()).values()):
            if time.monotonic() > end_s:
                self._teller.says(
                    f"waktu habis; {left} catatan belum sampai", f"time is over; {left} records are not there"
                )
                break
            self._teller.drains(left)
            await asyncio.sleep(0.2)
        end_s = time.monotonic() + TOLD_S
        while any(one["state"] in UNFINISHED for one in sql.outbox()):
            if time.monotonic() > end_s:
                break
            await asyncio.sleep(0.2)

    def _write_where(self, city: Rehearsal, control: ControlPage) -> None:
        where = {
            "api": str(city.api.base_url),
            "pages": str(city.api.base_url),
            "control": {"url": control.url, "token": control.token},
            "influx": {"url": city.influx.url, "database": city.influx.database, "login": city.influx.login},
            "broker": {"host": city.broker.host, "port": city.broker.port, "ca": str(city.broker.ca_file)},
            "database": str(city.database),
            "receiver": f"http://127.0.0.1:{city.receiver.port}",
            "logins": {name: login.password for name, login in city.logins.items()},
            "second_factors": {name: login.secret for name, login in city.logins.items() if login.secret},
            "grafana": None if self._walls is None else {"url": self._walls.url, "login": self._walls.login},
            "folder": str(self._folder),
            "pid": os.getpid(),
        }
        write_text(self._chosen.home / "demo.json", json.dumps(where, indent=2) + "\n", mode=0o600)


def _sweep(home: Path) -> None:
    """Remove what demos that were killed, or that went wrong, have left."""
    for folder in home.glob("demo-*"):
        pid = folder.name.removeprefix("demo-")
        if pid.isdigit() and not Path("/proc", pid).exists():
            shutil.rmtree(folder, ignore_errors=True)


def _keep_logs(folder: Path) -> None:
    """Remove all but the logs; keys and databases of a city that is over help nobody."""
    for file in folder.rglob("*"):
        if file.is_file() and file.suffix != ".log":
            file.unlink(missing_ok=True)
    for place in sorted((one for one in folder.rglob("*") if one.is_dir()), reverse=True):
        if not any(place.iterdir()):
            place.rmdir()
