"""From publish to commit at 1,000 and 20,000 values/s."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.place import Place
from benchmarks.shape import FRAMES_20

SECONDS = 20.0
SECONDS_QUICK = 1.0
LOADS = {"commit_1k": 1_000.0, "commit_20k": 20_000.0}


async def measure(folder: Path, *, quick: bool) -> dict[str, Any]:
    """``latency_ms``: from a gateway's publish until it has the receipt, which is later than the commit."""
    seconds = SECONDS_QUICK if quick else SECONDS
    said: dict[str, Any] = {}
    notes: dict[str, Any] = {}
    async with Place(folder) as place:
        await _pace(place, 5_000.0, min(2.0, seconds))  # makes the database, and warms everybody up
        for name, values_per_s in LOADS.items():
            found = await _pace(place, values_per_s, seconds)
            said[name] = {key: round(found[key], 2) for key in ("p50", "p99")}
            notes[f"{name}, longest ms of {found['frames']} frames"] = round(found["max"], 1)
            notes[f"{name}, load late by ms at most"] = round(found["late_ms"], 1)
            own = (await place.pipeline())["receive_to_commit_ms"]["telemetry"]
            notes[f"{name}, receive to commit as the hub says"] = own
    return {"latency_ms": said, "notes": notes}


async def _pace(place: Place, values_per_s: float, seconds: float) -> dict[str, Any]:
    return await place.order(
        "pace", shape=FRAMES_20.name, values_per_s=values_per_s, seconds=seconds, **place.stream()
    )
