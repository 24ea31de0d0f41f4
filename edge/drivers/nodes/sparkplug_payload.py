"""Payloads of Sparkplug B: protobuf messages, decoded by Google's library from a description of their fields.

The description is written here from the specification's table of fields, so nothing generated has to fit the library's
version.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from edge.drivers.nodes.said import PAYLOAD_MAX, Scalar, UnreadableError

METRICS_MAX = 2000
REBIRTH = "Node Control/Rebirth"
BOOLEAN = 11

_FIELDS = (
    ("name", 1, "STRING"),
    ("alias", 2, "UINT64"),
    ("timestamp", 3, "UINT64"),
    ("datatype", 4, "UINT32"),
    ("is_historical", 5, "BOOL"),
    ("is_transient", 6, "BOOL"),
    ("is_null", 7, "BOOL"),
    ("int_value", 10, "UINT32"),
    ("long_value", 11, "UINT64"),
    ("float_value", 12, "FLOAT"),
    ("double_value", 13, "DOUBLE"),
    ("boolean_value", 14, "BOOL"),
    ("string_value", 15, "STRING"),
)
"""Of a metric: name, number and type. Data sets, templates and bytes are passed over."""

_VALUES = tuple(name for name, _, _ in _FIELDS if name.endswith("_value"))

_SIGNED_BITS = {1: 8, 2: 16, 3: 32, 4: 64}
"""Bits of the signed integers by data type: they are written as two's complement in an unsigned field."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One value of a payload.

    Attributes:
        name, alias: at least one is there; None is absent.
        t_ms: UTC when it was measured; None: not told.
        type: data type by the specification's numbers; None: as in the birth.
        historical: it was kept while the node was away, and says nothing of now.
        raw: as it stood in the payload; None is no value.
    """

    name: str | None
    alias: int | None
    t_ms: int | None
    type: int | None
    historical: bool
    raw: Scalar


@dataclass(frozen=True, slots=True)
class Payload:
    """A message of a node. ``seq`` counts 0 to 255 through all of its messages; a death has none."""

    t_ms: int | None
    seq: int | None
    metrics: tuple[Metric, ...]


def decode(data: bytes) -> Payload:
    """The payload in the bytes.

    Raises:
        UnreadableError: it is none.
    """
    if len(data) > PAYLOAD_MAX:
        raise UnreadableError(f"{len(data)} bytes")
    try:
        told = _message().FromString(data)
    except DecodeError as error:
        raise UnreadableError("no Sparkplug payload") from error
    if len(told.metrics) > METRICS_MAX:
        raise UnreadableError(f"{len(told.metrics)} metrics")
    return Payload(
        t_ms=told.timestamp if told.HasField("timestamp") else None,
        seq=told.seq if told.HasField("seq") else None,
        metrics=tuple(_metric(one) for one in told.metrics),
    )


def rebirth(t_ms: int) -> bytes:
    """The command by which a node tells its birth anew."""
    command = _message()()
    command.timestamp = t_ms
    command.metrics.add(name=REBIRTH, timestamp=t_ms, datatype=BOOLEAN, boolean_value=True)
    return bytes(command.SerializeToString())


def value_of(raw: Scalar, datatype: int | None) -> Scalar:
    """What a value means by its data type."""
    bits = _SIGNED_BITS.get(datatype or 0)
    if bits is None or isinstance(raw, bool) or not isinstance(raw, int):
        return raw
    low = raw & ((1 << bits) - 1)
    return low - (1 << bits) if low >> (bits - 1) else low


def _metric(told: Any) -> Metric:
    raw = None
    if not told.is_null:
        raw = next((getattr(told, name) for name in _VALUES if told.HasField(name)), None)
    return Metric(
        name=told.name if told.HasField("name") else None,
        alias=told.alias if told.HasField("alias") else None,
        t_ms=told.timestamp if told.HasField("timestamp") else None,
        type=told.datatype if told.HasField("datatype") else None,
        historical=told.is_historical,
        raw=raw,
    )


@functools.cache
def _message() -> Any:
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="sparkplug_b", package="sparkplug", syntax="proto2")
    metric = file.message_type.add(name="Metric")
    _add(metric, _FIELDS)
    payload = file.message_type.add(name="Payload")
    _add(payload, (("timestamp", 1, "UINT64"), ("seq", 3, "UINT64")))
    payload.field.add(
        name="metrics",
        number=2,
        type=kinds.TYPE_MESSAGE,
        label=kinds.LABEL_REPEATED,
        type_name=".sparkplug.Metric",
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("sparkplug.Payload"))


def _add(message: Any, fields: Sequence[tuple[str, int, str]]) -> None:
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, number, kind in fields:
        message.field.add(
            name=name, number=number, type=getattr(kinds, f"TYPE_{kind}"), label=kinds.LABEL_OPTIONAL
        )
