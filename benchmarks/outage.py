"""A busy gateway, and one that was offline for a week.

500 points at 1 s: processor, memory, bytes written per reading. Then 20 points at 10 s whose week offline lies in the
spool, put there through the spool itself as a boot of its own: what came, what was declared lost, how fast it drained
and how soon the newest values came; once with the quota of the product, once with one that holds half of it.
``python -m benchmarks outage``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from benchmarks import commits, meter, stations
from benchmarks.gateway import GatewayUnderTest, stations_toml
from benchmarks.receipts import ReceiptGiver, receipts
from benchmarks.stations import Load
from contract.ranges import Ranges
from edge.card import quotas
from edge.config import SpoolSettings
from edge.sampler import GROUP_ROWS, Sample
from edge.spool import Spool
from simulator.servers import Mosquitto

BUSY = Load(stations=100, poll_s=1.0)
"""500 points a second."""

REMOTE = Load(stations=4, poll_s=10.0)
"""20 points every ten seconds."""

WEEK_S = 7 * 86_400

HALF_MB = 9.0
"""A quota of samples that holds about half of the week."""

BOOT = "0ff11e00"

DRAIN_S = 300.0

BEAT_S = 1.0
"""What is lost is told in beats."""


async def measure(folder: Path, *, quick: bool) -> dict[str, Any]:
    """``busy``, ``week`` and ``half_a_week``; quick is a day offline and a small quota."""
    offline_s = 86_400 if quick else WEEK_S
    half_mb = 1.0 if quick else HALF_MB
    broker = Mosquitto(folder / "broker")
    broker.start()
    try:
        with receipts(broker) as giver:
            async with stations.served(BUSY) as server:
                found = {}
                if not quick:
                    busy = GatewayUnderTest("bench-busy", folder / "busy", broker, giver)
                    busy.configure(BUSY, server.port)
                    found["busy"] = await _busy(busy)
                for name, spool in (("week", SpoolSettings()), ("half_a_week", _small(half_mb))):
                    if quick and name == "week":
                        continue
                    gateway = GatewayUnderTest(
                        f"bench-{name.replace('_', '-')}", folder / name, broker, giver
                    )
                    found[name] = await _offline(gateway, spool, server.port, offline_s)
                return found
    finally:
        broker.stop()


def _small(telemetry_mb: float) -> SpoolSettings:
    return SpoolSettings(telemetry_mb=telemetry_mb)


async def _busy(gateway: GatewayUnderTest) -> dict[str, Any]:
    await gateway.start()
    await asyncio.sleep(8)
    spent, reading, arrivals = await gateway.spent(20)
    disk = await asyncio.to_thread(commits.watch, gateway.child.pid, 5.0)
    await gateway.stop()
    values = sum(one.values for one in arrivals)
    return {
        "values_per_s": round(values / spent.seconds, 1),
        "cpu_pct": round(spent.cpu_pct, 2),
        "rss_mb": round(reading.rss_mb, 1),
        "flushes_per_s": disk and round(disk.flushes_per_s, 2),
        "disk_bytes_per_reading": disk and round(disk.bytes_per_s * spent.seconds / values),
    }


@dataclass(frozen=True, slots=True)
class Spooled:
    """A time offline as it lies in the spool: sequence numbers from 1 to ``records`` of an epoch."""

    epoch: str
    records: int
    append_s: float


async def _offline(
    gateway: GatewayUnderTest, spool: SpoolSettings, port: int, seconds: int
) -> dict[str, Any]:
    sizes = f"telemetry_mb = {spool.telemetry_mb}"
    gateway.read(
        "bench_station",
        stations.instrument_toml(),
        stations_toml(port, REMOTE),
        beat_s=BEAT_S,
        spool_toml=sizes,
    )
    giver = gateway.giver
    spooled = await asyncio.to_thread(fill, gateway.spool, spool, seconds)
    giver.forget()
    giver.births.clear()
    began_ms = time.time_ns() // 1_000_000
    gateway.child.start()
    first = await gateway.arrival(lambda _: True)
    began_cpu_s = meter.cpu_s(gateway.child.pid)
    fresh = await gateway.arrival(lambda arrival: arrival.newest_ms >= began_ms)
    await _drained(giver, spooled)
    took_s = giver.arrivals[-1].at_s - first.at_s
    used_s = meter.cpu_s(gateway.child.pid) - began_cpu_s
    await gateway.stop()
    came, lost = giver.came.get(spooled.epoch, Ranges()), giver.lost.get(spooled.epoch, Ranges())
    drained = came.count
    return {
        "offline_h": seconds / 3600,
        "records": spooled.records,
        "values": spooled.records * len(stations.REGISTERS),
        "came": sum(high - low + 1 for low, high in came.overlap(1, spooled.records)),
        "declared_lost": sum(high - low + 1 for low, high in lost.overlap(1, spooled.records)),
        "lost_ranges": len(lost.pairs()),
        "unaccounted": unaccounted(came, lost, spooled.records),
        "live_after_connecting_s": round(fresh.at_s - giver.births[0], 2),
        "drain_s": round(took_s, 1),
        "drain_records_per_s": round(drained / took_s),
        "drain_cpu_pct": round(100 * used_s / took_s, 1),
    }


def unaccounted(came: Ranges, lost: Ranges, records: int) -> int:
    """Records that neither came nor were declared lost: what there must never be."""
    both = came.copy()
    both.update(lost)
    return sum(last - first + 1 for first, last in both.missing(1, records))


async def _drained(giver: ReceiptGiver, spooled: Spooled) -> None:
    end_s = time.monotonic() + DRAIN_S
    while True:
        came, lost = giver.came.get(spooled.epoch, Ranges()), giver.lost.get(spooled.epoch, Ranges())
        if unaccounted(came, lost, spooled.records) == 0:
            return
        if time.monotonic() > end_s:
            raise TimeoutError(f"{unaccounted(came, lost, spooled.records)} records have not come")
        await asyncio.sleep(0.05)


def fill(path: Path, settings: SpoolSettings, seconds: int) -> Spooled:
    """Put so many seconds of the stations' samples, the last of them of now, into a new spool: as one boot, whose
    time is known."""
    spool = Spool(str(path), quotas=quotas(settings))
    path.parent.mkdir(parents=True, exist_ok=True)
    spool.open(BOOT, 0)
    began_ms = time.time_ns() // 1_000_000 - seconds * 1000
    spool.append_sync(0, began_ms, 20, "ntp")
    began_s, epoch, records = time.monotonic(), "", 0
    for group in _groups(seconds):
        appended = spool.append_samples(group)
        epoch, records = appended.epoch, appended.last
    spool.close()
    return Spooled(epoch, records, time.monotonic() - began_s)


def _groups(seconds: int) -> Iterator[list[Sample]]:
    random = Random(seconds)
    quantities = tuple(register.quantity for register in stations.REGISTERS)
    group: list[Sample] = []
    for at_s in range(0, seconds, int(REMOTE.poll_s)):
        for name in REMOTE.names:
            values = tuple(
                round(round(random.uniform(r.low, r.high) / r.scale) * r.scale, 4) for r in stations.REGISTERS
            )
            group.append(Sample(name, stations.KIND, quantities, values, (), at_s * 1000))
        if len(group) >= GROUP_ROWS:
            yield group
            group = []
    if group:
        yield group
