"""The parts of the benchmark, by name.

A part is a module with ``async def measure(folder: Path, *, quick: bool) -> dict``: a piece of ``bench.json`` in its
shape, and under ``notes`` what else a reader should see. The folder is the part's own and is removed afterwards; quick
is a moment of everything, to see that it works. A part is imported only when it is asked for, so that none needs what
another one imports.
"""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol


class Measure(Protocol):
    """What a part's module has to have."""

    def __call__(self, folder: Path, *, quick: bool) -> Coroutine[Any, Any, dict[str, Any]]:
        """Measure."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """One part.

    Attributes:
        module: has the function ``measure``.
        under: key of the results under which its piece goes; "" where the piece names its keys itself.
        needs: an environment variable without which ``make bench`` leaves the part out; "" for none.
    """

    module: str
    about: str
    under: str = ""
    needs: str = ""

    def load(self) -> Measure:
        """Its function."""
        measure: Measure = import_module(self.module).measure
        return measure


PARTS: dict[str, Part] = {
    "ingest": Part("benchmarks.ingest", "ceiling of InfluxDB and the whole path, by turns"),
    "latency": Part("benchmarks.latency", "publish to commit at 1,000 and 20,000 values/s"),
    "press": Part("benchmarks.press", "press to page, with 1 and with 50 consoles"),
    "rules": Part("benchmarks.rules", "the rules engine: 100,000 points under 1,000 rules", under="rules"),
    "deliveries": Part(
        "benchmarks.deliveries", "commit to first push, and fifty recipients", under="deliveries"
    ),
    "wall": Part("benchmarks.wall", "what walls cost InfluxDB, on a year of 500 points", under="wall"),
    "hub": Part("benchmarks.start", "start and memory of the hub"),
    "peers": Part("benchmarks.peers", "the gateway beside thingsboard-gateway", under="peers", needs="PEERS"),
    "edge": Part("benchmarks.edge", "the gateway by itself", under="edge"),
    "bus": Part("benchmarks.bus", "a bus of 20 units, and with five of them dead", under="bus", needs="SITE"),
    "outage": Part("benchmarks.outage", "500 points a second; a week offline", under="outage", needs="SITE"),
}
