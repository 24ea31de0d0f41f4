"""Modbus over TCP, written from "MODBUS Messaging on TCP/IP Implementation Guide V1.0b": a head of seven bytes
(transaction, protocol 0, length, unit) before each PDU.

pymodbus does this too, at three times the processor's time for a request and with 2 MB of modules; for RS-485, where
framing is by silence and checksum, it stays.
"""

from __future__ import annotations

import asyncio
import struct

from edge.drivers.line import Answer, BrokenLineError
from edge.drivers.registers import FUNCTIONS, Request

_REQUEST = struct.Struct(">HHHBBHH")
_HEAD = struct.Struct(">HHHB")

_SHORTEST, _LONGEST = 2, 254
"""Of the length in the head: a unit with a function, and a unit with the longest PDU."""


class TcpLine(asyncio.Protocol):
    """One connection. Implements edge.drivers.line.Line."""

    def __init__(self, host: str, port: int) -> None:
        self.heard = False
        self._host = host
        self._port = port
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._transaction = 0
        self._unit = 0
        self._answer: asyncio.Future[Answer] | None = None

    @property
    def connected(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def connect(self) -> None:
        await asyncio.get_running_loop().create_connection(lambda: self, self._host, self._port)

    async def ask(self, unit: int, request: Request) -> Answer:
        if self._transport is None or self._transport.is_closing():
            raise BrokenLineError("the connection is closed")
        self._transaction = (self._transaction + 1) & 0xFFFF
        self._unit, self.heard = unit, False
        self._answer = asyncio.get_running_loop().create_future()
        function = FUNCTIONS[request.table]
        self._transport.write(
            _REQUEST.pack(self._transaction, 0, 6, unit, function, request.address, request.count)
        )
        return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
        self._fail("the connection is closed")

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail(f"the connection ended: {exc}" if exc else "the connection ended")

    def data_received(self, data: bytes) -> None:
        self.heard = True
        self._buffer += data
        try:
            while len(self._buffer) >= _HEAD.size and self._take():
                pass
        except BrokenLineError as error:
            self._fail(str(error))
            self.close()

    def _take(self) -> bool:
        """Take a frame out of the buffer, if there is a whole one.

        Raises:
            BrokenLineError: it can be none, so nobody knows where the next one begins.
        """
        transaction, protocol, length, unit = _HEAD.unpack_from(self._buffer)
        if protocol != 0 or not _SHORTEST <= length <= _LONGEST:
            raise BrokenLineError("what came is no Modbus frame")
        end = _HEAD.size + length - 1
        if len(self._buffer) < end:
            return False
        pdu = bytes(self._buffer[_HEAD.size : end])
        del self._buffer[:end]
        waiting = self._answer
        # An answer that comes late finds nobody waiting, or somebody who waits for another.
        if (
            waiting is not None
            and not waiting.done()
            and (transaction, unit) == (self._transaction, self._unit)
        ):
            waiting.set_result(parse(pdu))
        return True

    def _fail(self, text: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(BrokenLineError(text))


def parse(pdu: bytes) -> Answer:
    """The answer in a PDU (MODBUS Application Protocol V1.1b3, 6.1 to 6.4 and 7). Pure.

    Raises:
        BrokenLineError: it contradicts itself.
    """
    function, rest = pdu[0], pdu[1:]
    if function & 0x80:
        if len(rest) != 1:
            raise BrokenLineError(f"a refusal of {len(rest)} bytes")
        return Answer(function & 0x7F, (), rest[0])
    if function not in FUNCTIONS.values():
        return Answer(function, ())
    if not rest or len(rest) != 1 + rest[0]:
        raise BrokenLineError(f"an answer of {len(rest)} bytes that counts otherwise")
    data = rest[1:]
    if function in (FUNCTIONS["coil"], FUNCTIONS["discrete"]):
        return Answer(function, tuple(byte >> bit & 1 for byte in data for bit in range(8)))
    if len(data) % 2:
        raise BrokenLineError("half a register")
    return Answer(function, struct.unpack(f">{len(data) // 2}H", data))
