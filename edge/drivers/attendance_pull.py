"""Reads the whole log of a ZKTeco reader on port 4370, for what it could not upload, and for readers that cannot.

What was told before is known by the book, so a pull and an upload of the same scan make one event. The reader is
never told to stop taking scans meanwhile: its log only grows, and a line that broke in between would leave it locked.
Only the log is read; never names, photos or templates.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from edge.config import Pull, Reader
from edge.drivers import zk_frames
from edge.drivers.attendance import Readers
from edge.drivers.base import EventStore
from edge.drivers.punches import Attlog
from edge.drivers.zk_frames import Command, Packet, PacketError
from edge.errors import DeviceError, EdgeError

log = logging.getLogger(__name__)

PACKET_S = 5.0
"""A packet that does not come in this time does not come."""

LOG_MAX = 64 * 1024 * 1024
"""Bytes of a log; a million scans are 40 MB."""

LOOK_S = 1.0
"""How often it is looked whether a reader has come back."""

FAILED_S = 60.0
"""Pause after a pull that failed."""


class PullError(DeviceError):
    """A reader did not give its log. Its reason is one of ``no_answer``, ``garbage`` and ``comm_key``."""


class Line(Protocol):
    """A way of packets to a reader and back."""

    def send(self, packet: Packet) -> None:
        """Put a packet on its way."""

    async def receive(self) -> Packet:
        """The next packet.

        Raises:
            PacketError: what came is none.
            OSError, EOFError: the line is broken.
        """


async def pull_log(settings: Pull, known_records: int | None = None) -> tuple[int, Attlog | None]:
    """The log of a reader, and how many scans it says to have.

    Args:
        known_records: its count at the last pull; if it is still the same, the log is not read and None.

    Raises:
        PullError: it could not be had.
    """
    try:
        async with _open(settings) as line:
            talk = _Talk(
                line, zk_frames.SMALL_CHUNK if settings.transport == "udp" else zk_frames.LARGE_CHUNK
            )
            await talk.connect(settings.comm_key)
            try:
                records = zk_frames.records_told(await talk.ask(Command.FREE_SIZES))
                if records == known_records:
                    return records, None
                data = await talk.read(zk_frames.ATTLOG) if records else b""
            finally:
                with contextlib.suppress(OSError, EOFError, PacketError, TimeoutError):
                    await talk.ask(Command.EXIT)
            whole = _fitting(data, records) if records else Attlog((), 0)
            return whole.lines, whole
    except (OSError, EOFError, TimeoutError) as error:
        hint = "look at its address, its network and port 4370"
        raise PullError("no_answer", f"{settings.host}: {str(error) or 'no answer'}", hint) from error
    except PacketError as error:
        raise PullError(
            "garbage", f"{settings.host}: {error}", "update its firmware, or let it upload"
        ) from error


def _fitting(data: bytes, records: int) -> Attlog:
    """The log with the count that its own length says: scans may have come after the count was told."""
    for size in zk_frames.RECORD_BYTES:
        count, rest = divmod(len(data) - 4, size)
        if not rest and 0 <= count - records <= 100:
            return zk_frames.read_log(data, count)
    return zk_frames.read_log(data, records)


class _Talk:
    """One session with a reader."""

    def __init__(self, line: Line, chunk_bytes: int) -> None:
        self._line = line
        self._chunk_bytes = chunk_bytes
        self._session = 0
        self._reply = 0

    async def connect(self, comm_key: int) -> None:
        packet = await self._exchange(Command.CONNECT)
        self._session = packet.session
        if packet.command == Command.ACK_UNAUTHORISED:
            packet = await self._exchange(Command.AUTH, zk_frames.scrambled(comm_key, self._session))
        if packet.command != Command.ACK_OK:
            raise PullError(
                "comm_key", "the reader refuses its communication key", "see its menu: Comm, PC connection"
            )

    async def ask(self, command: Command, data: bytes = b"") -> bytes:
        """The data of the answer to a command."""
        packet = await self._exchange(command, data)
        if packet.command != Command.ACK_OK:
            raise PacketError(f"{command.name} answered by {packet.command}")
        return packet.data

    async def read(self, table: int) -> bytes:
        """A whole table, through the reader's buffer."""
        packet = await self._exchange(Command.PREPARE_BUFFER, zk_frames.prepare(table))
        if packet.command == Command.DATA:  # a short one comes at once
            return packet.data
        if packet.command != Command.ACK_OK:
            raise PacketError(f"PREPARE_BUFFER answered by {packet.command}")
        size = zk_frames.size_told(packet.data)
        if size > LOG_MAX:
            raise PacketError(f"a log of {size} bytes")
        data = bytearray()
        while len(data) < size:
            data += await self._chunk(len(data), min(self._chunk_bytes, size - len(data)))
        await self._exchange(Command.FREE_DATA)
        return bytes(data)

    async def _chunk(self, start: int, size: int) -> bytes:
        packet = await self._exchange(Command.READ_BUFFER, zk_frames.chunk(start, size))
        got = bytearray()
        if packet.command == Command.DATA:
            got += packet.data
        elif packet.command == Command.PREPARE_DATA:
            while len(got) < size:
                packet = await self._receive()
                if packet.command != Command.DATA or not packet.data:
                    raise PacketError(f"{packet.command} within a chunk")
                got += packet.data
            packet = await self._receive()
            if packet.command != Command.ACK_OK:
                raise PacketError(f"{packet.command} behind a chunk")
        if len(got) != size:
            raise PacketError(f"a chunk of {len(got)} bytes, {size} were asked for")
        return bytes(got)

    async def _exchange(self, command: Command, data: bytes = b"") -> Packet:
        self._line.send(Packet(command, self._session, self._reply, data))
        packet = await self._receive()
        self._reply = (self._reply + 1) & 0xFFFF
        return packet

    async def _receive(self) -> Packet:
        # Reply numbers are not compared: a pull ends at the first silence, and the next has a line of its own.
        async with asyncio.timeout(PACKET_S):
            return await self._line.receive()


