"""A ZKTeco attendance reader on port 4370, TCP and UDP: it gives its log to who asks.

Written from the protocol's description, apart from the gateway's client, so that the two check each other. It knows a
few commands; everything else, and above all what would change it, is kept in `asked` and refused.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, cast

from simulator.devices.attendance_reader import Row

Fault = Literal["none", "silent", "garbage", "half", "slow", "checksum", "wrong_size"]

_OK, _REFUSED, _UNAUTHORISED = 2000, 2001, 2005
_PREPARE, _DATA = 1500, 1501
_PIECE = 16 * 1024


def packed_time(local: str) -> int:
    """A time as readers pack it."""
    at = datetime.fromisoformat(local)
    days = ((at.year - 2000) * 12 + at.month - 1) * 31 + at.day - 1
    return ((days * 24 + at.hour) * 60 + at.minute) * 60 + at.second


def record(row: Row, number: int, size: int) -> bytes:
    """A scan as it lies in the reader's memory."""
    if size == 40:
        head = (
            struct.pack("<H", number & 0xFFFF) + row.number.encode().ljust(24, b"\0") + bytes((row.verify,))
        )
        return head + struct.pack("<I", packed_time(row.local)) + bytes((row.status,)) + bytes(8)
    if size == 16:
        return struct.pack("<IIBBHI", int(row.number), packed_time(row.local), row.verify, row.status, 0, 0)
    return struct.pack("<HBIB", number & 0xFFFF, row.verify, packed_time(row.local), row.status)


def internet_sum(data: bytes) -> int:
    """The checksum of a packet whose own field is zero."""
    total = 0
    for at in range(0, len(data), 2):
        total += data[at] + (data[at + 1] << 8 if at + 1 < len(data) else 0)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@dataclass
class AttendanceTerminal:
    """A reader with these scans. ``async with AttendanceTerminal(rows) as device: device.port``.

    Attributes:
        key: its communication key as four bytes that AUTH must bring for session 0x1234; b"" asks for none.
        record_bytes: 40 on all that are sold now, 16 and 8 on old ones.
        fault: what is wrong with it now.
        asked: commands that it got.
        late_rows: come between the count and the log.
    """

    rows: list[Row] = field(default_factory=list)
    key: bytes = b""
    record_bytes: int = 40
    fault: Fault = "none"
    asked: list[int] = field(default_factory=list)
    late_rows: list[Row] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None
    _udp: asyncio.DatagramTransport | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _log: bytes = b""
    _known: bool = False

    async def __aenter__(self) -> AttendanceTerminal:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self._udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=("127.0.0.1", self.port)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        assert self._udp is not None
        self._server.close()
        self._udp.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while True:
                head = await reader.readexactly(8)
                request = await reader.readexactly(struct.unpack("<I", head[4:])[0])
                for answer in self.answers(request, 0xFFC0):
                    if self.fault == "slow":
                        await asyncio.sleep(0.05)
                    framed = b"\x50\x50\x82\x7d" + struct.pack("<I", len(answer)) + answer
                    if self.fault == "half":
                        writer.write(framed[:-3])
                        return
                    writer.write(framed if self.fault != "garbage" else b"\xde\xad\xbe\xef" * 8)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            self._tasks.discard(task)
            writer.close()

    def answers(self, request: bytes, most: int) -> list[bytes]:
        """The packets that answer one."""
        command, told, session, reply = struct.unpack("<HHHH", request[:8])
        if self.fault == "silent" or told != internet_sum(request[:2] + b"\0\0" + request[4:]):
            return []
        self.asked.append(command)

        def packet(code: int, data: bytes = b"") -> bytes:
            rest = struct.pack("<HH", 0x1234, reply) + data
            wrong = 1 if self.fault == "checksum" else 0
            total = internet_sum(struct.pack("<HH", code, 0) + rest) ^ wrong
            return struct.pack("<HH", code, total) + rest

        if command == 1000:
            self._known = not self.key
            return [packet(_OK if self._known else _UNAUTHORISED)]
        if command == 1102:
            self._known = request[8:] == self.key
            return [packet(_OK if self._known else _UNAUTHORISED)]
        if not self._known or session != 0x1234:
            return [packet(_UNAUTHORISED)]
        return self._answers(command, request[8:], packet, most)

    def _answers(
        self, command: int, data: bytes, packet: Callable[[int, bytes], bytes], most: int
    ) -> list[bytes]:
        if command == 50:
            counts = [0] * 20
            counts[8] = len(self.rows)
            return [packet(_OK, struct.pack("<20i", *counts))]
        if command == 1503 and data == struct.pack("<bhii", 1, 13, 0, 0):
            rows = self.rows + self.late_rows
            records = b"".join(record(row, at, self.record_bytes) for at, row in enumerate(rows))
            extra = 7 if self.fault == "wrong_size" else 0
            self._log = struct.pack("<I", len(records) + extra) + records
            if len(self._log) <= 1024:
                return [packet(_DATA, self._log)]
            return [packet(_OK, b"\0" + struct.pack("<I", len(self._log)))]
        if command == 1504:
            start, size = struct.unpack("<ii", data)
            part = self._log[start : start + min(size, most)]
            pieces = [part[at : at + _PIECE] for at in range(0, len(part), _PIECE)]
            if len(pieces) == 1:
                return [packet(_DATA, part)]
            told = packet(_PREPARE, struct.pack("<I", len(part)))
            return [told, *(packet(_DATA, piece) for piece in pieces), packet(_OK, b"")]
        return [packet(_OK if command in (1001, 1502) else _REFUSED, b"")]


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, device: AttendanceTerminal) -> None:
        self._device = device
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The event loop's own one is of no class that says so.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport is not None
        for answer in self._device.answers(data, _PIECE):
            if self._device.fault == "garbage":
                answer = b"\xde\xad\xbe\xef"
            self._transport.sendto(answer[:-3] if self._device.fault == "half" else answer, addr)
