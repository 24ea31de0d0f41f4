"""Counts and compares: what was promised, what is there, and what the fake devices say they have answered.
Pure."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from hub.region.model import Region, Station
from simulator.devices.modbus_units import Answered
from simulator.evidence import Point
from simulator.instruments import CityDevice, Part, Value
from simulator.rehearsal import Heard

NEAR_MS = 2000
"""A record's time lies this near to the moment when its device answered, on one machine."""


@dataclass(frozen=True, slots=True)
class Readings:
    """Telemetry records of the whole city.

    Attributes:
        promised: accepted by gateways, as their spools say.
        committed: found in InfluxDB.
        refused: dead-lettered by the hub.
        lost: promised, and neither in InfluxDB nor refused; and all that a gateway has declared lost.
        duplicated: found in InfluxDB beyond what was promised.
    """

    promised: int
    committed: int
    refused: int
    lost: int
    duplicated: int


class Poll(NamedTuple):
    """A poll that was answered whole: when its last answer went out, and what it said."""

    time_ms: int
    values: dict[str, Value]


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Median and 99th percentile in milliseconds; None where there is nothing to measure."""

    p50: float | None
    p99: float | None


@dataclass(frozen=True)
class Report:
    """What a rehearsal came to; ``as_json`` is the file that the demo writes."""

    readings: Readings
    presses: Mapping[str, int]
    scans: Mapping[str, int]
    latency_ms: Mapping[str, Quantiles]
    siaga_changes: Mapping[str, int]
    gateways: Mapping[str, int]
    problems: Sequence[str] = field(default_factory=tuple)

    def as_json(self) -> dict[str, Any]:
        """The counts as plain values."""
        return {
            "readings": asdict(self.readings),
            "presses": dict(self.presses),
            "scans": dict(self.scans),
            "latency_ms": {name: asdict(one) for name, one in self.latency_ms.items()},
            "siaga_changes": dict(self.siaga_changes),
            "gateways": dict(self.gateways),
        }


def quantiles(values: Iterable[float]) -> Quantiles:
    """Median and 99th percentile: the smallest value that so many are not above."""
    ordered = sorted(values)
    if not ordered:
        return Quantiles(None, None)
    p50, p99 = (ordered[max(0, math.ceil(share * len(ordered)) - 1)] for share in (0.5, 0.99))
    return Quantiles(p50, p99)


def promised(account: Mapping[str, Any], lane: str) -> int:
    """Records of a lane that a gateway has accepted: of this epoch, and of those that it has left."""
    total = int(account["lanes"][lane]["next"]) - 1
    for name, _, following, moved in account["closed"]:
        if name == lane:
            total += int(following) - 1 - sum(last - first + 1 for first, last in moved)
    return total


def unsettled(account: Mapping[str, Any]) -> int:
    """Records of all lanes that the gateway still has to send."""
    total = 0
    for lane in account["lanes"].values():
        total += int(lane["next"]) - int(lane["floor"])
        total -= sum(last - first + 1 for first, last in lane["settled"])
    return total


def readings(
    accounts: Mapping[str, Mapping[str, Any]], points: Iterable[Point], refused: Mapping[str, int]
) -> Readings:
    """The telemetry account of the city, gateway by gateway, so that one's loss never hides another's
    duplicate."""
    return counted(accounts, Counter(point.gateway for point in points), refused)


def counted(
    accounts: Mapping[str, Mapping[str, Any]], found: Mapping[str, int], refused: Mapping[str, int]
) -> Readings:
    """The same from the number of points in InfluxDB by gateway."""
    totals = [0, 0, 0, 0, 0]
    for gateway, account in accounts.items():
        accepted = promised(account, "telemetry")
        declared = sum(last - first + 1 for lane, _, first, last, _ in account["lost"] if lane == "telemetry")
        dead = refused.get(gateway, 0)
        there = found.get(gateway, 0)
        missing = accepted - there - dead
        row = (accepted, there, dead, max(missing, declared, 0), max(-missing, 0))
        totals = [total + one for total, one in zip(totals, row, strict=True)]
    return Readings(*totals)


class Polls:
    """Puts the answers of an instrument together to polls, one answer after another.

    A poll that was cut short (the instrument fell silent in its middle) gave a gateway nothing.
    """

    def __init__(self, part: Part) -> None:
        self._part = part
        self._values: dict[str, Value] = {}

    def hear(self, answered: Answered) -> Poll | None:
        """One more answer of its bus; the poll that it completes."""
        if answered.unit != self._part.unit:
            return None
        read = dict(self._part.read(answered))
        if not read:
            return None
        if self._values.keys() & read.keys():
            self._values = {}
        self._values |= read
        if len(self._values) < len(self._part.quantities):
            return None
        whole, self._values = self._values, {}
        return Poll(answered.time_ms, whole)


def polls(part: Part, answers: Iterable[Answered]) -> Iterator[Poll]:
    """The polls of an instrument that were answered whole, from its log."""
    reader = Polls(part)
    for answered in answers:
        if (poll := reader.hear(answered)) is not None:
            yield poll


def differences(
    devices: Iterable[CityDevice], heard: Iterable[Heard], points: Iterable[Point]
) -> Iterator[str]:
    """Where InfluxDB and the devices' own log do not say the same, one reading by one, field by field."""
    answers: dict[str, list[Answered]] = defaultdict(list)
    for gateway, answered in heard:
        answers[gateway].append(answered)
    stored: dict[tuple[str, str], list[Point]] = defaultdict(list)
    for point in points:
        stored[point.gateway, point.device].append(point)
    for device in devices:
        for part in device.parts:
            said = list(polls(part, answers[device.gateway]))
            there = [
                point
                for point in stored[device.gateway, device.device]
                if any(quantity in point.values for quantity in part.quantities)
            ]
            yield from _compared(f"{device.gateway}/{device.device} unit {part.unit}", part, said, there)


