"""A serial port that a device talks into by itself: what it says now, never what it said long ago."""

from __future__ import annotations

import asyncio
import termios
from collections.abc import Callable
from typing import Any

from edge.drivers.base import MissedPollError

BYTES_MAX = 16 * 1024
"""Most bytes of one listening; no device says so much in a second."""


class SerialPort:
    """Opened by the first listening, and again after a failure."""

    def __init__(self, path: str, baud: int) -> None:
        self._path = path
        self._baud = baud
        self._port: Any = None

    async def listen(self, enough: Callable[[bytes], bool], timeout_s: float) -> bytes:
        """What comes from now on, until it is enough or the time is over; what came before is thrown away.

        Raises:
            MissedPollError: ``bus_down`` when the port cannot be opened or breaks.
        """
        import serial

        try:
            port = self._opened(serial)
            port.reset_input_buffer()
            return await self._collect(port, enough, timeout_s)
        # termios.error is neither: what pyserial passes on of an adapter that was pulled out.
        except (OSError, serial.SerialException, termios.error) as error:
            self.close()
            raise MissedPollError(
                "bus_down", f"{self._path}: {error}", "look at the adapter and the rights on the port"
            ) from error

    def close(self) -> None:
        """Close the port; idempotent."""
        if self._port is not None:
            self._port.close()
        self._port = None

    def _opened(self, serial: Any) -> Any:
        if self._port is None:
            self._port = serial.Serial(self._path, self._baud, timeout=0, exclusive=True)
        return self._port

    async def _collect(self, port: Any, enough: Callable[[bytes], bool], timeout_s: float) -> bytes:
        loop = asyncio.get_running_loop()
        came = bytearray()
        done: asyncio.Future[None] = loop.create_future()

        def readable() -> None:
            try:
                piece = port.read(4096)
                if not piece:
                    raise OSError("the port has gone")
            except Exception as error:  # pyserial passes on what the system says, of whatever class
                loop.remove_reader(fd)
                if not done.done():
                    done.set_exception(error if isinstance(error, OSError) else OSError(str(error)))
                return
            came.extend(piece)
            if not done.done() and (enough(bytes(came)) or len(came) > BYTES_MAX):
                done.set_result(None)

        fd = port.fileno()
        loop.add_reader(fd, readable)
        try:
            await asyncio.wait([done], timeout=timeout_s)
            if done.done():
                done.result()
        finally:
            loop.remove_reader(fd)
        return bytes(came)
