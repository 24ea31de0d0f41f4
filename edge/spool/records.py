"""What goes into the spool and comes out of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Protocol

import msgspec

from contract.codec import decode_body
from contract.errors import DecodeError
from contract.messages import DeviceColumn, Number
from contract.topics import Lane
from edge.errors import RecordError

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


class Sample(Protocol):
    """A device's values at one time, as the sampler makes it.

    Attributes:
        quantities: names in the order of the values; the same for every sample of a device.
        values: None is no value. NaN and infinities are refused.
        quality: (index of the quantity, code) where a value is not good.
    """

    @property
    def device(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def quantities(self) -> tuple[str, ...]: ...
    @property
    def values(self) -> tuple[Number | None, ...]: ...
    @property
    def quality(self) -> tuple[tuple[int, int], ...]: ...
    @property
    def mono_ms(self) -> int: ...


class SampleBody(msgspec.Struct, frozen=True, array_like=True):
    """Body of a telemetry record: values, then (index, code) where one is not good."""

    values: tuple[Number | None, ...]
    quality: tuple[tuple[int, int], ...] = ()


_sample_encoder = msgspec.json.Encoder()
_sample_decoder = msgspec.json.Decoder(SampleBody)


def encode_sample(sample: Sample) -> bytes:
    """The body under which a sample lies on the card: a JSON array of values, and of qualities if any is not good.

    Raises:
        RecordError: a value is not finite or does not fit 64 bits, or there are not as many as quantities.
    """
    if len(sample.values) != len(sample.quantities) or not 1 <= len(sample.quantities) <= 128:
        raise RecordError("shape", f"{len(sample.values)} values for {len(sample.quantities)} quantities")
    for value in sample.values:
        if isinstance(value, float):
            if not math.isfinite(value):
                raise RecordError(
                    "number", f"{sample.device} measured {value!r}", "store no value and its quality"
                )
        elif value is not None and (type(value) is not int or not -(2**63) <= value < 2**63):
            raise RecordError(
                "number", f"{sample.device} measured {value!r}", "a value is a float or a 64-bit integer"
            )
    for at, code in sample.quality:
        if not 0 <= at < len(sample.values) or not 0 <= code <= 255:
            raise RecordError("quality", f"quality {code!r} of value {at!r} of {sample.device}")
    body = _sample_encoder.encode((sample.values, sample.quality) if sample.quality else (sample.values,))
    if len(body) > MAX_SAMPLE_BYTES:
        raise RecordError("size", f"sample of {len(body)} bytes, at most {MAX_SAMPLE_BYTES}")
    return body


def decode_sample(body: bytes) -> SampleBody:
    """The sample in a body's bytes."""
    return _sample_decoder.decode(body)


def check_event(body: bytes) -> bytes:
    """Return an event's body unchanged: what is no event would spoil the frame around it.

    Raises:
        RecordError: it is no event of the contract, or too large.
    """
    if len(body) > MAX_EVENT_BYTES:
        raise RecordError("size", f"event of {len(body)} bytes, at most {MAX_EVENT_BYTES}")
    try:
        decode_body(body)
    except DecodeError as error:
        raise RecordError("body", str(error), "make it with contract.codec.encode_body") from error
    return body


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

    def cut(self, n: int) -> Run:
        """The first n records of the run."""
        return replace(self, rows=self.rows[:n])


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

    row: int
    """Its number in the lane."""
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
