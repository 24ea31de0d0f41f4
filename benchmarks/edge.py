"""The gateway by itself: memory, processor, start, spool, and how fast a backlog drains.

A real ``siaga-edge run`` with mutual TLS to a real Mosquitto reads stations over Modbus TCP; a receipt-giver in the
place of the hub answers each frame. ``python -m benchmarks.edge`` prints the figures.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import backlog, commits, meter, stations
from benchmarks.gateway import GatewayUnderTest, median_start_s
from benchmarks.receipts import receipts
from benchmarks.stations import STEADY
from simulator.servers import Mosquitto

BACKLOG = 100_000
"""Samples, of five values each."""

SETTLE_S = 8.0
"""After the start, before anything is measured."""

WATCH_S = 10.0
"""How long its writing is looked at, by itself: being looked at costs the gateway time."""


async def measure(folder: Path, *, quick: bool) -> dict[str, Any]:
    """Every figure of the gateway.

    Args:
        folder: for the servers and the gateway's spool, which takes 1 GB; the caller removes it.
        quick: a tenth of the backlog and shorter windows, to see that it works.
    """
    broker = Mosquitto(folder / "broker")
    broker.start()
    try:
        with receipts(broker) as giver:
            async with stations.served(STEADY) as server:
                gateway = GatewayUnderTest("bench-edge", folder / "edge", broker, giver)
                gateway.configure(STEADY, server.port)
                first_start_s = (await gateway.start())[1]
                await gateway.stop()
                return {
                    **await _steady(gateway, 5.0 if quick else 40.0),
                    "start_s": round(await median_start_s(gateway, 2 if quick else 7), 3),
                    "first_start_s": round(first_start_s, 3),
                    **await _drained(gateway, BACKLOG // 10 if quick else BACKLOG),
                }
    finally:
        broker.stop()


async def _steady(gateway: GatewayUnderTest, seconds: float) -> dict[str, Any]:
    await gateway.start()
    await asyncio.sleep(SETTLE_S)
    spent, reading, arrivals = await gateway.spent(seconds)
    disk = await asyncio.to_thread(commits.watch, gateway.child.pid, WATCH_S)
    await gateway.stop()
    values, records = sum(one.values for one in arrivals), sum(one.records for one in arrivals)
    return {
        "rss_mb": round(reading.rss_mb, 1),
        "pss_mb": round(reading.pss_mb, 1),
        "threads": reading.threads,
        "values_per_s": round(values / spent.seconds, 1),
        "frames_per_s": round(len(arrivals) / spent.seconds, 2),
        "cpu_pct": round(spent.cpu_pct, 2),
        "cpu_us_per_value": round(1e6 * spent.cpu_s / values, 1),
        "wakeups_per_s": round(spent.switches / spent.seconds, 1),
        "flushes_per_s": disk and round(disk.flushes_per_s, 2),
        "live_disk_bytes_per_record": disk and round(disk.bytes_per_s * spent.seconds / records),
    }


async def _drained(gateway: GatewayUnderTest, records: int) -> dict[str, Any]:
    """Append a backlog, and see it drain while the stations are read on."""
    appended = backlog.append(gateway.spool, records, STEADY)
    giver = gateway.giver
    giver.forget()
    gateway.child.start()
    first = await gateway.arrival(lambda _: True)
    began_cpu_s = meter.cpu_s(gateway.child.pid)
    came = 0
    while came < records:
        await asyncio.sleep(0.005)
        came = sum(one.records for one in giver.arrivals)
    used_s = meter.cpu_s(gateway.child.pid) - began_cpu_s
    arrivals = list(giver.arrivals)
    took_s = arrivals[-1].at_s - first.at_s
    came, values = (sum(getattr(one, what) for one in arrivals[1:]) for what in ("records", "values"))
    await _all_settled(gateway)
    await gateway.stop()
    return {
        "spool_per_s": round(appended.records_per_s),
        "spool_p50_ms": round(appended.p50_ms, 3),
        "spool_p99_ms": round(appended.p99_ms, 3),
        "disk_bytes_per_record": round(appended.bytes_per_record),
        "drain_per_s": round(came / took_s),
        "drain_values_per_s": round(values / took_s),
        "drain_cpu_us_per_value": round(1e6 * used_s / values, 2),
    }


async def _all_settled(gateway: GatewayUnderTest) -> None:
    """Wait until the gateway itself says that every record has its receipt, but for those just read."""
    end_s = time.monotonic() + 60
    while gateway.giver.next - gateway.giver.floor > 2 * STEADY.stations:
        if time.monotonic() > end_s:
            raise TimeoutError(f"unsettled: {gateway.giver.floor} to {gateway.giver.next}")
        await asyncio.sleep(0.1)


def main() -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="siaga-bench-") as folder:
        print(json.dumps(asyncio.run(measure(Path(folder), quick="--quick" in sys.argv)), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
