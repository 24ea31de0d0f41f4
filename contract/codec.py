"""Bytes to messages and back. Pure; raises nothing but DecodeError (and its VersionError) when reading.

Frames are JSON, so that anyone can read them with ``mosquitto_sub``. NaN and infinities do not exist in JSON
and are refused when writing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from operator import itemgetter
from typing import Annotated, Any, NamedTuple, TypeVar, cast
from zlib import crc32

import msgspec

from contract.errors import ContractError, DecodeError, VersionError
from contract.kinds import Quality
from contract.messages import (
    MAX_FRAME_BYTES,
    Beat,
    Command,
    DesiredConfig,
    DeviceColumn,
    EventBody,
    EventFrame,
    FrameHead,
    Hello,
    Message,
    Number,
    Range,
    Receipt,
    Refusal,
    Reply,
    State,
    TelemetryFrame,
    VersionRefusal,
)
from contract.topics import PROTOCOL, Lane

_M = TypeVar("_M", bound=Message)
_T = TypeVar("_T")

_INTEGER_LIMIT = 2**63


_OFFSET_LIMIT = 2**53


class _Version(msgspec.Struct, frozen=True):
    v: Any = None


class _TelemetryHead(FrameHead, frozen=True, kw_only=True):
    """A telemetry frame whose devices and rows are still bytes."""

    devices: msgspec.Raw = msgspec.field(name="dev")
    rows: msgspec.Raw
    quality: tuple[tuple[int, int, int], ...] = msgspec.field(name="q", default=())
    time_error: tuple[tuple[int, int], ...] = msgspec.field(name="err", default=())
    live: bool = False


_Alias = Annotated[int, msgspec.Meta(ge=0)]
_Offset = Annotated[int, msgspec.Meta(ge=-_OFFSET_LIMIT, le=_OFFSET_LIMIT)]
_Value = Annotated[int, msgspec.Meta(ge=-_INTEGER_LIMIT, le=_INTEGER_LIMIT - 1)] | float | None


_encoder = msgspec.json.Encoder()
_versions = msgspec.json.Decoder(_Version)
_heads = msgspec.json.Decoder(_TelemetryHead)
_devices = msgspec.json.Decoder(tuple[DeviceColumn, ...])
_decoders: dict[type, msgspec.json.Decoder[Any]] = {
    cls: msgspec.json.Decoder(cls)
    for cls in (
        Beat,
        Command,
        DesiredConfig,
        EventBody,
        EventFrame,
        Hello,
        Receipt,
        Reply,
        State,
        TelemetryFrame,
        VersionRefusal,
    )
}


def encode(message: Message) -> bytes:
    """The message as compact JSON in UTF-8.

    Raises:
        ContractError: reason ``number`` (NaN, an infinity or an integer outside 64 bits) or ``size`` (a frame
            over MAX_FRAME_BYTES). A caller builds frames that fit; this is the last check.
    """
    if isinstance(message, TelemetryFrame):
        _check_numbers(message)
    try:
        data = _encoder.encode(message)
    except (OverflowError, UnicodeEncodeError, msgspec.MsgspecError) as error:
        raise ContractError("number", f"{type(message).__name__} cannot be written: {error}") from error
    if isinstance(message, TelemetryFrame | EventFrame) and len(data) > MAX_FRAME_BYTES:
        raise ContractError(
            "size", f"frame of {len(data)} bytes, at most {MAX_FRAME_BYTES}", "put fewer records in a frame"
        )
    return data


def encode_body(body: EventBody) -> bytes:
    """An event's body as the bytes that the spool keeps and the hub hashes."""
    for key, value in body.data.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ContractError("number", f"event data {key!r} is {value!r}")
    return _encoder.encode(body)


def decode_body(data: bytes) -> EventBody:
    """The event in a body's bytes.

    Raises:
        DecodeError: it is none.
    """
    return _decode(data, EventBody)


