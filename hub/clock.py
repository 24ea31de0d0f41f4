"""The two clocks that the hub needs, as one thing that is passed in."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where time comes from; tests and the deterministic world inject their own."""

    def now_ms(self) -> int:
        """Wall time: milliseconds since 1970 in UTC."""
        ...

    def mono_ms(self) -> int:
        """Milliseconds of a clock that never jumps; its zero means nothing."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now_ms(self) -> int:
        """Wall time: milliseconds since 1970 in UTC."""
        return time.time_ns() // 1_000_000

    def mono_ms(self) -> int:
        """Milliseconds since boot, sleep included."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
