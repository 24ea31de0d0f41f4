"""What walls cost InfluxDB: every query of a dashboard each five seconds, on a year of a city of 500 points."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import meter, wall_data
from benchmarks.place import ROOT
from grafana.asking import Asked, everything
from hub.series.errors import Unavailable
from hub.series.influx import Influx, InfluxConfig
from hub.series.tiers import Tier, of
from simulator import servers

EVERY_S = 5.0
GENERATED = ROOT / "grafana" / "generated"
OVERVIEW = "siaga-ringkasan"
TIERS: tuple[Tier, ...] = ("raw", "minute", "long")
AT_ONCE = 6
"""Connections of a browser."""

LINES = 5_000
TRIES = 20
"""InfluxDB that packs a year at once says 500 now and then."""

DAY_MS = 86_400_000
SPANS = {"24 h": DAY_MS, "30 d": 30 * DAY_MS}
"""Other ranges at which the data is as dense as a city's (benchmarks/wall_data.py)."""


async def measure(folder: Path, *, quick: bool) -> dict[str, Any]:
    """Processor time of InfluxDB for the overview at several ranges, and for each other wall at its own."""
    server = servers.Influx(folder)
    server.start()
    try:
        return await _measure(server, folder, quick=quick)
    finally:
        server.stop()


async def _measure(server: servers.Influx, folder: Path, *, quick: bool) -> dict[str, Any]:
    days, rounds = (2, 1) if quick else (365, 6)
    now_ms = int(time.time() * 1000) // 10_000 * 10_000
    lines = await _fill(server, now_ms, days)
    await _rest(server, quick=quick)
    idle = await _spent(server, 0.5 if quick else 10.0)
    boards = {file.stem: json.loads(file.read_text()) for file in sorted(GENERATED.glob("*.json"))}
    overview = boards.pop(OVERVIEW)
    first = await _wall(server, overview, rounds, every_s=0.5 if quick else EVERY_S)
    found = {"3 h": first}
    if not quick:
        found |= {name: await _wall(server, overview, 2, span_ms=span) for name, span in SPANS.items()}
    walls = {} if quick else {name: await _wall(server, board, 2) for name, board in boards.items()}
    return {
        "points": wall_data.POINTS,
        "days": days,
        "lines": lines,
        "disk_mb": await asyncio.to_thread(_size_mb, folder),
        "idle_pct": round(idle, 2),
        "overview_pct": first["cpu_pct"],
        "overview": found,
        "walls": walls,
    }


def _size_mb(folder: Path) -> int:
    return round(sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6)


async def _fill(server: servers.Influx, now_ms: int, days: int) -> dict[str, int]:
    """Write the year; how many lines each database has."""
    filled: dict[str, int] = {}
    config = InfluxConfig(url=server.url, timeout_s=60)
    tiers: dict[Tier, Iterable[bytes]] = {
        "long": wall_data.long(now_ms, days),
        "minute": wall_data.minute(now_ms, days),
        "raw": wall_data.raw(now_ms, days),
    }
    for tier, lines in tiers.items():
        async with Influx(of(config, tier)) as influx:
            await influx.create_database()
            filled[tier] = 0
            stream = iter(lines)
            while some := list(islice(stream, LINES)):
                await _write(influx, some)
                filled[tier] += len(some)
    return filled


async def _write(influx: Influx, lines: Sequence[bytes]) -> None:
    for tries in range(TRIES):
        try:
            return await influx.write(lines)
        except Unavailable:
            await asyncio.sleep(0.5 * (tries + 1))
    return await influx.write(lines)


async def _rest(server: servers.Influx, *, quick: bool) -> None:
    """Until InfluxDB has packed what it was given: what a hub writes comes in drops, and a year of it never at once."""
    while not quick:
        if await _spent(server, 3.0) < 3.0:
            return


async def _spent(server: servers.Influx, seconds: float) -> float:
    """Percent of a core over a time."""
    first = meter.read(server.child.pid)
    await asyncio.sleep(seconds)
    return meter.between(first, meter.read(server.child.pid)).cpu_pct


async def _wall(
    server: servers.Influx,
    dashboard: Mapping[str, Any],
    rounds: int,
    *,
    span_ms: int | None = None,
    every_s: float = 0.0,
) -> dict[str, Any]:
    """A wall that is refreshed so many times; the first time fills InfluxDB's caches, and is not counted.

    Args:
        every_s: from one refresh to the next; 0: one after the other. The share of a core is at the wall's own pace.
    """
    took: list[float] = []
    config = InfluxConfig(url=server.url, timeout_s=60)
    async with AsyncExitStack() as stack:
        clients: dict[str, Influx] = {
            tier: await stack.enter_async_context(Influx(of(config, tier))) for tier in TIERS
        }
        asked, filled = await _refresh(clients, dashboard, span_ms)
        first = meter.read(server.child.pid)
        for _ in range(rounds):
            began_s = time.monotonic()
            await _refresh(clients, dashboard, span_ms)
            took.append(time.monotonic() - began_s)
            await asyncio.sleep(max(0.0, every_s - took[-1]))
        spent = meter.between(first, meter.read(server.child.pid))
    return {
        "cpu_pct": round(100 * spent.cpu_s / rounds / _refreshed_s(dashboard), 2),
        "every_s": _refreshed_s(dashboard),
        "cpu_ms": round(1000 * spent.cpu_s / rounds, 1),
        "refresh_ms": round(1000 * median(took)),
        "queries": asked,
        "filled": filled,
    }


def _refreshed_s(dashboard: Mapping[str, Any]) -> int:
    """How often the wall asks again by itself."""
    seconds = {"s": 1, "m": 60}
    said: str = dashboard["refresh"]
    return int(said[:-1]) * seconds[said[-1]]


async def _refresh(
    clients: Mapping[str, Influx], dashboard: Mapping[str, Any], span_ms: int | None
) -> tuple[int, int]:
    """Ask every query once, as a browser does; how many there are, and how many have an answer."""
    queries: Sequence[Asked] = list(everything(dashboard, int(time.time() * 1000), span_ms=span_ms))
    lane = asyncio.Semaphore(AT_ONCE)

    async def ask(one: Asked) -> bool:
        async with lane:
            return bool(await clients[one.tier].query(one.query))

    answers = await asyncio.gather(*map(ask, queries))
    return len(answers), sum(answers)