def _compared(name: str, part: Part, said: Sequence[Poll], there: Sequence[Point]) -> Iterator[str]:
    if len(said) != len(there):
        yield f"{name}: the device answered {len(said)} polls, InfluxDB has {len(there)}"
    for at, ((time_ms, values), point) in enumerate(zip(said, there, strict=False)):
        wrong = [
            quantity for quantity in part.quantities if not same(values[quantity], point.values.get(quantity))
        ]
        if wrong:
            quantity = wrong[0]
            yield (
                f"{name}: reading {at + 1}, {quantity}: the device said {values[quantity]!r}, "
                f"InfluxDB has {point.values.get(quantity)!r}"
            )
            return
        if abs(point.t_ms - time_ms) > NEAR_MS:
            yield f"{name}: reading {at + 1} is {point.t_ms - time_ms} ms off the device's own time"
            return


def same(said: Value, stored: float | None) -> bool:
    """Whether InfluxDB has what the device said."""
    if said is None or stored is None:
        return said is stored
    return math.isclose(said, stored, rel_tol=1e-9, abs_tol=1e-9)


def expected_changes(
    region: Region, devices: Iterable[CityDevice], heard: Iterable[Heard]
) -> dict[str, list[tuple[int, int]]]:
    """The Siaga changes by station that a plain reading of the devices' log gives: (old, new) severities, 0
    to 3.

    Entered at or above the threshold, left below it less the hysteresis.
    """
    answers: dict[str, list[Answered]] = defaultdict(list)
    for gateway, answered in heard:
        answers[gateway].append(answered)
    found: dict[str, list[tuple[int, int]]] = {}
    for station in region.stations.values():
        for device in devices:
            if (device.gateway, device.device) == (station.gateway, station.device):
                levels = [
                    values[station.quantity]
                    for part in device.parts
                    if station.quantity in part.quantities
                    for _, values in polls(part, answers[device.gateway])
                ]
                found[station.id] = list(_changes(station, levels))
    return found


def passed_changes(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[tuple[int, int]]]:
    """The Siaga changes by station that the hub has on record, in the order of their times.

    A level that was first seen late (a live sample of a held backlog) and found at its true time by the history pass
    has two rows; it was passed once.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    for row in sorted(rows, key=lambda row: row["t_ms"]):
        steps = found.setdefault(row["station"], [])
        severity = steps[-1][1] if steps else 0
        if row["new_severity"] != severity:
            steps.append((severity, row["new_severity"]))
    return found


class Levels:
    """The Siaga level of a station as its thresholds give it, one value after another."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._severity = 0

    def pass_on(self, level_m: Value) -> tuple[int, int] | None:
        """One more value; the change that it is: (old, new) severities."""
        if level_m is None:
            return None
        mm, old = round(level_m * 1000), self._severity
        now = old
        while now < 3 and mm >= self._station.thresholds_mm[now]:
            now += 1
        while now > 0 and mm < self._station.thresholds_mm[now - 1] - self._station.hysteresis_mm:
            now -= 1
        self._severity = now
        return None if now == old else (old, now)


def _changes(station: Station, values: Iterable[Value]) -> Iterator[tuple[int, int]]:
    levels = Levels(station)
    for level_m in values:
        if (change := levels.pass_on(level_m)) is not None:
            yield change
