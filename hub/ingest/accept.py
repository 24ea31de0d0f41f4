"""What a message is worth. Pure: the same message, registry and time give the same verdict."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, TypeVar, cast

import msgspec

from contract import codec
from contract.errors import ContractError, DecodeError, TopicError, VersionError
from contract.messages import (
    Beat,
    EventFrame,
    EventRecord,
    Reply,
    State,
    TelemetryFrame,
    VersionRefusal,
)
from contract.topics import Topic, parse
from hub.ingest.events import AcceptedEvent, AcceptedEvents, RefusedRecord, Scalar
from hub.series.table import Table, table

T_LIMIT_MS = 9_200_000_000_000
"""Times further than this from 1970 do not fit InfluxDB's nanoseconds (years 1678 to 2261)."""

FUTURE_MS = 10 * 60 * 1000
"""A record of an earlier boot whose time lies further ahead had a wrong clock: its age is unknown."""

_NUL = b"\\u0000"
"""NUL as JSON writes it. PostgreSQL cannot store it in a text, and no name has one."""

_M = TypeVar("_M", Beat, State, Reply)


@dataclass(frozen=True, slots=True)
class Registered:
    """A gateway that the hub knows. ``interval_s`` is the agreed time between two beats."""

    gateway: str
    cell: int
    site: str
    interval_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Ignored:
    """Not looked at, only counted: a retained frame."""

    reason: str


@dataclass(frozen=True, slots=True)
class Dead:
    """Not to be trusted or not to be read: a dead letter, and no receipt.

    Attributes:
        gateway: as the topic says, None where the topic is no topic.
    """

    reason: str
    detail: str
    gateway: str | None
    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class ForeignVersion:
    """Of another protocol version: the gateway is told so."""

    gateway: str
    cell: int
    answer: VersionRefusal


@dataclass(frozen=True, slots=True)
class AcceptedTelemetry:
    """A telemetry frame whose head is good.

    Attributes:
        sent_ms: when the gateway sent it, by its own mapping; None where unknown.
        refused: rows that will not be taken; the others are good.
        begin_ms, end_ms: times of its earliest and its latest row, good or not.
    """

    gateway: str
    cell: int
    site: str
    frame: TelemetryFrame
    received_ms: int
    sent_ms: int | None
    refused: tuple[RefusedRecord, ...]
    begin_ms: int
    end_ms: int

    def age_ms(self, at: int) -> int | None:
        """Age of a row on arrival; None where nobody can know."""
        offset_ms = cast(int, self.frame.rows[at][1])
        t_ms = cast(int, self.frame.base_ms) + offset_ms
        return _age_ms(self.frame, offset_ms, t_ms, self.received_ms)


@dataclass(frozen=True, slots=True)
class AcceptedBeat:
    """A heartbeat of a known gateway."""

    gateway: str
    cell: int
    beat: Beat


@dataclass(frozen=True, slots=True)
class AcceptedState:
    """A birth or will of a known gateway. ``retained`` says that it is not of now."""

    gateway: str
    cell: int
    state: State
    retained: bool


@dataclass(frozen=True, slots=True)
class AcceptedReply:
    """An answer to a command, or the configuration in force."""

    gateway: str
    cell: int
    reply: Reply


Verdict = (
    Ignored
    | Dead
    | ForeignVersion
    | AcceptedEvents
    | AcceptedTelemetry
    | AcceptedBeat
    | AcceptedState
    | AcceptedReply
)


