"""Devices that send by themselves on a serial line: an ultrasonic level sensor and a presence radar, on a
pseudo-terminal.

Written from the frames in the makers' manuals, apart from the gateway's drivers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tty
from collections.abc import Callable
from typing import Literal

Fault = Literal["none", "silent", "garbage", "half"]


class Talker:
    """Sends `frame()` every `every_s`. ``async with Talker(frame) as device: device.path``."""

    def __init__(self, frame: Callable[[], bytes], *, every_s: float = 0.01) -> None:
        self.path = ""
        """The port to open, once started."""
        self.fault: Fault = "none"
        self.noise = b""
        """Sent in front of each frame, as a bad line does."""
        self._frame = frame
        self._every_s = every_s
        self._master = -1
        self._slave = -1
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Talker:
        self._master, self._slave = os.openpty()
        for end in (self._master, self._slave):
            tty.setraw(end)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._task = asyncio.create_task(self._talk(), name="talker")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        os.close(self._master)
        os.close(self._slave)

    async def _talk(self) -> None:
        while True:
            frame = {
                "none": self.noise + self._frame(),
                "silent": b"",
                "garbage": b"\x00\x11\xff\x22\x33",
                "half": self._frame()[:-1],
            }[self.fault]
            # Nobody reads: the line takes no more, as a real one would lose it.
            with contextlib.suppress(BlockingIOError):
                os.write(self._master, frame)
            await asyncio.sleep(self._every_s)


def ultrasonic_frame(mm: int) -> bytes:
    """What an ME007 or A02 sends: head, distance, sum."""
    high, low = mm >> 8 & 0xFF, mm & 0xFF
    return bytes((0xFF, high, low, (0xFF + high + low) & 0xFF))


def radar_frame(state: int, moving_cm: int = 0, still_cm: int = 0, *, energy: int = 59) -> bytes:
    """What an LD2410 sends in its basic mode: state 0 nobody, 1 moving, 2 still, 3 both."""
    words = (moving_cm.to_bytes(2, "little"), still_cm.to_bytes(2, "little"))
    body = (
        b"\x02\xaa" + bytes((state,)) + words[0] + bytes((energy,)) + words[1] + bytes((energy,)) + words[0]
    )
    body += b"\x55\x00"
    return b"\xf4\xf3\xf2\xf1" + len(body).to_bytes(2, "little") + body + b"\xf8\xf7\xf6\xf5"
