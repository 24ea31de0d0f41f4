"""A Modbus TCP server with many units on one port, whose values and faults change while it runs.

pymodbus has a server too; it cannot make one unit silent, garbled or slow while its neighbours answer, and it
shares its framing code with the gateway's client.
"""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from collections.abc import Callable, Mapping

from simulator.devices.modbus_units import Answered, Fault, OnAnswered, Unit

__all__ = ["Answered", "Fault", "ModbusServer", "Unit"]

log = logging.getLogger(__name__)


def wall_ms() -> int:
    """UTC in milliseconds."""
    return time.time_ns() // 1_000_000


class ModbusServer:
    """Serves `units` on one TCP port, in the event loop it is started in.

    ``async with ModbusServer({1: Unit()}) as server: server.port``. A unit that is not in `units` never answers, as
    on a serial line behind a converter. `units` may be changed while it runs.
    """

    def __init__(
        self,
        units: Mapping[int, Unit],
        *,
        on_answered: OnAnswered | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        now_ms: Callable[[], int] = wall_ms,
    ) -> None:
        """
        Args:
            on_answered: told of every answer with values, right after it was written.
            port: 0 takes a free one; see `port` once it is started.
            now_ms: UTC wall clock for the log.
        """
        self.units = dict(units)
        self.host = host
        self.port = port
        self.connections = 0
        """Connections taken since the start."""
        self._on_answered = on_answered
        self._now_ms = now_ms
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; `port` is the real one afterwards, and kept when it is started again."""
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is None:
            return
        self._server.close()
        self.drop_connections()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    def drop_connections(self) -> None:
        """Break every connection, as a cable does; clients may connect again."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def __aenter__(self) -> ModbusServer:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            while True:
                head = await reader.readexactly(7)
                transaction, protocol, length, number = struct.unpack(">HHHB", head)
                if protocol != 0 or not 2 <= length <= 254:
                    return
                pdu = await reader.readexactly(length - 1)
                await self._answer(writer, transaction, number, pdu)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            # A stop cancels; the task ends here all the same, and asyncio would log it as an error.
            return
        finally:
            self._serving.discard(task)
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, transaction: int, number: int, pdu: bytes) -> None:
        unit = self.units.get(number)
        if unit is None or unit.fault.kind == "silent":
            return
        fault = unit.fault
        if fault.kind == "garbage":
            writer.write(fault.data)
            return
        if fault.kind == "slow":
            await asyncio.sleep(fault.delay_s)
        answer, read = unit.answer(pdu)
        writer.write(struct.pack(">HHHB", transaction, 0, len(answer) + 1, number) + answer)
        if read and self._on_answered and not writer.is_closing():
            self._on_answered(Answered(self._now_ms(), number, *read))
