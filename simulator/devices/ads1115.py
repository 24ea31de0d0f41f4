"""An ADS1115 on an I2C bus: the chip's registers, with voltages at its inputs that a test sets.

Written from the chip's data sheet, apart from the gateway's driver. It is the bus too: nobody else is on it.
"""

from __future__ import annotations

import errno
import threading
from typing import Literal

Fault = Literal["none", "absent", "stuck", "other", "slow"]

_VOLTS = (6.144, 4.096, 2.048, 1.024, 0.512, 0.256, 0.256, 0.256)


class FakeAds1115:
    """A chip at an address. A conversion is done at the second look, as the real one takes time."""

    def __init__(self, address: int = 0x48) -> None:
        self.address = address
        self.volts = [0.0, 0.0, 0.0, 0.0]
        self.ripple_v = 0.0
        """Of the mains: added and taken away by turns."""
        self.fault: Fault = "none"
        self.conversions = 0
        self._config = 0x8583
        self._value = 0
        self._pointer = 0
        self._busy = 0
        self._lock = threading.RLock()

    def held(self) -> threading.RLock:
        """The bus for one caller alone."""
        return self._lock

    def transfer(self, address: int, write: bytes, read: int) -> bytes:
        if self.fault == "absent" or address != self.address:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        if self.fault == "stuck":
            return b"\xff" * read
        if write:
            self._pointer = write[0]
        if len(write) == 3 and self._pointer == 1:
            self._configure(int.from_bytes(write[1:], "big"))
        return self._register().to_bytes(2, "big")[:read]

    def show_ma(self, channel: int, current_ma: float, shunt_ohm: float = 150.0) -> None:
        """Let a current flow through the shunt at that input."""
        self.volts[channel] = current_ma / 1000 * shunt_ohm

    def _configure(self, config: int) -> None:
        self._config = config & 0x7FFF
        if config & 0x8000:
            mux, gain = config >> 12 & 7, config >> 9 & 7
            assert mux >= 4, "single-ended inputs are 4 to 7"
            self.conversions += 1
            ripple = self.ripple_v if self.conversions % 2 else -self.ripple_v
            bits = round((self.volts[mux - 4] + ripple) / _VOLTS[gain] * 32768)
            self._value = max(-32768, min(32767, bits)) & 0xFFFF
            self._busy = 1000 if self.fault == "slow" else 1

    def _register(self) -> int:
        if self._pointer == 0:
            return self._value
        if self.fault == "other":
            return 0x0042
        if self._busy:
            self._busy -= 1
            return self._config
        return self._config | 0x8000