def decode_frame(lane: Lane, data: bytes) -> TelemetryFrame | EventFrame:
    """The frame in a payload of that lane, checked in itself.

    What is checked: size, JSON, version, types and bounds; that the rows are as many as the head says; that
    each row names a device of the frame and carries as many values as the device has quantities; that times
    and aliases are integers and that numbers fit 64 bits. Not checked: whether the sender may say it, and
    whether a kind or quantity is known; that is the hub's accept.

    Raises:
        DecodeError: with the reason; VersionError where only the version is foreign.
    """
    if lane == "telemetry":
        return _plain_telemetry(data) or _any_telemetry(data)
    events = _decode(data, EventFrame)
    if len(events.events) != events.n:
        raise DecodeError("count", f"{len(events.events)} events in a frame of {events.n}")
    if events.base_ms is None and lane != "panic":
        raise DecodeError("base", "only a panic may come without a time")
    return events


def decode(cls: type[_M], data: bytes) -> _M:
    """A message that is not a frame.

    Raises:
        DecodeError: with the reason; VersionError where only the version is foreign.
    """
    message = _decode(data, cls)
    _check_message(message)
    return message


def decode_receipt(data: bytes) -> Receipt | VersionRefusal:
    """What comes on ``down/receipt``: a receipt, or the word that our version is not spoken.

    Raises:
        DecodeError: it is neither.
    """
    try:
        return decode(Receipt, data)
    except DecodeError:
        try:
            return _decode(data, VersionRefusal)
        except DecodeError:
            pass
        raise


def point_ns(t_ms: int, boot: str) -> int:
    """InfluxDB timestamp of a record: nanoseconds whose remainder below a millisecond tells the boot.

    Time is strictly increasing within a boot, so no two records of a device overwrite each other, and a
    repeat always overwrites itself.
    """
    return t_ms * 1_000_000 + crc32(boot.encode()) % 1_000_000


def _check_numbers(frame: TelemetryFrame) -> None:
    for row in frame.rows:
        for value in row:
            if isinstance(value, float):
                if not math.isfinite(value):
                    raise ContractError("number", f"{value!r} in a frame", "send no value with its quality")
            elif value is not None and not -_INTEGER_LIMIT <= value < _INTEGER_LIMIT:
                raise ContractError("number", f"{value!r} does not fit 64 bits")


def _version(data: bytes) -> None:
    """Raise VersionError if the message is a whole JSON object of another version."""
    try:
        found = _versions.decode(data).v
    except (ValueError, RecursionError):
        return
    if type(found) is not int or found != PROTOCOL:
        raise VersionError(found)


def _decode(data: bytes, cls: type[_T]) -> _T:
    """Decode the whole first and ask for the version only where that fails: the good frame pays once."""
    if len(data) > MAX_FRAME_BYTES:
        raise DecodeError("size", f"{len(data)} bytes, at most {MAX_FRAME_BYTES}")
    try:
        message = cast(_T, _decoders[cls].decode(data))
    except msgspec.ValidationError as error:
        _version(data)
        raise DecodeError("shape", str(error)) from error
    except (ValueError, RecursionError) as error:
        raise DecodeError("json", str(error)) from error
    found = getattr(message, "version", PROTOCOL)
    if found != PROTOCOL:
        raise VersionError(found)
    return message


_KNOWN_TABLES = 1024
_KNOWN_TABLE_BYTES = 1024
"""So many tables of devices are remembered, none longer than that. A gateway that sends other names each time fills at
most 20 MB."""


class _Table(NamedTuple):
    """The devices of a frame, and what decodes its rows."""

    devices: tuple[DeviceColumn, ...]
    rows: msgspec.json.Decoder[tuple[tuple[Number | None, ...], ...]]


def _plain_telemetry(data: bytes) -> TelemetryFrame | None:
    """The frame where it is a good one without anything special; None where a closer look is needed.

    Nearly all frames come this way, at a fraction of the cost: a gateway sends the same table of devices again and
    again, so it is decoded once, and where all devices have equally many quantities the decoder itself checks every
    row.
    """
    if len(data) > MAX_FRAME_BYTES:
        return None
    try:
        head = _heads.decode(data)
        text = bytes(head.devices)
        table = _known_table(text) if len(text) <= _KNOWN_TABLE_BYTES else _table(text)
        if (
            table is None
            or head.version != PROTOCOL
            or head.base_ms is None
            or head.quality
            or head.time_error
        ):
            return None
        rows = table.rows.decode(head.rows)
    except (ValueError, RecursionError):
        return None
    if len(rows) != head.n or max(map(_alias, rows)) >= len(table.devices):
        return None
    return TelemetryFrame(
        version=head.version,
        gateway=head.gateway,
        epoch=head.epoch,
        boot=head.boot,
        first=head.first,
        n=head.n,
        base_ms=head.base_ms,
        age_ms=head.age_ms,
        floor=head.floor,
        again=head.again,
        devices=table.devices,
        rows=rows,
        live=head.live,
    )


