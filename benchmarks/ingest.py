"""Ceiling and whole path in one run, by turns, so that a noisy machine disturbs both alike."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import ceiling, meter
from benchmarks.place import Place, senders
from benchmarks.shape import FRAMES_20, FRAMES_100, WIDE, Shape

MOST_LINES_S = 800_000
"""More than InfluxDB takes on such a machine: so many lines are made ready for each second."""

MOST_VALUES_S = {"100": 600_000, "20": 400_000, "wide": 1_200_000}
"""More than the path carries, so that no gateway runs out of frames."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long."""

    rounds: int
    warm_s: float
    seconds: float

    @property
    def whole_s(self) -> float:
        """Of one measurement, with room at its end."""
        return self.warm_s + self.seconds + 0.5


FULL = Plan(rounds=3, warm_s=1.5, seconds=5.0)
QUICK = Plan(rounds=1, warm_s=0.1, seconds=0.4)


async def measure(folder: Path, *, quick: bool) -> dict[str, Any]:
    """``ingest``, and the memory of a hub that has been busy."""
    plan = QUICK if quick else FULL
    async with Place(folder) as place:
        ceilings: dict[str, list[float]] = {"spread": [], "alike": []}
        found: dict[str, list[dict[str, Any]]] = {shape.name: [] for shape in (FRAMES_100, WIDE, FRAMES_20)}
        await _path(
            place, FRAMES_100, Plan(1, 0.0, plan.warm_s)
        )  # makes the database, and every series in it
        for _ in range(plan.rounds):
            ceilings["spread"].append(await _ceiling(place, plan, ceiling.spread))
            found["100"].append(await _path(place, FRAMES_100, plan))
            found["wide"].append(await _path(place, WIDE, plan))
            ceilings["alike"].append(await _ceiling(place, plan, ceiling.alike))
            found["20"].append(await _path(place, FRAMES_20, plan))
        rss_mb = meter.read(place.hub.pid).rss_mb
        counts = (await place.pipeline())["counts"]
    return {
        "ingest": _summary(ceilings["spread"], found),
        "hub": {"rss_mb": round(rss_mb, 1)},
        "notes": _notes(ceilings, found)
        | {f"hub count {name}": n for name, n in counts.items() if "." in name},
    }


async def _ceiling(place: Place, plan: Plan, bodies: Callable[..., deque[bytes]]) -> float:
    ready = bodies(
        senders(place.city.region), FRAMES_100, round(MOST_LINES_S * plan.whole_s), **place.stream()
    )
    found = await asyncio.to_thread(
        ceiling.measure, place.city.influx, ready, warm_s=plan.warm_s, seconds=plan.seconds
    )
    return float(found["lines_per_s"])


async def _path(place: Place, shape: Shape, plan: Plan) -> dict[str, Any]:
    frames = MOST_VALUES_S[shape.name] * plan.whole_s / shape.values
    found = await place.order(
        "saturate",
        shape=shape.name,
        number=round(frames / len(place.city.region.gateways)) + 1,
        warm_s=plan.warm_s,
        seconds=plan.seconds,
        watch=place.processes,
        **place.stream(),
    )
    return found | {"per_s": found["values"] / found["seconds"]}


def _summary(ceilings: Sequence[float], found: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    path = [one["per_s"] for one in found["100"]]
    return {
        "ceiling_per_s": round(median(ceilings)),
        "path_per_s": round(median(path)),
        "ratio": round(median(mine / limit for mine, limit in zip(path, ceilings, strict=True)), 3),
        "path_wide_per_s": round(median(one["per_s"] for one in found["wide"])),
        "frames20_per_s": round(median(one["per_s"] for one in found["20"]) / FRAMES_20.values),
        "cpu_us_per_value": {
            name: round(median(us_per_value(one, name) for one in found["100"]), 2)
            for name in ("hub", "broker", "influxdb")
        },
    }


def us_per_value(run: dict[str, Any], process: str) -> float:
    """Microseconds of processor time for a committed value."""
    return float(1e6 * run["cpu_s"][process] / max(1, run["values"]))


def _notes(ceilings: dict[str, list[float]], found: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """What is worth knowing beside: the spread over the rounds, and where the processor went in each kind."""
    notes: dict[str, Any] = {
        f"ceiling of {name} lines, each round": [round(one) for one in rates]
        for name, rates in ceilings.items()
    }
    notes["path to the ceiling of alike lines"] = round(
        median(one["per_s"] for one in found["100"]) / median(ceilings["alike"]), 3
    )
    for name, runs in found.items():
        notes[f"path {name}, each round"] = [round(one["per_s"]) for one in runs]
        notes[f"path {name}, µs a value"] = {
            process: round(median(us_per_value(one, process) for one in runs), 2)
            for process in runs[0]["cpu_s"]
        }
        notes[f"path {name}, cores in use"] = {
            process: round(median(one["cpu_s"][process] / one["seconds"] for one in runs), 2)
            for process in runs[0]["cpu_s"]
        }
        notes[f"path {name}, holds"] = sum(one["holds"] for one in runs)
    return notes
