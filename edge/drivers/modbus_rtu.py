"""Modbus on RS-485, by pymodbus. It is imported where a port is opened: only gateways with one pay for it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from edge.config import RtuBus
from edge.drivers.line import Answer, BrokenLineError
from edge.drivers.registers import Request

if TYPE_CHECKING:
    from pymodbus.client import AsyncModbusSerialClient

# The library reports every silent unit at every request; the sampler says it once.
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)


class SerialLine:
    """One opening of a port. Implements edge.drivers.line.Line."""

    def __init__(self, settings: RtuBus) -> None:
        self.heard = False
        self._settings = settings
        self._client: AsyncModbusSerialClient | None = None

    @property
    def connected(self) -> bool:
        return self._client is not None and self._client.connected

    async def connect(self) -> None:
        from pymodbus.client import AsyncModbusSerialClient
        from pymodbus.framer import FramerType

        settings = self._settings
        # Without retries and reconnects of its own. Its time-out is longer than ours, which comes first and cancels.
        self._client = AsyncModbusSerialClient(
            settings.device,
            framer=FramerType.RTU,
            baudrate=settings.baud,
            parity=settings.parity[0].upper(),
            stopbits=settings.stop_bits,
            name=settings.name,
            timeout=settings.timeout_ms / 1000 + 1,
            retries=0,
            reconnect_delay=0,
            trace_packet=self._trace,
        )
        if not await self._client.connect():
            raise BrokenLineError(f"{settings.device} cannot be opened")

    async def ask(self, unit: int, request: Request) -> Answer:
        from pymodbus.exceptions import ModbusException

        client = self._client
        if client is None:
            raise BrokenLineError("the port is closed")
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
        if self._client is not None:
            self._client.close()
            self._client = None

    def _trace(self, sending: bool, data: bytes) -> bytes:
        self.heard = self.heard or (not sending and bool(data))
        return data
