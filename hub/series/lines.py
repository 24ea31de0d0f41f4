"""Telemetry records as InfluxDB line protocol.

Every name that came over the wire is escaped, so that no device can write a line, a tag or a field of its own.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache

import msgspec

from contract.codec import point_ns
from contract.kinds import KINDS, QUALITY_SUFFIX, TIME_ERROR_FIELD
from contract.messages import DeviceColumn, TelemetryFrame

_encoder = msgspec.json.Encoder()

_SPECIAL = re.compile(r"[, =]")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\%]")


def escape(name: str) -> str:
    """A tag's value, a tag's key or a field's key as line protocol writes it.

    Commas, spaces and equals signs have an escape of their own. A newline has none, and a backslash at the end would
    eat the separator behind it; these, other control characters and the percent sign are written ``%0A``, so that two
    names stay two.
    """
    return _SPECIAL.sub(r"\\\g<0>", _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", name))


class _Column:
    """What is the same in every line of a device: its series and the names and types of its fields."""

    __slots__ = ("fields", "good", "quality", "series")

    def __init__(self, site: str, gateway: str, column: DeviceColumn) -> None:
        quantities = KINDS[column.kind].quantities
        tags = (("device", column.device), ("gateway", gateway), ("site", site))
        named = "".join(f",{key}={escape(value)}" for key, value in tags if value)
        suffixes = ["i" if quantities[name].type == "int" else "" for name in column.quantities]
        self.series = f"{escape(column.kind)}{named} ".encode()
        self.fields = [
            (f"{name}=".encode(), suffix.encode())
            for name, suffix in zip(column.quantities, suffixes, strict=True)
        ]
        self.quality = [f"{name}{QUALITY_SUFFIX}=".encode() for name in column.quantities]
        whole = ",".join(
            f"{name}=%b{suffix}" for name, suffix in zip(column.quantities, suffixes, strict=True)
        )
        self.good = self.series.replace(b"%", b"%%") + whole.encode() + b" %d"
        """The whole line of a record with every value and nothing to say of their quality."""


@lru_cache(maxsize=65_536)
def _column(site: str, gateway: str, column: DeviceColumn) -> _Column | None:
    """None for a kind or a quantity that the table does not have."""
    known = KINDS.get(column.kind)
    if known is None or any(name not in known.quantities for name in column.quantities):
        return None
    return _Column(site, gateway, column)


def encode(frame: TelemetryFrame, site: str) -> list[bytes]:
    """One line a record, in the order of the rows, without line ends; timestamps in nanoseconds.

    A record that has neither a value nor a quality has no line and is ``b""`` in the list (InfluxDB knows no line
    without fields); so is one of a kind or quantity that is in no table, which accept has refused.

    A value is written as the type that the kinds table gives its quantity. Where it is not of that type (2.5 in an
    integer field) InfluxDB refuses the line, and that record only.
    """
    columns = [_column(site, frame.gateway, column) for column in frame.devices]
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
            lines.append(column.good % (*values, ns))
    return lines


def _extras(frame: TelemetryFrame, columns: list[_Column | None]) -> dict[int, list[bytes]]:
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


def _line(column: _Column, values: list[bytes], extras: list[bytes] | tuple[()], ns: int) -> bytes:
    fields = [*_present(column, values), *extras]
    if not fields:
        return b""
    return b"%b%b %d" % (column.series, b",".join(fields), ns)


def _present(column: _Column, values: list[bytes]) -> Iterator[bytes]:
    for (name, suffix), value in zip(column.fields, values, strict=True):
        if value != b"null":
            yield name + value + suffix
