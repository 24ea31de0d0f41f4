"""How the pipeline is doing, in numbers: what came, what became of it, and how long it took."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from contract.topics import LANES, Lane
from hub.clock import Clock

REMEMBERED = 4096
"""Latencies kept for each lane."""

RATE_S = 10
"""Rates are over this many whole seconds."""


class Latency:
    """The last few thousand durations, for their quantiles."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._values: deque[int] = deque(maxlen=remembered)

    def add(self, duration_ms: int) -> None:
        """One duration; one below zero (two clocks that disagree) counts as zero."""
        self._values.append(max(0, duration_ms))

    def quantiles(self) -> dict[str, int | None]:
        """p50, p99 and largest in milliseconds (None without any), and how many they are of."""
        ordered = sorted(self._values)
        if not ordered:
            return {"p50": None, "p99": None, "max": None, "n": 0}
        last = len(ordered) - 1
        return {
            "p50": ordered[last // 2],
            "p99": ordered[-(-last * 99 // 100)],
            "max": ordered[last],
            "n": len(ordered),
        }


class Rate:
    """Things a second, over the last whole seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seconds: deque[tuple[int, int]] = deque()

    def add(self, number: int) -> None:
        """So many, now."""
        second = self._clock.mono_ms() // 1000
        if self._seconds and self._seconds[-1][0] == second:
            number += self._seconds.pop()[1]
        self._seconds.append((second, number))
        while self._seconds[0][0] < second - RATE_S:
            self._seconds.popleft()

    def per_second(self) -> float:
        """Mean over the last RATE_S whole seconds."""
        second = self._clock.mono_ms() // 1000
        return sum(n for at, n in self._seconds if second - RATE_S <= at < second) / RATE_S


class Pipeline:
    """Counters, rates and latencies of ingest. Lives on the event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.counts: Counter[str] = Counter()
        """Since the hub started, by name: ``dead.json``, ``ignored.retained``, ``dropped.telemetry`` …"""
        self.values = Rate(clock)
        self.records = {lane: Rate(clock) for lane in LANES}
        self.publish_to_commit = {lane: Latency() for lane in LANES}
        self.receive_to_commit = {lane: Latency() for lane in LANES}

    def count(self, name: str, number: int = 1) -> None:
        """So many more of that."""
        self.counts[name] += number

    def committed(self, lane: Lane, records: int, *, sent_ms: int | None, received_mono_ms: int) -> None:
        """Records of a frame are committed now.

        Args:
            sent_ms: when the gateway sent the frame, by its clock; None where unknown.
            received_mono_ms: when the hub got it.
        """
        self.counts[f"committed.{lane}"] += records
        self.records[lane].add(records)
        here_ms = self._clock.mono_ms() - received_mono_ms
        self.receive_to_commit[lane].add(here_ms)
        if sent_ms is not None:
            # The two clocks may disagree; what was received was sent before.
            self.publish_to_commit[lane].add(max(here_ms, self._clock.now_ms() - sent_ms))

    def snapshot(self, queues: Mapping[str, int], flow: str) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "flow": flow,
            "values_per_s": self.values.per_second(),
            "records_per_s": {lane: rate.per_second() for lane, rate in self.records.items()},
            "publish_to_commit_ms": {
                lane: latency.quantiles() for lane, latency in self.publish_to_commit.items()
            },
            "receive_to_commit_ms": {
                lane: latency.quantiles() for lane, latency in self.receive_to_commit.items()
            },
            "queues": dict(queues),
            "dead_letters": sum(
                number for name, number in self.counts.items() if name.startswith(("dead.", "refused."))
            ),
            "counts": dict(self.counts),
        }