def accept(
    topic: str,
    payload: bytes,
    *,
    retained: bool,
    received_ms: int,
    gateways: Mapping[str, Registered],
    revoked: Container[str] = (),
) -> Verdict:
    """Judge one message by its topic, its sender and itself.

    Args:
        revoked: gateways that are trusted no more: the broker may still not know.

    Raises nothing: bytes that are no message are ``Dead``.
    """
    try:
        place = _place(topic)
    except TopicError as error:
        return Dead(error.reason, error.message, None, topic, payload)
    if retained and place.leaf != "state":
        return Ignored("retained")
    known = gateways.get(place.gateway)
    if known is None:
        return Dead("unknown", f"{place.gateway} is not enrolled", place.gateway, topic, payload)
    if place.gateway in revoked:
        return Dead("revoked", f"{place.gateway} is trusted no more", place.gateway, topic, payload)
    if known.cell != place.cell:
        detail = f"{place.gateway} lives in cell {known.cell:02d}"
        return Dead("cell", detail, place.gateway, topic, payload)
    try:
        return _judge(place, payload, retained, received_ms, known)
    except VersionError as error:
        refusal = VersionRefusal(refused_version=str(error.found)[:64], hint=error.hint)
        return ForeignVersion(place.gateway, place.cell, refusal)
    except ContractError as error:
        return Dead(error.reason, error.message[:500], place.gateway, topic, payload)


_place = lru_cache(maxsize=8192)(parse)
"""A gateway has a few topics and sends to them again and again."""


def _judge(place: Topic, payload: bytes, retained: bool, received_ms: int, known: Registered) -> Verdict:
    lane = place.lane
    if lane is not None:
        frame = codec.decode_frame(lane, payload)
        _check_sender(frame.gateway, place)
        if isinstance(frame, TelemetryFrame):
            return _telemetry(frame, known, received_ms)
        return _events(frame, place, known, received_ms)
    if place.leaf == "up/beat":
        return AcceptedBeat(known.gateway, known.cell, _own(Beat, place, payload))
    if place.leaf == "state":
        return AcceptedState(known.gateway, known.cell, _own(State, place, payload), retained)
    if place.leaf == "up/reply":
        return AcceptedReply(known.gateway, known.cell, _own(Reply, place, payload))
    raise DecodeError("leaf", f"{place.leaf} is not for the hub")


def _own(cls: type[_M], place: Topic, payload: bytes) -> _M:
    if _NUL in payload:
        raise DecodeError("text", "NUL in a text")
    message = codec.decode(cls, payload)
    _check_sender(message.gateway, place)
    return message


def _check_sender(claimed: str, place: Topic) -> None:
    if claimed != place.gateway:
        raise DecodeError("gateway", f"says it is of {claimed[:48]!r}")


def _sent_ms(frame: TelemetryFrame | EventFrame) -> int | None:
    if frame.base_ms is None or frame.age_ms is None:
        return None
    return frame.base_ms + frame.age_ms


def _age_ms(
    frame: TelemetryFrame | EventFrame, offset_ms: int, t_ms: int | None, received_ms: int
) -> int | None:
    """Age of a record on arrival: by the boot clock where the frame carries it, else by time."""
    if frame.age_ms is not None:
        return max(0, frame.age_ms - offset_ms)
    if t_ms is None or t_ms > received_ms + FUTURE_MS:
        return None
    return max(0, received_ms - t_ms)


# Telemetry


def _telemetry(frame: TelemetryFrame, known: Registered, received_ms: int) -> AcceptedTelemetry:
    devices = table(known.site, frame.gateway, frame.devices)
    rows: Any = frame.rows  # a cast for each would cost more than all the rest here
    base_ms, offsets = cast(int, frame.base_ms), [row[1] for row in rows]
    begin_ms, end_ms = base_ms + min(offsets), base_ms + max(offsets)
    in_bounds = begin_ms > -T_LIMIT_MS and end_ms < T_LIMIT_MS
    refused = () if in_bounds and _is_sound(frame, devices) else tuple(_refused(frame, devices))
    return AcceptedTelemetry(
        known.gateway,
        known.cell,
        known.site,
        frame,
        received_ms,
        _sent_ms(frame),
        refused,
        begin_ms,
        end_ms,
    )


def _is_sound(frame: TelemetryFrame, devices: Table) -> bool:
    """Whether surely no row is to be refused, but for its time: a look at all of them at once, which spares nearly
    every frame the look at each."""
    if not devices.sound:
        return False
    rows: Any = frame.rows
    return not devices.has_integers or float not in set(map(type, chain.from_iterable(rows)))