def _table(text: bytes) -> _Table | None:
    """None where the devices have not equally many quantities."""
    devices = _devices.decode(text)
    numbers = {len(column.quantities) for column in devices}
    return _Table(devices, _rows(numbers.pop())) if len(numbers) == 1 else None


_known_table = lru_cache(maxsize=_KNOWN_TABLES)(_table)


@cache
def _rows(values: int) -> msgspec.json.Decoder[tuple[tuple[Number | None, ...], ...]]:
    """Decodes rows of so many values each. There are no more of them than a device may have quantities."""
    row: Any = tuple.__class_getitem__((_Alias, _Offset, *([_Value] * values)))
    rows: Any = tuple.__class_getitem__((row, ...))
    return msgspec.json.Decoder(rows)


_alias: Callable[[tuple[Number | None, ...]], int] = itemgetter(0)


def _any_telemetry(data: bytes) -> TelemetryFrame:
    """The frame, or the reason why it is none."""
    frame = _decode(data, TelemetryFrame)
    _check_rows(frame)
    return frame


def _check_ranges(ranges: Iterable[Range | Refusal]) -> None:
    for item in ranges:
        first, last = (item.first, item.last) if isinstance(item, Refusal) else item
        if first > last:
            raise DecodeError("range", f"range {first} to {last} runs backwards")


def _check_message(message: Message) -> None:
    if isinstance(message, Receipt):
        _check_ranges((*message.ranges, *message.refused, *message.noted))
    elif isinstance(message, Hello):
        for stream in message.have:
            _check_ranges(stream.ranges)
    elif isinstance(message, Beat):
        for account in message.lanes.values():
            _check_ranges(account.settled)
        for closed in message.closed:
            _check_ranges(closed.moved)
        _check_ranges((loss.first, loss.last) for loss in message.lost)


def _check_rows(frame: TelemetryFrame) -> None:
    if len(frame.rows) != frame.n:
        raise DecodeError("count", f"{len(frame.rows)} rows in a frame of {frame.n}")
    if frame.base_ms is None:
        raise DecodeError("base", "only a panic may come without a time")
    widths = [len(column.quantities) + 2 for column in frame.devices]
    for row in frame.rows:
        if len(row) < 2:
            raise DecodeError("row", "a row has an alias and a time before its values")
        alias, offset = row[0], row[1]
        if type(alias) is not int or not 0 <= alias < len(widths):
            raise DecodeError("alias", f"{alias!r} names no device of the frame")
        if type(offset) is not int or not -_OFFSET_LIMIT <= offset <= _OFFSET_LIMIT:
            raise DecodeError("offset", f"{offset!r} is no time offset in milliseconds")
        if len(row) != widths[alias]:
            raise DecodeError(
                "row",
                f"{len(row) - 2} values, {widths[alias] - 2} quantities of {frame.devices[alias].device!r}",
            )
        for value in row:
            if type(value) is int and not -_INTEGER_LIMIT <= value < _INTEGER_LIMIT:
                raise DecodeError("number", f"{value!r} does not fit 64 bits")
    for at, quantity, code in frame.quality:
        if not 0 <= at < frame.n or not 0 <= quantity < widths[cast(int, frame.rows[at][0])] - 2:
            raise DecodeError("quality", f"quality of row {at}, quantity {quantity}, which the frame has not")
        if not Quality.GOOD <= code <= 255:
            raise DecodeError("quality", f"{code!r} is no quality")
    for at, error_ms in frame.time_error:
        if not 0 <= at < frame.n or not 0 <= error_ms <= 2**53:
            raise DecodeError("time", f"time error {error_ms!r} of row {at}")