@asynccontextmanager
async def _open(settings: Pull) -> AsyncIterator[Line]:
    if settings.transport == "udp":
        loop = asyncio.get_running_loop()
        transport, datagrams = await loop.create_datagram_endpoint(
            _Datagrams, remote_addr=(settings.host, settings.port)
        )
        datagrams.transport = transport
        try:
            yield datagrams
        finally:
            transport.close()
        return
    async with asyncio.timeout(PACKET_S):
        reader, writer = await asyncio.open_connection(settings.host, settings.port)
    try:
        yield _Stream(reader, writer)
    finally:
        writer.close()


class _Stream:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, packet: Packet) -> None:
        self._writer.write(packet.framed())

    async def receive(self) -> Packet:
        length = zk_frames.length_of(await self._reader.readexactly(8))
        return zk_frames.decode(await self._reader.readexactly(length))


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.transport: asyncio.DatagramTransport | None = None
        self._came: asyncio.Queue[bytes | Exception] = asyncio.Queue(maxsize=1024)

    def datagram_received(self, data: bytes, addr: object) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._came.put_nowait(data)

    def error_received(self, exc: Exception) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._came.put_nowait(exc)

    def send(self, packet: Packet) -> None:
        assert self.transport is not None
        self.transport.sendto(packet.encoded())

    async def receive(self) -> Packet:
        came = await self._came.get()
        if isinstance(came, Exception):
            raise came
        return zk_frames.decode(came)


class LogPuller:
    """Pulls the log of one reader: at the start, in its rhythm, and when it comes back from a silence."""

    def __init__(self, reader: Reader, settings: Pull, readers: Readers) -> None:
        self._reader = reader
        self._settings = settings
        self._readers = readers
        self._known: int | None = None
        self._failed = False

    async def run(self, store: EventStore) -> None:
        """Pull until cancelled."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        silent = False
        while True:
            away = (self._readers.silent_ms(self._reader) or 0) > self._reader.silent_s * 1000
            if self._readers.is_open and (loop.time() >= due_s or (silent and not away)):
                done = await self.pull()
                due_s = loop.time() + (
                    self._settings.every_s if done else min(FAILED_S, self._settings.every_s)
                )
            silent = away
            await asyncio.sleep(min(LOOK_S, self._settings.every_s))

    async def pull(self) -> bool:
        """Pull once and store what is new; False where it failed, which is told once."""
        try:
            records, told = await pull_log(self._settings, self._known)
            new = 0 if told is None else await self._readers.take(self._reader, told.punches)
        except EdgeError as error:
            if not self._failed:
                log.warning("reader_pull_failed device=%s error=%r", self._reader.name, str(error))
            self._failed = True
            return False
        self._known, self._failed = records, False
        self._readers.heard(self._reader)
        if told is not None and (new or told.unreadable):
            log.info(
                "reader_pulled device=%s new=%d of=%d unreadable=%d",
                self._reader.name,
                new,
                records,
                told.unreadable,
            )
        return True