def _refused(frame: TelemetryFrame, devices: Table) -> Iterator[RefusedRecord]:
    for at, row in enumerate(frame.rows):
        alias = cast(int, row[0])
        fault = devices.faults[alias]
        if fault is None and not -T_LIMIT_MS < cast(int, frame.base_ms) + cast(int, row[1]) < T_LIMIT_MS:
            fault = "time"
        if fault is None and any(type(row[place]) is float for place in devices.integers[alias]):
            fault = "type"
        if fault is not None:
            yield RefusedRecord(frame.first + at, fault, _row_bytes(frame, row))


def _row_bytes(frame: TelemetryFrame, row: tuple[Any, ...]) -> bytes:
    """A refused row as a person can read it later."""
    column = frame.devices[row[0]]
    return msgspec.json.encode(
        {
            "device": column.device,
            "kind": column.kind,
            "t_ms": cast(int, frame.base_ms) + row[1],
            "boot": frame.boot,
            "values": list(zip(column.quantities, row[2:], strict=True)),
        }
    )


# Panic and events


class _Body(msgspec.Struct, frozen=True):
    """What can be saved of a panic body that is no event."""

    id: Any = None
    kind: Any = None
    device: Any = None


_saved = msgspec.json.Decoder(_Body)


def _events(frame: EventFrame, place: Topic, known: Registered, received_ms: int) -> AcceptedEvents:
    panic = place.lane == "panic"
    records: list[AcceptedEvent] = []
    refused: list[RefusedRecord] = []
    for at, record in enumerate(frame.events):
        seq = frame.first + at
        raw = bytes(record.body)
        t_ms = None if frame.base_ms is None else frame.base_ms + record.offset_ms
        if t_ms is not None and not -T_LIMIT_MS < t_ms < T_LIMIT_MS:
            if not panic:
                refused.append(RefusedRecord(seq, "time", raw))
                continue
            t_ms = None
        age_ms = _age_ms(frame, record.offset_ms, t_ms, received_ms)
        try:
            body = codec.decode_body(raw)
        except DecodeError:
            if panic:
                records.append(_malformed(frame, seq, record, t_ms=t_ms, age_ms=age_ms, raw=raw))
            else:
                refused.append(RefusedRecord(seq, "body", raw))
            continue
        records.append(
            AcceptedEvent(
                seq,
                body.id,
                _text(body.kind),
                _text(body.device),
                body.data,
                t_ms,
                record.error_ms,
                age_ms,
                False,
                raw,
            )
        )
    return AcceptedEvents(
        known.gateway,
        known.cell,
        known.site,
        frame.epoch,
        cast(Any, place.lane),
        frame.boot,
        frame.first,
        frame.last,
        frame.again,
        received_ms,
        _sent_ms(frame),
        tuple(records),
        tuple(refused),
    )


def _malformed(
    frame: EventFrame, seq: int, record: EventRecord, *, t_ms: int | None, age_ms: int | None, raw: bytes
) -> AcceptedEvent:
    """A panic all the same: what can be read of the body is kept, and its key stands in for a missing id."""
    try:
        body = _saved.decode(raw)
    except (ValueError, RecursionError):
        body = _Body()
    event_id = body.id
    if not (isinstance(event_id, str) and len(event_id) == 32 and set(event_id) <= set("0123456789abcdef")):
        key = f"{frame.gateway}/{frame.epoch}/{seq}/".encode()
        event_id = hashlib.sha256(key + raw).hexdigest()[:32]
    kind = body.kind if isinstance(body.kind, str) and body.kind else "panic_press"
    device = body.device if isinstance(body.device, str) else ""
    data: Mapping[str, Scalar] = {}
    return AcceptedEvent(
        seq, event_id, _text(kind), _text(device), data, t_ms, record.error_ms, age_ms, True, raw
    )


def _text(text: str) -> str:
    """As every SQL store can hold it: PostgreSQL has no NUL in text."""
    return text[:64].replace("\x00", "\ufffd")
