"""Where is measured: real servers, the real hub, and the load that plays its gateways.

Broker, certificates, ACL, InfluxDB with a login and the hub's configuration are those of ``make demo``.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.frames import Sender
from hub.clock import SystemClock
from hub.region.model import Region
from simulator import city
from simulator.processes import Child
from simulator.rehearsal import Choice, Rehearsal

ROOT = Path(__file__).resolve().parents[1]
PROFILE = ROOT / "profiles" / "kota-contoh"

APART_MS = 2 * 3_600_000
RUNS = 60
"""Streams of a benchmark lie beside each other in time, none over another, the last of them ending about now."""


class LoadFailed(Exception):
    """The load ended, with what it said last."""


class Place:
    """``async with Place(folder) as place``; at the end nothing of it is left running."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.city = Rehearsal(Choice(folder, PROFILE, only=frozenset(), influx_cache_kb=None))
        self._load: asyncio.subprocess.Process
        self._starts = _starts()

    async def __aenter__(self) -> Place:
        await self.city.__aenter__()
        try:
            await self._start_load()
        except BaseException:
            await self.city.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            if self._load.returncode is None:
                self._load.kill()
            await self._load.wait()
        finally:
            await self.city.__aexit__(None, None, None)

    @property
    def processes(self) -> dict[str, int]:
        """Process ids of those whose use of the processor counts."""
        return {
            "hub": self.city.hub.pid,
            "broker": self.city.broker.child.pid,
            "influxdb": self.city.influx.child.pid,
        }

    @property
    def hub(self) -> Child:
        """The hub's process."""
        return self.city.hub

    def stream(self) -> dict[str, Any]:
        """Epoch and first time of a stream that no other has."""
        return {"epoch": secrets.token_hex(8), "start_ms": next(self._starts)}

    async def order(self, do: str, **order: object) -> dict[str, Any]:
        """Tell the load something; its answer.

        Raises:
            LoadFailed: it ended.
        """
        return await self._say({"do": do, **order})

    async def pipeline(self) -> dict[str, Any]:
        """The hub's own numbers."""
        answer = await self.city.api.get("/api/pipeline")
        answer.raise_for_status()
        numbers: dict[str, Any] = answer.json()
        return numbers

    async def _start_load(self) -> None:
        await self.city.log_in("teknisi")
        gateways = []
        for sender in senders(self.city.region):
            identity = self.city.broker.enrol(sender.gateway, sender.cell)
            credentials = {
                "authority": str(identity.authority),
                "certificate": str(identity.certificate),
                "key": str(identity.key),
            }
            one = {"gateway": sender.gateway, "cell": sender.cell, "site": sender.site, "post": sender.post}
            gateways.append({**one, "credentials": credentials})
        with (self._folder / "load.log").open("wb") as log:
            self._load = await asyncio.create_subprocess_exec(
                "setpriv",
                "--pdeathsig",
                "KILL",
                "--",
                sys.executable,
                "-m",
                "benchmarks.load",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
            )
        await self._say({"host": "127.0.0.1", "port": self.city.broker.port, "gateways": gateways})

    async def _say(self, message: dict[str, Any]) -> dict[str, Any]:
        assert self._load.stdin is not None
        assert self._load.stdout is not None
        self._load.stdin.write(json.dumps(message).encode() + b"\n")
        line = await self._load.stdout.readline()
        if not line:
            raise LoadFailed((self._folder / "load.log").read_text()[-2000:])
        answer: dict[str, Any] = json.loads(line)
        return answer


def senders(region: Region) -> list[Sender]:
    """Every gateway of a region, those of the rivers with their post."""
    posts = {station.gateway: (station.device, station.kind) for station in region.stations.values()}
    return [Sender(plan.id, plan.cell, plan.site, posts.get(plan.id)) for plan in city.gateways(region)]


def _starts() -> Iterator[int]:
    first = SystemClock().now_ms() - RUNS * APART_MS
    return count(first, APART_MS)
