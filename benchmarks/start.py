"""How long the hub takes to start, and how much memory it needs when it has nothing to do."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import meter
from benchmarks.place import ROOT, Place

STARTS = 5
STARTS_QUICK = 1
SETTLED_S = 3.0


async def measure(folder: Path, *, quick: bool) -> dict[str, Any]:
    """``hub``: from exec until it says that it is ready, its store being there already."""
    took_s: list[float] = []
    idle_mb: list[float] = []
    async with Place(folder) as place:
        await asyncio.to_thread(place.hub.stop)
        for _ in range(STARTS_QUICK if quick else STARTS):
            one_s, one_mb = await _start(folder / "hub" / "hub.toml", quick)
            took_s.append(one_s)
            idle_mb.append(one_mb)
    return {
        "hub": {"start_s": round(median(took_s), 2)},
        "notes": {
            "hub start, each": [round(one, 2) for one in took_s],
            "hub RSS idle, MB": round(median(idle_mb), 1),
        },
    }


async def _start(config: Path, quick: bool) -> tuple[float, float]:
    began_s = time.monotonic()
    hub = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "hub.cli",
        "--log",
        "warning",
        "run",
        "--config",
        str(config),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert hub.stdout is not None
    try:
        said = json.loads(await hub.stdout.readline())
        took_s = time.monotonic() - began_s
        assert said["ready"]
        await asyncio.sleep(0 if quick else SETTLED_S)
        return took_s, meter.read(hub.pid).rss_mb
    finally:
        hub.terminate()
        await hub.wait()
