"""What goes into the rules and what comes out: samples, changes, and the state of a station."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import msgspec

LIVE_AGE_MS = 10 * 60 * 1000
"""A record older than this on arrival is history: stored, never raising an alarm that says "now"."""

NORMAL = 0
"""Severity of Siaga 4, the normal state."""

WORST = 3
"""Severity of Siaga 1, the worst."""

ChangeKind = Literal["level", "rise"]
Stream = tuple[str, str, str]
"""(gateway, epoch, lane)."""


def siaga(severity: int) -> int:
    """The Siaga number (4 normal .. 1 worst) of a severity (0..3)."""
    return 4 - severity


def to_mm(value_m: float) -> int | None:
    """A level in metres as whole millimetres, None where it is no finite number.

    Levels and thresholds are compared as integers, so that 200.0 cm of an instrument is the threshold of 2.00 m
    whatever the multiplication did to its last bits. Half a millimetre is finer than any instrument on a river.
    """
    if not math.isfinite(value_m):
        return None
    return round(value_m * 1000)


class Sample(NamedTuple):
    """A device's values at one time, as the hub has accepted them.

    Attributes:
        stream: (gateway, epoch, "telemetry").
        seq: number in the stream.
        values: by quantity; None is no value.
        quality: codes of contract.kinds.Quality where a value is not good; a missing one is GOOD.
        t_ms: the record's time, UTC.
        age_ms: age on arrival by the gateway's boot clock, None where the record is of an earlier boot (its age
            then follows from ``t_ms``).
        live: a newest sample sent while the hub holds; it comes again later and is not judged again.
    """

    stream: Stream
    seq: int
    gateway: str
    site: str
    device: str
    kind: str
    values: Mapping[str, float | int | None]
    quality: Mapping[str, int]
    t_ms: int
    age_ms: int | None
    live: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """A station has changed its level, or has begun or ceased to rise too fast.

    Attributes:
        kind: ``level`` (old and new are severities 0..3) or ``rise`` (0 or 1).
        station: id of the station in the region profile.
        value_mm: the level that caused it.
        t_ms: time of the record, UTC.
        age_ms: age of the record on arrival.
        history: found by a later pass over a filled gap; says nothing about now and notifies nobody.
        rate_mm_h: rate of rise at that time; None where it is unknown.
        next_ms: projected time at which the next worse level is reached; None where it is not rising, is at the
            worst level, or the rate is unknown.
    """

    kind: ChangeKind
    station: str
    site: str
    gateway: str
    device: str
    quantity: str
    epoch: str
    seq: int
    old: int
    new: int
    value_mm: int
    t_ms: int
    age_ms: int
    history: bool = False
    rate_mm_h: int | None = None
    next_ms: int | None = None

    @property
    def worse(self) -> bool:
        """Whether it became worse."""
        return self.new > self.old

    @property
    def record(self) -> tuple[str, str, int]:
        """Gateway, epoch and number of the record that caused it."""
        return self.gateway, self.epoch, self.seq


@dataclass(frozen=True, slots=True)
class Skipped:
    """Records of a station that came too late to be judged live, between two times (both included).

    When the gateway's telemetry floor has passed ``top_seq`` in that epoch, all of them are in InfluxDB (or
    declared lost), and the history pass may run.
    """

    station: str
    epoch: str
    top_seq: int
    from_ms: int
    to_ms: int


class StationState(msgspec.Struct, frozen=True):
    """What the engine must know again after a restart of the hub.

    Attributes:
        severity: 0..3.
        rising: whether it rises too fast.
        epoch, seq: the last record judged.
        t_ms: its time.
        at_ms: when it happened by the hub's reckoning (now less age on arrival), never in the future.
        value_mm: its level; None where no record of the station was ever judged.
        rate_mm_h: rate of rise then; None where unknown.
        skipped: records that wait for the history pass.
    """

    station: str
    severity: int = NORMAL
    rising: bool = False
    epoch: str = ""
    seq: int = 0
    t_ms: int = 0
    at_ms: int = 0
    value_mm: int | None = None
    rate_mm_h: int | None = None
    skipped: Skipped | None = None
