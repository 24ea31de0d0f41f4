"""Records to frames. Pure: the same records make the same bytes at each resend, but for age, floor and again."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import msgspec

from contract.codec import encode
from contract.errors import ContractError
from contract.kinds import TIME_GOOD_MS
from contract.messages import DeviceColumn, EventFrame, EventRecord, Number, TelemetryFrame
from contract.topics import PROTOCOL, Lane
from edge.spool.records import Run, decode_sample
from edge.timeline import Stamp
from edge.uplink import Send


class Source(Protocol):
    """What a frame is made from: the spool."""

    def read_run(self, lane: Lane, first: int, last: int, max_bytes: int) -> Run | None:
        """The first run of records in a range of rows that is still to be sent."""

    def at(self, boot_number: int, mono_ms: int) -> Stamp | None:
        """Time of a reading of a boot."""

    def floor(self, lane: Lane, epoch: str) -> int:
        """Lowest seq of a stream neither settled nor declared lost."""


class Frame(NamedTuple):
    """A frame ready to publish on ``up/{lane}``: seqs first..last of its stream, up to a row of its lane."""

    lane: Lane
    epoch: str
    first: int
    last: int
    last_row: int
    payload: bytes


class Head(NamedTuple):
    """What a frame says beside its records."""

    gateway: str
    floor: int
    base_ms: int | None
    age_ms: int | None


def build(send: Send, source: Source, *, gateway: str, mono_ms: int) -> Frame | None:
    """The frame for a send; None if its rows are no longer there to send (ask the uplink anew).

    Args:
        mono_ms: boot clock now, for the age.
    """
    run = source.read_run(send.lane, send.first, send.last, send.max_bytes)
    if run is None:
        return None
    while True:
        try:
            payload = encode_run(run, source, gateway=gateway, mono_ms=mono_ms, live=send.live)
        except ContractError as error:
            if error.reason != "size" or len(run.rows) == 1:
                raise
            run = run.cut(len(run.rows) // 2)  # its size was only estimated; the limit is hard
            continue
        return Frame(run.lane, run.epoch, run.first, run.first + len(run.rows) - 1, run.last_row, payload)


def encode_run(run: Run, source: Source, *, gateway: str, mono_ms: int, live: bool) -> bytes:
    """The bytes of the frame of a run."""
    times = [source.at(run.boot_number, row.mono_ms) for row in run.rows]
    head = Head(
        gateway,
        source.floor(run.lane, run.epoch),
        times[0].t_ms if times[0] is not None else None,
        max(0, mono_ms - run.rows[0].mono_ms) if run.running else None,
    )
    if run.lane == "telemetry":
        return encode(_telemetry(run, head, times, live=live))
    return encode(_events(run, head, times))


def _telemetry(run: Run, head: Head, times: list[Stamp | None], *, live: bool) -> TelemetryFrame:
    aliases: dict[DeviceColumn, int] = {}
    rows: list[tuple[Number | None, ...]] = []
    quality: list[tuple[int, int, int]] = []
    errors: list[tuple[int, int]] = []
    for at, (row, time) in enumerate(zip(run.rows, times, strict=True)):
        assert row.column is not None
        assert time is not None, "a sample of a boot without a time is not sent"
        assert head.base_ms is not None
        body = decode_sample(row.body)
        alias = aliases.setdefault(row.column, len(aliases))
        rows.append((alias, time.t_ms - head.base_ms, *body.values))
        quality.extend((at, index, code) for index, code in body.quality)
        if time.error_ms > TIME_GOOD_MS:
            errors.append((at, time.error_ms))
    return TelemetryFrame(
        version=PROTOCOL,
        gateway=head.gateway,
        epoch=run.epoch,
        boot=run.boot,
        first=run.first,
        n=len(rows),
        base_ms=head.base_ms,
        age_ms=head.age_ms,
        floor=head.floor,
        again=run.again,
        devices=tuple(aliases),
        rows=tuple(rows),
        quality=tuple(quality),
        time_error=tuple(errors),
        live=live,
    )


def _events(run: Run, head: Head, times: list[Stamp | None]) -> EventFrame:
    """A panic may come without a time: then its offsets count from the first one by the boot clock."""
    first_mono_ms = run.rows[0].mono_ms
    events = []
    for row, time in zip(run.rows, times, strict=True):
        if time is None or head.base_ms is None:
            events.append(EventRecord(row.mono_ms - first_mono_ms, 0, msgspec.Raw(row.body)))
        else:
            events.append(EventRecord(time.t_ms - head.base_ms, time.error_ms, msgspec.Raw(row.body)))
    return EventFrame(
        version=PROTOCOL,
        gateway=head.gateway,
        epoch=run.epoch,
        boot=run.boot,
        first=run.first,
        n=len(events),
        base_ms=head.base_ms,
        age_ms=head.age_ms,
        floor=head.floor,
        again=run.again,
        events=tuple(events),
    )
