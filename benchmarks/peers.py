"""Siaga's gateway beside thingsboard-gateway: the same stations on the same machine in the same run, by turns.

Siaga keeps every record on disk, with a flush for each group, and speaks mutual TLS; the peer runs as it is shipped,
storing in memory, and without TLS. ``python -m benchmarks.peers`` prints the figures.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import meter, stations, thingsboard
from benchmarks.gateway import GatewayUnderTest
from benchmarks.receipts import receipts
from benchmarks.stations import STEADY, Load
from benchmarks.thingsboard import Peer
from simulator.servers import Mosquitto

PLACE = Path(__file__).resolve().parents[1] / ".siaga" / "peers" / "thingsboard"

SATURATED = Load(stations=100, poll_s=0.05)
"""More than either can read: 10,000 values a second."""

SETTLE_S = 8.0


@dataclass(frozen=True, slots=True)
class Turn:
    """One start and a while after it.

    Attributes:
        start_s: from the exec until the first reading was there.
        values: that came in the time measured.
    """

    start_s: float
    spent: meter.Spent
    reading: meter.Reading
    values: int


async def measure(folder: Path, *, quick: bool) -> dict[str, Any]:
    """Both gateways' figures, and Siaga's as a share of the peer's.

    Args:
        folder: for the servers and spools, of 1 GB; the caller removes it. The peer's environment stays.
        quick: one short turn each.
    """
    programs = await asyncio.to_thread(thingsboard.installed, PLACE)
    broker = Mosquitto(folder / "broker")
    broker.start()
    try:
        with receipts(broker) as giver, thingsboard.platform(folder / "platform") as (side, mqtt_port):
            siaga = GatewayUnderTest("bench-peers", folder / "siaga", broker, giver)
            (folder / "peer").mkdir()
            peer = Peer(programs, folder / "peer", side)
            both = _Both(siaga, peer, mqtt_port)
            seconds = 5.0 if quick else 30.0
            steady = await both.by_turns(STEADY, seconds, turns=1 if quick else 3)
            saturated = await both.by_turns(SATURATED, seconds, turns=1)
            return _figures(steady, saturated, both.storage)
    finally:
        broker.stop()


class _Both:
    """The two, one after the other."""

    def __init__(self, siaga: GatewayUnderTest, peer: Peer, mqtt_port: int) -> None:
        self._siaga = siaga
        self._peer = peer
        self._mqtt_port = mqtt_port
        self.storage = ""

    async def by_turns(self, load: Load, seconds: float, *, turns: int) -> dict[str, list[Turn]]:
        """So many turns of each."""
        found: dict[str, list[Turn]] = {"siaga": [], "thingsboard_gateway": []}
        async with stations.served(load) as server:
            self._siaga.configure(load, server.port)
            if not self._siaga.spool.exists():
                await self._siaga.start()  # taking the card's space is no part of a start
                await self._siaga.stop()
            self.storage = self._peer.configure(load, modbus_port=server.port, mqtt_port=self._mqtt_port)
            for _ in range(turns):
                found["siaga"].append(await self._of_siaga(seconds))
                found["thingsboard_gateway"].append(await self._of_peer(seconds))
        return found

    async def _of_siaga(self, seconds: float) -> Turn:
        start_s = (await self._siaga.start())[1]
        await asyncio.sleep(SETTLE_S)
        spent, reading, arrivals = await self._siaga.spent(seconds)
        await self._siaga.stop()
        return Turn(start_s, spent, reading, sum(one.values for one in arrivals))

    async def _of_peer(self, seconds: float) -> Turn:
        try:
            start_s = await self._peer.start()
            await asyncio.sleep(SETTLE_S)
            spent, reading, values = await self._peer.spent(seconds)
        finally:
            await self._peer.stop()
        return Turn(start_s, spent, reading, values)


def _figures(steady: dict[str, list[Turn]], saturated: dict[str, list[Turn]], storage: str) -> dict[str, Any]:
    out: dict[str, Any] = {
        name: {**_steady(turns), **_saturated(saturated[name][0])} for name, turns in steady.items()
    }
    siaga, peer = out["siaga"], out["thingsboard_gateway"]
    peer |= {"version": thingsboard.VERSION, "storage": storage, "tls": False}
    siaga |= {"storage": "sqlite, flushed", "tls": True}
    out["rss_ratio"] = round(siaga["rss_mb"] / peer["rss_mb"], 3)
    out["cpu_per_value_ratio"] = round(siaga["cpu_us_per_value"] / peer["cpu_us_per_value"], 3)
    return out


def _steady(turns: Sequence[Turn]) -> dict[str, Any]:
    """Medians of the turns at 50 values a second."""
    return {
        "rss_mb": round(median(turn.reading.rss_mb for turn in turns), 1),
        "pss_mb": round(median(turn.reading.pss_mb for turn in turns), 1),
        "threads": turns[-1].reading.threads,
        "start_s": round(median(turn.start_s for turn in turns), 3),
        "values_per_s": round(median(turn.values / turn.spent.seconds for turn in turns), 1),
        "cpu_pct": round(median(turn.spent.cpu_pct for turn in turns), 2),
        "cpu_us_per_value": round(median(1e6 * turn.spent.cpu_s / turn.values for turn in turns), 1),
        "wakeups_per_s": round(median(turn.spent.switches / turn.spent.seconds for turn in turns), 1),
    }


def _saturated(turn: Turn) -> dict[str, Any]:
    return {
        "most_values_per_s": round(turn.values / turn.spent.seconds),
        "most_cpu_pct": round(turn.spent.cpu_pct),
        "most_cpu_us_per_value": round(1e6 * turn.spent.cpu_s / max(1, turn.values), 1),
        "most_rss_mb": round(turn.reading.rss_mb, 1),
    }


def main() -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="siaga-bench-") as folder:
        print(json.dumps(asyncio.run(measure(Path(folder), quick="--quick" in sys.argv)), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
