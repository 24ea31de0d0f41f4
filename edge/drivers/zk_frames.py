"""Packets of ZKTeco readers on port 4370, and the log of scans in them. Pure.

A packet is ``command u16 | checksum u16 | session u16 | reply u16 | data``, all little-endian. Over TCP each has
``50 50 82 7D`` and its length in front; over UDP it is one datagram.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from edge.drivers.punches import NUMBER_MAX, Attlog, Punch

TCP_HEAD = bytes.fromhex("5050827d")
HEAD_BYTES = 8
PACKET_MAX = 128 * 1024
"""Readers send at most 64 KB at once."""

RECORD_BYTES = (40, 16)
"""Records whose layout holds the employee's number. Those of 8 bytes hold only a place in the list of names, which is
not read."""

SMALL_CHUNK, LARGE_CHUNK = 16 * 1024, 0xFFC0
"""How much is asked for at once, over UDP and over TCP."""


class Command(IntEnum):
    """The few of the protocol that are ever sent or understood. Nothing that changes or clears a reader is here."""

    FREE_SIZES = 50
    CONNECT = 1000
    EXIT = 1001
    AUTH = 1102
    PREPARE_DATA = 1500
    DATA = 1501
    FREE_DATA = 1502
    PREPARE_BUFFER = 1503
    READ_BUFFER = 1504
    ACK_OK = 2000
    ACK_UNAUTHORISED = 2005


ATTLOG = 13
"""The table of scans, as PREPARE_BUFFER is told it."""


class PacketError(ValueError):
    """Bytes that are no packet, or no log of scans."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet."""

    command: int
    session: int
    reply: int
    data: bytes = b""

    def encoded(self) -> bytes:
        """As on the wire, over UDP."""
        rest = struct.pack("<HH", self.session, self.reply) + self.data
        head = struct.pack("<H", self.command)
        return head + struct.pack("<H", checksum(head + b"\0\0" + rest)) + rest

    def framed(self) -> bytes:
        """As on the wire, over TCP."""
        packet = self.encoded()
        return TCP_HEAD + struct.pack("<I", len(packet)) + packet


def decode(data: bytes) -> Packet:
    """A packet as it came.

    Raises:
        PacketError: it is none.
    """
    if len(data) < HEAD_BYTES:
        raise PacketError(f"a packet of {len(data)} bytes")
    command, told, session, reply = struct.unpack("<HHHH", data[:HEAD_BYTES])
    if told != checksum(data[:2] + b"\0\0" + data[4:]):
        raise PacketError("wrong checksum")
    return Packet(command, session, reply, data[HEAD_BYTES:])


def length_of(head: bytes) -> int:
    """How long the packet behind a TCP head is.

    Raises:
        PacketError: it is no head.
    """
    (length,) = struct.unpack("<I", head[4:8])
    if head[:4] != TCP_HEAD or not HEAD_BYTES <= length <= PACKET_MAX:
        raise PacketError("no head of a packet")
    return int(length)


def checksum(data: bytes) -> int:
    """Ones' complement of the ones'-complement sum of the words, as in IP."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"<{len(padded) // 2}H", padded))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def scrambled(comm_key: int, session: int, ticks: int = 50) -> bytes:
    """What proves that one knows the reader's communication key: its bits reversed, the session added, and mixed."""
    backwards = int(f"{comm_key & 0xFFFFFFFF:032b}"[::-1], 2)
    mixed = bytes(
        a ^ b for a, b in zip(struct.pack("<I", (backwards + session) & 0xFFFFFFFF), b"ZKSO", strict=True)
    )
    one, two, _, four = mixed[2:] + mixed[:2]
    return bytes((one ^ ticks, two ^ ticks, ticks, four ^ ticks))


def prepare(table: int) -> bytes:
    """Data of PREPARE_BUFFER for a table."""
    return struct.pack("<bhii", 1, table, 0, 0)


def chunk(start: int, size: int) -> bytes:
    """Data of READ_BUFFER."""
    return struct.pack("<ii", start, size)


def size_told(data: bytes) -> int:
    """How many bytes a prepared buffer has.

    Raises:
        PacketError: it is not said.
    """
    if len(data) < 5:
        raise PacketError("no size of the log")
    return int(struct.unpack_from("<I", data, 1)[0])


def records_told(data: bytes) -> int:
    """How many scans a reader has, from its answer to FREE_SIZES.

    Raises:
        PacketError: it is not said.
    """
    if len(data) < 36:
        raise PacketError("no count of scans")
    return int(struct.unpack_from("<I", data, 32)[0])


def read_log(data: bytes, records: int) -> Attlog:
    """The scans of a log: its length, then `records` records of one size.

    Raises:
        PacketError: the bytes and the count do not go together, or the layout is not known.
    """
    if not records:
        return Attlog((), 0)
    if len(data) < 4:
        raise PacketError("a log without a length")
    (total,) = struct.unpack_from("<I", data)
    size, rest = divmod(total, records)
    if rest or len(data) - 4 != total or size not in RECORD_BYTES:
        raise PacketError(f"{len(data) - 4} bytes of {total} for {records} scans")
    punches, unreadable = [], 0
    for start in range(4, len(data), size):
        punch = _record(data[start : start + size])
        if punch is None:
            unreadable += 1
        else:
            punches.append(punch)
    return Attlog(tuple(punches), unreadable)


def _record(record: bytes) -> Punch | None:
    if len(record) == 40:
        _, name, verify, when, code, _ = struct.unpack("<H24sBIB8s", record)
        number = name.split(b"\0")[0].decode("latin-1").strip()
    else:
        plain, when, verify, code = struct.unpack("<IIBB", record[:10])
        number = str(plain)
    local = read_time(when)
    if local is None or not 0 < len(number) <= NUMBER_MAX or not number.isprintable():
        return None
    return Punch(number, local, code, verify)


def read_time(value: int) -> datetime | None:
    """A time as readers pack it, in months of 31 days; None for a day that is in no calendar."""
    parts = []
    for size in (60, 60, 24, 31, 12):
        value, part = divmod(value, size)
        parts.append(part)
    second, minute, hour, day, month = parts
    try:
        return datetime(value + 2000, month + 1, day + 1, hour, minute, second)  # noqa: DTZ001
    except ValueError:
        return None
