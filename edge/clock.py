"""The gateway's clocks: wall time, the boot clock, and how far the wall clock can be trusted."""

from __future__ import annotations

import ctypes
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Discipline:
    """What the kernel says of its wall clock.

    Attributes:
        synced: a time service disciplines the clock now.
        error_ms: bound of its error when synced; meaningless otherwise.
    """

    synced: bool
    error_ms: int = 0


class Clock(Protocol):
    """Where time comes from. Tests and the simulated world give their own."""

    def now_ms(self) -> int:
        """Wall time in UTC, milliseconds since 1970. May be wrong and may jump."""

    def mono_ms(self) -> int:
        """Boot clock in milliseconds: never stops, never jumps, starts anew at each boot."""

    def boot_id(self) -> str:
        """Id of the running boot."""

    def discipline(self) -> Discipline:
        """Whether the wall clock is disciplined, and its error bound."""


class SystemClock:
    """The clocks of this machine."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def mono_ms(self) -> int:
        # CLOCK_BOOTTIME goes on while the machine sleeps; CLOCK_MONOTONIC does not.
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def boot_id(self) -> str:
        return _BOOT_ID.read_text(encoding="ascii").strip()

    def discipline(self) -> Discipline:
        return _kernel_discipline()


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2), as long as the fields that are read."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        # The rest is written by the kernel and not read here; 256 bytes hold it on every architecture.
        ("rest", ctypes.c_char * 256),
    )


_STA_UNSYNC = 0x0040
_TIME_ERROR = 5


def _kernel_discipline() -> Discipline:
    """Ask the kernel, changing nothing (modes = 0). Without the call the clock counts as not in sync."""
    timex = _Timex()
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return Discipline(synced=False)
    return read_timex(state, timex.status, timex.maxerror)


def read_timex(state: int, status: int, maxerror_us: int) -> Discipline:
    """What adjtimex's answer means.

    Args:
        state: its return value; negative is a failure, 5 (TIME_ERROR) an undisciplined clock.
        status: the STA_ bits.
        maxerror_us: the kernel's own bound of the error, in microseconds.
    """
    if state < 0 or state == _TIME_ERROR or status & _STA_UNSYNC:
        return Discipline(synced=False)
    return Discipline(synced=True, error_ms=-(-max(0, maxerror_us) // 1000))


def random_hex(n_bytes: int) -> str:
    """Random bytes in hex from the kernel: epochs and event ids must never repeat, even on cloned cards."""
    return os.urandom(n_bytes).hex()
