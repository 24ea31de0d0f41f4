"""Telemetry records as InfluxDB line protocol.

Every name that came over the wire is escaped, so that no device can write a line, a tag or a field of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from typing import Any
from zlib import crc32

import msgspec

from contract.codec import point_ns
from contract.kinds import TIME_ERROR_FIELD
from contract.messages import TelemetryFrame
from hub.series.table import Column, Table, table

_encoder = msgspec.json.Encoder()


def encode(frame: TelemetryFrame, site: str) -> list[bytes]:
    """One line a record, in the order of the rows, without line ends; timestamps in nanoseconds.

    A record that has neither a value nor a quality has no line and is ``b""`` in the list (InfluxDB knows no line
    without fields); so is one of a kind or quantity that is in no table, which accept has refused.

    A value is written as the type that the kinds table gives its quantity. Where it is not of that type (2.5 in an
    integer field) InfluxDB refuses the line, and that record only.
    """
    columns = table(site, frame.gateway, frame.devices).columns
    extras = _extras(frame, columns)
    numbers = _encoder.encode(frame.rows)[2:-2].split(b"],[")
    base_ns = point_ns(frame.base_ms or 0, frame.boot)
    lines = []
    for at, (row, text) in enumerate(zip(frame.rows, numbers, strict=True)):
        column = columns[row[0]]  # type: ignore[index]
        if column is None:
            lines.append(b"")
            continue
        _, offset, *values = text.split(b",")
        ns = base_ns + int(offset) * 1_000_000
        if at in extras or b"null" in text:
            lines.append(_line(column, values, extras.get(at, ()), ns))
        else:
            lines.append(column.good % (*values, b"%d" % ns))
    return lines


def encode_whole(frame: TelemetryFrame, site: str) -> bytes | None:
    """The same lines in one piece with line ends between them, for a frame without anything special.

    None where the lines are to be written one by one: a value is absent, there is a quality to be told, devices have
    not equally many quantities, or a time is before 1970.
    """
    if frame.quality or frame.time_error:
        return None
    known = table(site, frame.gateway, frame.devices)
    return None if known.good is None else _whole(frame, known, known.good)


def _whole(frame: TelemetryFrame, known: Table, good: list[bytes]) -> bytes | None:
    """All numbers are encoded in one go and put into one template of all lines: a call for each would cost more than
    everything else together."""
    rows, step = frame.rows, known.values + 1
    base_ms = frame.base_ms or 0
    flat: list[Any] = list(chain.from_iterable(rows))
    aliases, offsets = flat[0 :: step + 1], flat[1 :: step + 1]
    if base_ms + min(offsets) <= 0:
        return None
    numbers: list[Any] = [None] * (len(rows) * step)
    for at in range(known.values):
        numbers[at::step] = flat[at + 2 :: step + 1]
    numbers[known.values :: step] = [base_ms + offset for offset in offsets]
    text = _encoder.encode(numbers)
    if b"null" in text:
        return None
    # A time is the milliseconds and behind them the six digits that tell the boot (contract.codec.point_ns).
    boot = b"%06d" % (crc32(frame.boot.encode()) % 1_000_000)
    lines = (boot + b"\n").join([good[alias] for alias in aliases]) + boot
    return lines % tuple(text[1:-1].split(b","))


def _extras(frame: TelemetryFrame, columns: list[Column | None]) -> dict[int, list[bytes]]:
    """Fields beside the values, by row: qualities that are not good and times that are not sure."""
    if not frame.quality and not frame.time_error:
        return {}
    extras: defaultdict[int, list[bytes]] = defaultdict(list)
    for at, quantity, code in frame.quality:
        column = columns[frame.rows[at][0]]  # type: ignore[index]
        if column is not None:
            extras[at].append(column.quality[quantity] + b"%di" % code)
    for at, error_ms in frame.time_error:
        extras[at].append(b"%b=%di" % (TIME_ERROR_FIELD.encode(), error_ms))
    return extras


def _line(column: Column, values: list[bytes], extras: list[bytes] | tuple[()], ns: int) -> bytes:
    fields = [*_present(column, values), *extras]
    if not fields:
        return b""
    return b"%b%b %d" % (column.series, b",".join(fields), ns)


def _present(column: Column, values: list[bytes]) -> Iterator[bytes]:
    for (name, suffix), value in zip(column.fields, values, strict=True):
        if value != b"null":
            yield name + value + suffix
