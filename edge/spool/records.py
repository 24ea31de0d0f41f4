"""What goes into the spool and comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from contract.messages import DeviceColumn, Number
from contract.topics import Lane

MAX_EVENT_BYTES = 32 * 1024
"""Largest body of a panic or event record: with its frame around it, it stays under the limit of a frame."""

MAX_SAMPLE_BYTES = 8 * 1024
"""Largest body of a telemetry record."""

MAX_GROUP = 1000
"""Most records that one call appends."""

MAX_GROUP_BYTES = 256 * 1024
"""Most bytes of bodies that one call appends: a group fits the reserved write-ahead log."""


@dataclass(frozen=True, slots=True)
class Quotas:
    """Bytes of the card for each lane, and for the write-ahead log. All of it is taken when the spool is made.

    Attributes:
        panic_bytes: never used by anything but panic.
        event_bytes: events and their 72 h ring.
        telemetry_bytes: samples; about 70 bytes each.
        wal_bytes: reserved write-ahead log. At least 1 MiB where groups of MAX_GROUP_BYTES are appended.
    """

    panic_bytes: int = 2 * 1024 * 1024
    event_bytes: int = 8 * 1024 * 1024
    telemetry_bytes: int = 64 * 1024 * 1024
    wal_bytes: int = 4 * 1024 * 1024

    def of(self, lane: Lane) -> int:
        """Quota of a lane in bytes."""
        return {"panic": self.panic_bytes, "event": self.event_bytes, "telemetry": self.telemetry_bytes}[lane]


class Sample(NamedTuple):
    """A device's values at one time, as it goes into the telemetry lane.

    Attributes:
        column: device, kind and the names of the quantities in the order of the values.
        values: None is no value. NaN and infinities are refused.
        quality: (index of the quantity, code) where a value is not good.
    """

    mono_ms: int
    column: DeviceColumn
    values: tuple[Number | None, ...]
    quality: tuple[tuple[int, int], ...] = ()


class Appended(NamedTuple):
    """Records that are on the card now: consecutive in their stream. Only now may anything be promised."""

    lane: Lane
    epoch: str
    first: int
    last: int


class Row(NamedTuple):
    """A record as it lies on the card."""

    mono_ms: int
    body: bytes
    column: DeviceColumn | None
    """Only in the telemetry lane."""


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive records of one stream and one boot.

    Attributes:
        first_row: number of the first record in its lane, which is what the uplink counts in.
        first: its seq in the stream.
        running: the boot is the running one.
        again: the records were receipted once.
    """

    lane: Lane
    epoch: str
    first_row: int
    first: int
    boot: str
    boot_number: int
    running: bool
    again: bool
    rows: tuple[Row, ...]

    @property
    def last_row(self) -> int:
        """Number of the last record in its lane."""
        return self.first_row + len(self.rows) - 1


@dataclass(frozen=True, slots=True)
class Opening:
    """How the spool was found.

    Attributes:
        state: ``fresh`` (there was none), ``reopened``, or ``quarantined`` (damaged: set aside, made anew).
        reason: of a quarantine, for the log and the beat.
        salvaged: panic and event records carried over from the damaged file.
    """

    state: Literal["fresh", "reopened", "quarantined"]
    reason: str = ""
    salvaged: int = 0


class OverduePanic(NamedTuple):
    """A panic without a receipt, for the second path."""

    epoch: str
    seq: int
    mono_ms: int
    running: bool
    """Of the running boot, so that mono_ms compares with the clock now."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Usage:
    """How full the spool is.

    Attributes:
        spool_bytes: what the files take on the card.
        ring_h: hours of settled panic and event records still held, at most 72.
        lane_bytes, lane_unsettled: per lane.
        refused: records that the hub would not take, since the spool was made.
        lost: records declared lost since the spool was made.
        ballast: reserved blocks left for panic.
    """

    spool_bytes: int
    ring_h: float
    lane_bytes: dict[Lane, int]
    lane_unsettled: dict[Lane, int]
    refused: dict[Lane, int]
    lost: dict[Lane, int]
    ballast: int
