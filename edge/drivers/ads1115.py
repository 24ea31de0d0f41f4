"""An ADS1115 on an I2C bus: voltages at its four inputs against ground.

Several drivers may share a chip. A conversion holds the bus from its order to its answer, or another one would be
read for it.
"""

from __future__ import annotations

import fcntl
import os
import struct
import threading
import time
from contextlib import AbstractContextManager
from typing import Protocol

CONVERSION, CONFIG = 0, 1
"""Registers of an ADS1115."""
START = 0x8000
SINGLE_ENDED = 0x4000
RANGE_4V096 = 0x0200
SINGLE_SHOT = 0x0100
FASTEST = 0x00E0
"""860 conversions a second."""
NO_COMPARATOR = 0x0003
VOLT_PER_BIT = 125e-6
CONVERSION_S = 0.00125
"""16 of these are one period of 50 Hz mains, which so averages out."""
SAMPLES = 16
TRIES = 20

I2C_SLAVE = 0x0703
"""The ioctl of Linux that chooses whom to talk to."""


class I2c(Protocol):
    """A bus. Blocking; called in threads."""

    def held(self) -> AbstractContextManager[object]:
        """The bus for one caller alone, who may hold it again within."""

    def transfer(self, address: int, write: bytes, read: int) -> bytes:
        """Write some bytes to a chip, then read some.

        Raises:
            OSError: there is no such bus, or nobody acknowledges at that address.
        """


class LinuxI2c:
    """``/dev/i2c-N``. One caller at a time."""

    def __init__(self, number: int) -> None:
        self._path = f"/dev/i2c-{number}"
        self._lock = threading.RLock()

    def held(self) -> AbstractContextManager[object]:
        return self._lock

    def transfer(self, address: int, write: bytes, read: int) -> bytes:
        with self._lock:
            fd = os.open(self._path, os.O_RDWR)
            try:
                fcntl.ioctl(fd, I2C_SLAVE, address)
                if write:
                    os.write(fd, write)
                return os.read(fd, read) if read else b""
            finally:
                os.close(fd)


class ChipError(Exception):
    """A chip answers as no ADS1115 does."""


def convert(bus: I2c, address: int, channel: int) -> float:
    """One conversion of a channel against ground, in volts. Blocks for some 2 ms.

    Raises:
        OSError: nobody acknowledges.
        ChipError: something else does.
    """
    config = START | SINGLE_ENDED | channel << 12 | RANGE_4V096 | SINGLE_SHOT | FASTEST | NO_COMPARATOR
    with bus.held():
        bus.transfer(address, struct.pack(">BH", CONFIG, config), 0)
        for _ in range(TRIES):
            time.sleep(CONVERSION_S)
            (said,) = struct.unpack(">H", bus.transfer(address, bytes((CONFIG,)), 2))
            if said & ~START != config & ~START:
                raise ChipError(f"its configuration reads {said:#06x}, {config:#06x} was written")
            if said & START:
                break
        else:
            raise ChipError("a conversion does not end")
        (bits,) = struct.unpack(">h", bus.transfer(address, bytes((CONVERSION,)), 2))
    return float(bits * VOLT_PER_BIT)


def read_volts(bus: I2c, address: int, channel: int) -> float:
    """The mean of SAMPLES conversions of a channel. Blocks for some 30 ms, and others may come in between.

    Raises:
        OSError, ChipError: as `convert`.
    """
    return sum(convert(bus, address, channel) for _ in range(SAMPLES)) / SAMPLES
