"""The few packets of MQTT 5 that a sender of samples needs, as bytes: a library would cost more than what we
measure."""

from __future__ import annotations

from collections.abc import Iterator

CONNACK, PUBLISH, PUBACK, SUBACK = 2, 3, 4, 9
"""Packet types that come back."""

_SESSION_EXPIRY_0 = b"\x00"


def connect(client_id: str, *, keepalive_s: int) -> bytes:
    """CONNECT with a clean start; who we are is in the certificate."""
    name = client_id.encode()
    body = b"\x00\x04MQTT\x05\x02" + keepalive_s.to_bytes(2, "big") + _SESSION_EXPIRY_0
    return packet(0x10, body + len(name).to_bytes(2, "big") + name)


def subscribe(topic: str, packet_id: int) -> bytes:
    """SUBSCRIBE to one filter with QoS 1."""
    name = topic.encode()
    body = packet_id.to_bytes(2, "big") + b"\x00" + len(name).to_bytes(2, "big") + name + b"\x01"
    return packet(0x82, body)


def publish(topic: str, payload: bytes, packet_id: int) -> bytes:
    """PUBLISH with QoS 1, not retained."""
    name = topic.encode()
    head = len(name).to_bytes(2, "big") + name + packet_id.to_bytes(2, "big") + b"\x00"
    return packet(0x32, head + payload)


def puback(packet_id: int) -> bytes:
    """PUBACK that says success."""
    return b"\x40\x02" + packet_id.to_bytes(2, "big")


PINGREQ = b"\xc0\x00"


def received(first: int, body: bytes) -> tuple[int, bytes]:
    """Packet id and payload of a PUBLISH with QoS 1."""
    if first & 0x06 != 0x02:
        raise ValueError("only QoS 1 comes to a gateway")
    at = 2 + int.from_bytes(body[:2], "big")
    packet_id = int.from_bytes(body[at : at + 2], "big")
    length, after = _length(body, at + 2)
    return packet_id, body[after + length :]


def packets(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """Take every whole packet out of the buffer: its first byte and its body."""
    start, end = 0, len(buffer)
    while end - start >= 2:
        if buffer[start + 1] < 0x80:
            length, body = buffer[start + 1], start + 2
        else:
            try:
                length, body = _length(buffer, start + 1)
            except IndexError:
                break
        if body + length > end:
            break
        yield buffer[start], bytes(buffer[body : body + length])
        start = body + length
    del buffer[:start]


def _length(data: bytes | bytearray, at: int) -> tuple[int, int]:
    """A length as MQTT writes it, seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def packet(first: int, body: bytes) -> bytes:
    """A packet with its length before the body. ``first`` is its type and flags."""
    length, rest = bytearray(), len(body)
    while True:
        rest, low = divmod(rest, 128)
        length.append(low | (0x80 if rest else 0))
        if not rest:
            return bytes([first]) + bytes(length) + body
