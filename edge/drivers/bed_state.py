"""When a bed counts as taken, free, or unknown. Pure.

A person turns over and a mat bounces: taken needs a moment, free needs much longer. What is not known is never free.
"""

from __future__ import annotations


class BedState:
    """From what a sensor says each moment to the state of the bed. Unknown until something has held long enough."""

    def __init__(self, *, occupied_ms: int, vacant_ms: int) -> None:
        """
        Args:
            occupied_ms, vacant_ms: how long a person must be seen, or not, before it counts.
        """
        self.occupied: bool | None = None
        """None is unknown."""
        self._hold_ms = {True: occupied_ms, False: vacant_ms}
        self._candidate: bool | None = None
        self._since_ms = 0

    def feed(self, seen: bool | None, mono_ms: int) -> None:
        """What the sensor says now; None when it says nothing that can be trusted, and then nothing is known."""
        if seen is None:
            self.occupied = self._candidate = None
            return
        if seen is not self._candidate:
            self._candidate, self._since_ms = seen, mono_ms
        if mono_ms - self._since_ms >= self._hold_ms[seen]:
            self.occupied = seen
