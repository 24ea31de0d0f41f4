"""One open Modbus line, by pymodbus. It is imported where a line is opened: only gateways with a bus pay for it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from edge.config import RtuBus, TcpBus
from edge.drivers.registers import Request

if TYPE_CHECKING:
    from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient

# The library reports every silent unit at every request; the sampler says it once.
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)


class Answer(NamedTuple):
    """What a unit answered.

    Attributes:
        function: of the answer, without the bit that marks a refusal.
        values: registers, or bits; these in whole bytes, so more than were asked for.
        exception: the code by which it refuses; 0 for none.
    """

    function: int
    values: tuple[int, ...]
    exception: int = 0


class BrokenLineError(Exception):
    """The line is gone, or what came over it can be no answer: it is to be closed and opened anew."""


class Line:
    """One opening of a bus. It repeats nothing and reconnects never: the bus decides both."""

    def __init__(self, settings: TcpBus | RtuBus) -> None:
        self.heard = False
        """Whether any byte came since the last request went."""
        self._settings = settings
        self._client: AsyncModbusTcpClient | AsyncModbusSerialClient | None = None

    @property
    def connected(self) -> bool:
        """Whether it is open now."""
        return self._client is not None and self._client.connected

    async def connect(self) -> None:
        """Open it, once.

        Raises:
            OSError, BrokenLineError: it cannot be opened.
        """
        self._client = self._new_client()
        if not await self._client.connect():
            raise BrokenLineError(f"bus {self._settings.name} cannot be opened")

    async def ask(self, unit: int, request: Request) -> Answer:
        """Send a request and wait for its answer; an answer to an earlier one is passed over.

        Waits for longer than the bus: that has the time-out, and cancels.

        Raises:
            OSError, BrokenLineError: the line broke, or what came can be no answer.
        """
        from pymodbus.exceptions import ModbusException

        client = self._client
        if client is None:
            raise BrokenLineError("the line is closed")
        calls = {
            "coil": client.read_coils,
            "discrete": client.read_discrete_inputs,
            "holding": client.read_holding_registers,
            "input": client.read_input_registers,
        }
        self.heard = False
        call: Any = calls[request.table]
        try:
            answer = await call(request.address, count=request.count, device_id=unit)
        except ModbusException as error:
            raise BrokenLineError(str(error)) from error
        if answer.isError():
            return Answer(answer.function_code & 0x7F, (), int(getattr(answer, "exception_code", 0)))
        values = answer.bits if request.table in ("coil", "discrete") else answer.registers
        return Answer(answer.function_code, tuple(int(value) for value in values))

    def close(self) -> None:
        """Close it. Idempotent."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _new_client(self) -> AsyncModbusTcpClient | AsyncModbusSerialClient:
        from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
        from pymodbus.framer import FramerType

        settings = self._settings
        # Without retries and reconnects of its own: the bus decides both. Its time-out is longer than the bus's.
        timeout_s = settings.timeout_ms / 1000 + 1
        if isinstance(settings, TcpBus):
            return AsyncModbusTcpClient(
                settings.host,
                port=settings.port,
                name=settings.name,
                timeout=timeout_s,
                retries=0,
                reconnect_delay=0,
                trace_packet=self._trace,
            )
        return AsyncModbusSerialClient(
            settings.device,
            framer=FramerType.RTU,
            baudrate=settings.baud,
            parity=settings.parity[0].upper(),
            stopbits=settings.stop_bits,
            name=settings.name,
            timeout=timeout_s,
            retries=0,
            reconnect_delay=0,
            trace_packet=self._trace,
        )

    def _trace(self, sending: bool, data: bytes) -> bytes:
        self.heard = self.heard or (not sending and bool(data))
        return data
