"""A Sparkplug B edge node with one device behind it. It writes its protobuf by hand."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass, field

from simulator.devices.local_broker import Speaker

INT8, INT16, INT32, INT64, UINT64, FLOAT, DOUBLE, BOOLEAN = 1, 2, 3, 4, 8, 9, 10, 11
REBIRTH = b"Node Control/Rebirth"


def varint(number: int) -> bytes:
    """A number in groups of seven bits, lowest first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def number(tag: int, value: int) -> bytes:
    """A field that is a number."""
    return varint(tag << 3) + varint(value)


def block(tag: int, data: bytes) -> bytes:
    """A field of a known length."""
    return varint(tag << 3 | 2) + varint(len(data)) + data


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; `value` None is a null."""

    name: str | None
    alias: int | None
    type: int
    value: float | int | bool | None
    t_ms: int = 0
    historical: bool = False

    def encoded(self) -> bytes:
        """As it stands in a payload."""
        out = b"" if self.name is None else block(1, self.name.encode())
        out += b"" if self.alias is None else number(2, self.alias)
        out += number(3, self.t_ms) + (number(4, self.type) if self.name is not None else b"")
        out += number(5, 1) if self.historical else b""
        if self.value is None:
            return out + number(7, 1)
        if self.type == BOOLEAN:
            return out + number(14, int(self.value))
        if self.type == FLOAT:
            return out + varint(12 << 3 | 5) + struct.pack("<f", self.value)
        if self.type == DOUBLE:
            return out + varint(13 << 3 | 1) + struct.pack("<d", self.value)
        if self.type in (INT64, UINT64):
            return out + number(11, int(self.value) & 0xFFFF_FFFF_FFFF_FFFF)
        return out + number(10, int(self.value) & 0xFFFF_FFFF)


def payload(metrics: list[Metric], seq: int | None, t_ms: int | None = None) -> bytes:
    """A whole message."""
    out = number(1, time.time_ns() // 10**6 if t_ms is None else t_ms)
    out += b"".join(block(2, one.encoded()) for one in metrics)
    return out + (b"" if seq is None else number(3, seq))


@dataclass
class SparkplugNode:
    """An edge node at a local broker. ``with SparkplugNode(port) as node``.

    Attributes:
        values: of the device behind it, by metric: what its birth tells.
        skip: numbers to leave out before the next message, as when messages get lost.
        deaf: it does not answer to questions for its birth.
    """

    port: int
    group: str = "kota"
    node: str = "pompa-1"
    device: str = "muka-air"
    bd_seq: int = 7
    values: dict[str, tuple[int, float | int | bool | None]] = field(default_factory=dict)
    skip: int = 0
    deaf: bool = False
    births: int = 0
    _seq: int = 0

    def topic(self, kind: str, *more: str) -> str:
        """A topic of this node."""
        return "/".join(("spBv1.0", self.group, kind, self.node, *more))

    def __enter__(self) -> SparkplugNode:
        death = payload([Metric("bdSeq", None, UINT64, self.bd_seq)], None)
        self.speaker = Speaker(self.port, will=(self.topic("NDEATH"), death))
        self.speaker.__enter__()
        self.speaker.on_message = self._commanded
        self.speaker.listen(self.topic("NCMD"))
        self.birth()
        return self

    def __exit__(self, *_: object) -> None:
        self.speaker.__exit__(None, None, None)

    def birth(self) -> None:
        """Tell what there is: the node, then its device."""
        self.births += 1
        self._seq = 0
        self._say(
            "NBIRTH",
            [
                Metric("bdSeq", None, UINT64, self.bd_seq),
                Metric("Node Control/Rebirth", None, BOOLEAN, False),
            ],
        )
        metrics = [
            Metric(name, alias, kind, value, self._now())
            for alias, (name, (kind, value)) in enumerate(self.values.items(), 10)
        ]
        self._say("DBIRTH", metrics, self.device)

    def tell(self, name: str, *, t_ms: int | None = None, historical: bool = False) -> tuple[str, bytes]:
        """Tell the device's value of that metric, by its alias alone; what was published."""
        alias = 10 + list(self.values).index(name)
        kind, value = self.values[name]
        return self._say(
            "DDATA", [Metric(None, alias, kind, value, t_ms or self._now(), historical)], self.device
        )

    def stranger(self) -> tuple[str, bytes]:
        """Tell a metric by an alias that no birth named."""
        return self._say("DDATA", [Metric(None, 999, DOUBLE, 1.0, self._now())], self.device)

    def device_death(self) -> tuple[str, bytes]:
        """The device behind it does not answer any more."""
        return self._say("DDEATH", [], self.device)

    def stale_death(self) -> tuple[str, bytes]:
        """The will of an earlier connection, which comes late."""
        data = payload([Metric("bdSeq", None, UINT64, self.bd_seq - 1)], None)
        self.speaker.say(self.topic("NDEATH"), data)
        return self.topic("NDEATH"), data

    def _say(self, kind: str, metrics: list[Metric], *more: str) -> tuple[str, bytes]:
        self._seq = (self._seq + self.skip) % 256
        self.skip = 0
        data = payload(metrics, self._seq)
        self._seq = (self._seq + 1) % 256
        self.speaker.say(self.topic(kind, *more), data, wait=False)
        return self.topic(kind, *more), data

    def _commanded(self, topic: str, data: bytes) -> None:
        if topic == self.topic("NCMD") and REBIRTH in data and not self.deaf:
            self.birth()

    @staticmethod
    def _now() -> int:
        return time.time_ns() // 10**6
