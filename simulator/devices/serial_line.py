"""Modbus RTU units on a pseudo-terminal: the gateway opens it like any serial port."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import Callable, Mapping

from simulator.devices.modbus_server import wall_ms
from simulator.devices.modbus_units import Answered, OnAnswered, Unit

REQUEST_BYTES = 8
"""Every reading request is this long: unit, function, address, count, checksum."""


def crc16(data: bytes) -> bytes:
    """The checksum of a serial frame, low byte first as on the wire."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


class SerialLine:
    """A line with units on it. ``async with SerialLine({1: Unit()}) as line: line.path``.

    A unit that is not there never answers. Bytes that are no request for one are skipped one by one until a whole
    request with the right checksum is found.
    """

    def __init__(
        self,
        units: Mapping[int, Unit],
        *,
        on_answered: OnAnswered | None = None,
        now_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self.units = dict(units)
        self.path = ""
        """The port to open, once started."""
        self.requests: list[bytes] = []
        """Every whole request, as it came over the wire."""
        self._on_answered = on_answered
        self._now_ms = now_ms
        self._master = -1
        self._slave = -1
        self._received = b""
        self._answers: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> SerialLine:
        self._master, self._slave = os.openpty()
        for end in (self._master, self._slave):
            tty.setraw(end)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        asyncio.get_running_loop().add_reader(self._master, self._readable)
        return self

    async def __aexit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        for task in self._answers:
            task.cancel()
        await asyncio.gather(*self._answers, return_exceptions=True)
        os.close(self._master)
        os.close(self._slave)

    def _readable(self) -> None:
        try:
            self._received += os.read(self._master, 4096)
        except OSError:
            return
        while len(self._received) >= REQUEST_BYTES:
            frame = self._received[:REQUEST_BYTES]
            if crc16(frame[:-2]) != frame[-2:]:
                self._received = self._received[1:]
                continue
            self._received = self._received[REQUEST_BYTES:]
            self.requests.append(frame)
            task = asyncio.get_running_loop().create_task(self._answer(frame), name="serial answer")
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)

    async def _answer(self, frame: bytes) -> None:
        number, pdu = frame[0], frame[1:-2]
        unit = self.units.get(number)
        if unit is None or unit.fault.kind == "silent":
            return
        if unit.fault.kind == "garbage":
            os.write(self._master, unit.fault.data)
            return
        if unit.fault.kind == "slow":
            await asyncio.sleep(unit.fault.delay_s)
        answer, read = unit.answer(pdu)
        body = bytes((number,)) + answer
        os.write(self._master, body + crc16(body))
        if read and self._on_answered:
            self._on_answered(Answered(self._now_ms(), number, *read))
