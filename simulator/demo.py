"""The rehearsal of Kota Contoh from beginning to end: start, play the scenario, stop sampling, drain,
count."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx

from hub.incidents.machine import CLOSED
from hub.notify.policy import UNFINISHED
from hub.region.loader import load as load_region
from hub.region.model import Region
from provisioning.files import write_text
from simulator import report
from simulator.evidence import Series, Sql
from simulator.operator import Operator
from simulator.rehearsal import Choice, Rehearsal
from simulator.report import Report
from simulator.scenario import RAIN_MM, Act, Scenario, plan

ROUND_S = 240.0
TICK_S = 0.2
WATCH_S = 0.01
"""How often the database is looked into for a press that was made."""
PRESS_S = 30.0
"""A press that is in no incident after this long counts as missing."""
ONLINE_S = 60.0
DRAIN_S = 90.0
TOLD_S = 20.0
AGENCY = "psc"


class Teller(Protocol):
    """Who tells people how it goes."""

    def begins(self, city: Rehearsal, scenario: Scenario) -> None:
        """Everything runs; addresses and logins are known."""

    def act(self, act: Act, after_s: float) -> None:
        """Something was done to the city."""

    def tick(self, city: Rehearsal, after_s: float) -> None:
        """Time passes."""

    def says(self, id: str, en: str) -> None:  # noqa: A002 - Bahasa Indonesia
        """One line."""

    def ends(self, found: Report) -> None:
        """What it came to."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """A press that was made, and when others had it: UTC wall clock in ms, None where they never had it."""

    round: int
    gateway: str
    device: str
    made_ms: int
    incident_ms: int | None


class Demo:
    """One rehearsal.

    Args:
        home: folder for data and ``demo.json``.
        seconds: how long to play; None plays rounds of ROUND_S until stopped.
        stop: set from outside to end early; what was begun is still drained and counted.
        postgres: the hub keeps its SQL in PostgreSQL instead of SQLite.
    """

    def __init__(
        self,
        home: Path,
        profile: Path,
        seconds: float | None,
        *,
        teller: Teller,
        stop: asyncio.Event,
        seed: int = 1,
        postgres: bool = False,
    ) -> None:
        self._home = home
        self._folder = home / f"demo-{os.getpid()}"
        self._profile = profile
        self._seconds = seconds
        self._teller = teller
        self._stop = stop
        self._seed = seed
        self._postgres = postgres
        self._round = 0
        self._pressed: list[Pressed] = []
        self._watching: set[asyncio.Task[None]] = set()

    async def run(self) -> Report:
        """Play it.

        Raises:
            ServerFailed: a part of the city cannot be started.
        """
        _sweep(self._home)
        self._teller.says("menyiapkan kota", "starting the city")
        scenario = self._plan(load_region(self._profile))
        choice = Choice(
            self._folder,
            self._profile,
            proxied=frozenset(act.gateway for act in scenario.acts if act.kind == "cut"),
            postgres=self._postgres,
        )
        kept: Path | None = None
        try:
            async with Rehearsal(choice, first=lambda city: self._show(city, scenario, 0.0)) as city:
                found = await self._play(city, scenario)
            kept = self._folder if found.problems else None
        finally:
            (self._home / "demo.json").unlink(missing_ok=True)
            if kept is None:
                shutil.rmtree(self._folder, ignore_errors=True)
        self._teller.ends(found)
        if kept is not None:
            self._teller.says(f"catatan proses ada di {kept}", "the logs are there until the next start")
        return found

    def _plan(self, region: Region) -> Scenario:
        """The story of this round."""
        return plan(region, self._seconds or ROUND_S, seed=self._seed + self._round)

    async def _play(self, city: Rehearsal, scenario: Scenario) -> Report:
        await self._until_online(city)
        self._write_where(city)
        self._teller.begins(city, scenario)
        await city.log_in("pengendali")
        sql = Sql(city.database)
        try:
            await self._rounds(city, scenario, sql)
            self._teller.says(
                "pembacaan dihentikan; menunggu semua catatan sampai",
                "no more readings; waiting until all is there",
            )
            for proxy in city.proxies.values():
                proxy.heal()
            await city.rest()
            await self._drain(city, sql)
            return await self._count(city, sql)
        finally:
            sql.close()

    async def _rounds(self, city: Rehearsal, scenario: Scenario, sql: Sql) -> None:
        true = {(act.gateway, act.device) for act in scenario.presses if act.true}
        operator = Operator(
            city.api,
            is_true=lambda gateway, device: (gateway, device) in true,
            agency=AGENCY,
            think_s=max(4.0, scenario.duration_s / 45),
        )
        working = asyncio.create_task(operator.run(), name="operator")
        try:
            await self._act(city, scenario, sql, working)
            while self._seconds is None and not self._stop.is_set():
                await self._until_closed(sql)
                self._round += 1
                await self._act(city, self._plan(city.region), sql, working)
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    async def _until_online(self, city: Rehearsal) -> None:
        """Wait until the hub has heard every gateway."""
        await city.log_in("teknisi")
        async with asyncio.timeout(ONLINE_S):
            while not self._stop.is_set():
                gateways = (await city.api.get("/api/gateways")).json()["gateways"]
                if all(one["online"] for one in gateways if one["gateway"] in city.plans):
                    return
                await asyncio.sleep(0.2)

    async def _act(self, city: Rehearsal, scenario: Scenario, sql: Sql, working: asyncio.Task[None]) -> None:
        """Let time pass, the water rise, and things happen."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        waiting = list(scenario.acts)
        while (after_s := loop.time() - began_s) < scenario.duration_s and not self._stop.is_set():
            self._show(city, scenario, after_s)
            while waiting and waiting[0].at_s <= after_s:
                act = waiting.pop(0)
                await self._do(city, act, sql)
                self._teller.act(act, after_s)
            self._teller.tick(city, after_s)
            if working.done():
                working.result()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), TICK_S)
        await asyncio.gather(*self._watching)
        self._watching.clear()

    async def _until_closed(self, sql: Sql) -> None:
        """Wait until the operator has answered everything: a press of the next round is a new incident."""
        while any(one["state"] not in CLOSED for one in sql.incidents()):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), 0.5)
                return

    def _show(self, city: Rehearsal, scenario: Scenario, after_s: float) -> None:
        """Let every device measure what the scenario says for now. Gauges count on from round to round."""
        region: Region = city.region
        for station in region.stations.values():
            if station.gateway in city.plans:
                values = {
                    "level_m": scenario.level_m(station.id, after_s),
                    "rain_mm": round(self._round * RAIN_MM + scenario.rain_mm(station.id, after_s), 1),
                    "temperature_c": 27.5,
                }
                city.show(station.gateway, station.device, values)
        for ward in region.wards.values():
            if ward.gateway in city.plans:
                city.show(ward.gateway, ward.device, scenario.occupied(ward, after_s))

    async def _do(self, city: Rehearsal, act: Act, sql: Sql) -> None:
        match act.kind:
            case "press":
                before = _presses_of(sql, act)
                made_ms = await city.gateways[act.gateway].press(act.device, hold_ms=act.hold_ms)
                watching = asyncio.create_task(self._watch(sql, act, made_ms, before), name="watch press")
                self._watching.add(watching)
            case "cut":
                city.proxies[act.gateway].cut()
            case "restore":
                city.proxies[act.gateway].heal()
            case "silence":
                city.silence(act.gateway, act.device, silent=True)
            case "answer":
                city.silence(act.gateway, act.device, silent=False)

    async def _watch(self, sql: Sql, act: Act, made_ms: int, before: int) -> None:
        """Look for a press in the database until it is there: what others can read is committed."""
        end_s = time.monotonic() + PRESS_S
        incident_ms = None
        while incident_ms is None and time.monotonic() < end_s:
            await asyncio.sleep(WATCH_S)
            if _presses_of(sql, act) > before:
                incident_ms = time.time_ns() // 1_000_000
        self._pressed.append(Pressed(self._round, act.gateway, act.device, made_ms, incident_ms))

    async def _drain(self, city: Rehearsal, sql: Sql) -> None:
        """Wait until nothing is on its way any more: records to the stores, notices to the agencies."""
        end_s = time.monotonic() + DRAIN_S
        while sum(report.unsettled(one) for one in (await city.accounts()).values()):
            if time.monotonic() > end_s:
                self._teller.says("waktu habis sebelum semua sampai", "time is over before all was there")
                break
            await asyncio.sleep(0.2)
        end_s = time.monotonic() + TOLD_S
        while any(one["state"] in UNFINISHED for one in sql.outbox()):
            if time.monotonic() > end_s:
                break
            await asyncio.sleep(0.2)

    async def _count(self, city: Rehearsal, sql: Sql) -> Report:
        series = Series(city.influx.url, city.influx.database, city.influx.login)
        try:
            points = await series.points()
        finally:
            await series.aclose()
        accounts = await city.accounts()
        counted = report.readings(accounts, points, sql.refused())
        expected = len({(one.round, one.gateway, one.device) for one in self._pressed})
        notices = [one for one in city.receiver.taken if one.content["kind"] == "panic"]
        passed = report.passed_changes(sql.level_changes())
        wanted = report.expected_changes(city.region, city.devices, city.heard)
        answer = await city.api.get("/api/pipeline")
        answer.raise_for_status()
        presses = {
            "made": len(self._pressed),
            "incidents_expected": expected,
            "incidents": len(sql.incidents()),
            "notices": len(notices),
        }
        problems = [*report.differences(city.devices, city.heard, points), *_problems(counted, presses)]
        problems += [
            f"{station}: Siaga changes {passed.get(station, [])}, by the device's own log {steps}"
            for station, steps in wanted.items()
            if passed.get(station, []) != steps
        ]
        return Report(
            readings=counted,
            presses=presses,
            latency_ms={
                "press_to_incident": report.quantiles(
                    one.incident_ms - one.made_ms for one in self._pressed if one.incident_ms is not None
                ),
                "press_to_notice": report.quantiles(_to_notice(self._pressed, notices)),
                "publish_to_commit": _publish_to_commit(answer),
            },
            siaga_changes={station: len(passed.get(station, [])) for station in city.region.stations},
            gateways={
                "total": len(city.gateways),
                "silent_seen": len({one["gateway"] for one in sql.silences()}),
            },
            problems=tuple(problems),
        )

    def _write_where(self, city: Rehearsal) -> None:
        where = {
            "api": str(city.api.base_url),
            "influx": {"url": city.influx.url, "database": city.influx.database, "login": city.influx.login},
            "broker": {"host": city.broker.host, "port": city.broker.port, "ca": str(city.broker.ca_file)},
            "database": str(city.database),
            "receiver": f"http://127.0.0.1:{city.receiver.port}",
            "logins": city.logins,
            "folder": str(self._folder),
            "pid": os.getpid(),
        }
        write_text(self._home / "demo.json", json.dumps(where, indent=2) + "\n", mode=0o600)


