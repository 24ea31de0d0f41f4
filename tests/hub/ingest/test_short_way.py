"""The short way of plain messages beside the library's own: every packet goes one of them, in its order."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from gmqtt.mqtt.protocol import MQTTProtocol

from benchmarks.mqtt import packet
from hub.ingest.broker import _ShortWay


def publish(topic: bytes, payload: bytes, mid: int, *, first: int = 0x32, properties: bytes = b"") -> bytes:
    name = len(topic).to_bytes(2, "big") + topic
    tail = mid.to_bytes(2, "big") + bytes([len(properties)]) + properties + payload
    return packet(first, name + tail)


class Reading:
    """The library's reading with the short way in it, and what came of it."""

    def __init__(self) -> None:
        self.heard: list[tuple[object, ...]] = []
        self.written: list[bytes] = []
        long = SimpleNamespace(put_package=lambda package: self.heard.append((package.cmd, package.data)))
        protocol = SimpleNamespace(write_data=self.written.append, _connection=long)
        protocol._read_packet = lambda data: MQTTProtocol._read_packet(protocol, data)
        client = SimpleNamespace(_connection=SimpleNamespace(_protocol=protocol, _last_data_in=0.0))
        _ShortWay(client, lambda *message: self.heard.append(message)).open()
        self._read = protocol._read_packet
        self._rest = b""

    def feed(self, data: bytes) -> int:
        self._rest += data
        taken: int = self._read(self._rest)
        self._rest = self._rest[max(taken, 0) :]
        return taken


PLAIN = publish(b"siaga/1/01/gw/up/telemetry", b"x" * 300, 7)
RETAINED = publish(b"t", b"", 0x4002, first=0x3B)
OTHERS = [
    publish(b"t", b"y", 9, properties=b"\x02\x00\x00\x00\x05"),
    publish(b"", b"aliased", 9),
    packet(0x30, b"\x00\x01t\x05\x02\x00\x00\x00\x05of QoS 0"),
    packet(0x30, b"\x00\x05t"),
    packet(0x30, b"\x00\x00\x00aliased"),
    packet(0x40, b"\x00\x07\x00\x00"),
    packet(0xD0, b""),
    packet(0x32, b"\x00\x09short"),
]


@pytest.mark.parametrize("step", [1, 3, 64, 10_000])
def test_each_packet_goes_its_way_in_order_however_it_comes(step):
    stream = PLAIN + b"".join(other + RETAINED for other in OTHERS)
    reading = Reading()
    for at in range(0, len(stream), step):
        assert reading.feed(stream[at : at + step]) >= 0

    wanted: list[tuple[object, ...]] = [("siaga/1/01/gw/up/telemetry", b"x" * 300, False)]
    for other in OTHERS:
        wanted += [(other[0], other[2:]), ("t", b"", True)]
    assert reading.heard == wanted
    assert b"".join(reading.written) == b"\x40\x02\x00\x07" + b"\x40\x02\x40\x02" * len(OTHERS)


def test_a_message_of_qos_0_is_heard_and_not_acknowledged():
    reading = Reading()
    reading.feed(packet(0x30, b"\x00\x01t\x00y") + packet(0x31, b"\x00\x01t\x00") + PLAIN[:5])
    assert reading.heard == [("t", b"y", False), ("t", b"", True)]
    assert reading.written == []


def test_acknowledgements_of_one_read_are_one_write():
    reading = Reading()
    reading.feed(PLAIN * 3)
    assert reading.written == [b"\x40\x02\x00\x07" * 3]


def test_the_beginning_of_a_packet_waits_for_its_rest():
    reading = Reading()
    assert reading.feed(PLAIN + PLAIN[:200]) == len(PLAIN)
    assert reading.feed(b"") == 0
    assert len(reading.heard) == 1


def test_a_topic_that_is_no_utf8_is_shown_as_well_as_it_can_be():
    reading = Reading()
    reading.feed(publish(b"a\xff", b"", 1))
    assert reading.heard == [("a\ufffd", b"", False)]
