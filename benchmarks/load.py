"""The load: a process of its own that plays every gateway of a city, and counts receipts.

It reads orders as JSON lines and answers each with one. It is a process of its own so that nothing else of the
benchmark shares its interpreter, and its own share of the machine is counted beside the others'.
"""

from __future__ import annotations

import json
import select
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any

from benchmarks import machine, meter
from benchmarks.frames import Sender
from benchmarks.link import Credentials, Link
from benchmarks.puppet import WINDOW, Puppet
from benchmarks.shape import SHAPES

DRAIN_S = 30.0
TICK_S = 0.05
"""Longest wait for the network before clocks are looked at."""


class Stuck(Exception):
    """Frames stay without a receipt."""


class Load:
    """All gateways in one loop."""

    def __init__(self, gateways: Iterable[Puppet]) -> None:
        self._gateways = tuple(gateways)
        self._by_link = {gateway.link: gateway for gateway in self._gateways}

    def saturate(
        self,
        *,
        shape: str,
        number: int,
        epoch: str,
        start_ms: int,
        warm_s: float,
        seconds: float,
        watch: Mapping[str, int],
    ) -> dict[str, Any]:
        """As many frames as the contract's window lets through. Rates are of what got its receipt in the window of
        measurement.

        Args:
            number: frames that each gateway prepares; when they are used up the window ends.
            watch: processes whose use of the processor is to be told, by name.
        """
        self._prepare(shape, number, epoch, start_ms)
        begin_s = time.monotonic()
        self._push(until_s=begin_s + warm_s)
        opened_s, before, used = time.monotonic(), self._committed(), _used(watch)
        self._push(until_s=opened_s + seconds)
        lasted_s, records = time.monotonic() - opened_s, self._committed() - before
        spent_s = {name: now_s - used[name] for name, now_s in _used(watch).items()}
        self._drain()
        return {
            "values": records * SHAPES[shape].fields,
            "seconds": lasted_s,
            "cpu_s": spent_s,
            "records_sent": self._committed(),
            "holds": sum(gateway.holds for gateway in self._gateways),
        }

    def pace(
        self, *, shape: str, values_per_s: float, seconds: float, epoch: str, start_ms: int, seed: int = 1
    ) -> dict[str, Any]:
        """Frames at random moments (as of gateways that know nothing of each other) with that mean; how long each
        took from publish to receipt."""
        frames_s = values_per_s / SHAPES[shape].values
        number = int(frames_s * seconds / len(self._gateways)) + 1
        self._prepare(shape, number, epoch, start_ms)
        random = Random(seed)
        due_s = time.monotonic()
        latest_s = 0.0
        for at in range(number * len(self._gateways)):
            due_s += random.expovariate(frames_s)
            while (wait_s := due_s - time.monotonic()) > 0:
                self._turn(wait_s)
            now_s = time.monotonic()
            latest_s = max(latest_s, now_s - due_s)
            self._gateways[at % len(self._gateways)].send(1, now_s)
        self._drain()
        took_ms = sorted(1000 * one for gateway in self._gateways for one in gateway.latencies_s)
        return {
            "frames": len(took_ms),
            "p50": quantile(took_ms, 0.5),
            "p99": quantile(took_ms, 0.99),
            "max": took_ms[-1],
            "late_ms": 1000 * latest_s,
        }

    def _prepare(self, shape: str, number: int, epoch: str, start_ms: int) -> None:
        for gateway in self._gateways:
            gateway.prepare(SHAPES[shape], number, epoch=epoch, start_ms=start_ms)

    def _committed(self) -> int:
        return sum(gateway.committed for gateway in self._gateways)

    def _push(self, *, until_s: float) -> None:
        """Keep every window full."""
        while time.monotonic() < until_s and any(gateway.left for gateway in self._gateways):
            now_s = time.monotonic()
            for gateway in self._gateways:
                room = WINDOW - gateway.in_flight
                # Half a window at a time: fewer, larger writes, and the other half is on its way meanwhile.
                if not gateway.hold and room >= WINDOW // 2 and not gateway.link.out:
                    gateway.send(room, now_s)
            self._turn(TICK_S)

    def _turn(self, most_s: float) -> None:
        """Wait for the network at most so long and handle what it brings."""
        writing = [link for link in self._by_link if link.out]
        readable, writable, _ = select.select(self._by_link, writing, (), min(most_s, TICK_S))
        now_s = time.monotonic()
        for link in writable:
            link.flush()
        for link in readable:
            self._by_link[link].receive(now_s)
        for gateway in self._gateways:
            gateway.beat(now_s)

    def _drain(self) -> None:
        end_s = time.monotonic() + DRAIN_S
        while any(gateway.in_flight for gateway in self._gateways):
            if time.monotonic() > end_s:
                raise Stuck(f"{sum(gateway.in_flight for gateway in self._gateways)} frames have no receipt")
            self._turn(TICK_S)


def quantile(ordered: list[float], share: float) -> float:
    """The smallest value that this share of all does not exceed.

    Raises:
        ValueError: there are none.
    """
    if not ordered:
        raise ValueError("no values")
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def _used(watch: Mapping[str, int]) -> dict[str, float]:
    mine = {"load": time.process_time()} | {name: meter.cpu_s(pid) for name, pid in watch.items()}
    return mine | {"others": machine.busy_s() - sum(mine.values())}


def main() -> None:
    """First line: where the broker is and who the gateways are; each further line is an order."""
    setup = json.loads(sys.stdin.readline())
    gateways = []
    for one in setup["gateways"]:
        post = tuple(one["post"]) if one["post"] else None
        sender = Sender(one["gateway"], one["cell"], one["site"], post)
        link = Link(setup["host"], setup["port"], sender, Credentials(**one["credentials"]))
        link.open()
        gateways.append(Puppet(sender, link))
        gateways[-1].birth()
    load = Load(gateways)
    orders: dict[str, Callable[..., dict[str, Any]]] = {"saturate": load.saturate, "pace": load.pace}
    print(json.dumps({"gateways": len(gateways)}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        answer = orders[order.pop("do")](**order)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