def _presses_of(sql: Sql, act: Act) -> int:
    return sum((one["gateway"], one["device"]) == (act.gateway, act.device) for one in sql.presses())


def _to_notice(pressed: list[Pressed], notices: list[Any]) -> list[float]:
    """From the press that opened an incident to the first notice of it."""
    came: dict[tuple[str, str], list[int]] = {}
    for notice in sorted(notices, key=lambda notice: notice.received_ms):
        data: Mapping[str, Any] = notice.content["data"]
        came.setdefault((data["gateway"], data["device"]), []).append(notice.received_ms)
    opened: dict[tuple[int, str, str], int] = {}
    for one in sorted(pressed, key=lambda one: one.made_ms):
        opened.setdefault((one.round, one.gateway, one.device), one.made_ms)
    found: list[float] = []
    for (_, gateway, device), made_ms in opened.items():
        after = [at_ms - made_ms for at_ms in came.get((gateway, device), []) if at_ms >= made_ms]
        found += after[:1]
    return found


def _publish_to_commit(answer: httpx.Response) -> report.Quantiles:
    found = answer.json()["publish_to_commit_ms"]["telemetry"]
    return report.Quantiles(found["p50"], found["p99"])


def _problems(counted: report.Readings, presses: Mapping[str, int]) -> list[str]:
    found = []
    if counted.lost or counted.duplicated or counted.committed + counted.refused != counted.promised:
        found.append(f"readings do not add up: {counted}")
    if not counted.committed:
        found.append("no reading was committed")
    if presses["incidents"] != presses["incidents_expected"]:
        found.append(f"incidents do not add up: {dict(presses)}")
    if presses["notices"] < presses["incidents"]:
        found.append(f"an incident was told to nobody: {dict(presses)}")
    return found


def _sweep(home: Path) -> None:
    """Remove what demos that were killed have left."""
    for folder in home.glob("demo-*"):
        pid = folder.name.removeprefix("demo-")
        if pid.isdigit() and not Path("/proc", pid).exists():
            shutil.rmtree(folder, ignore_errors=True)
