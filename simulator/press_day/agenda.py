"""What will be done, and when; the simulated time goes from one to the next."""

from __future__ import annotations

import heapq
from collections.abc import Callable

Doing = Callable[[int], object]
"""Done at its time (hub time, ms)."""


class Agenda:
    """Things to do in the order of their times; of the same time, in the order in which they were added."""

    def __init__(self) -> None:
        self._due: list[tuple[int, int, Doing]] = []
        self._count = 0

    @property
    def next_ms(self) -> int | None:
        """When the next is due; None where there is nothing left to do."""
        return self._due[0][0] if self._due else None

    def add(self, at_ms: int, doing: Doing) -> None:
        """Have something done."""
        self._count += 1
        heapq.heappush(self._due, (at_ms, self._count, doing))

    def work(self, now_ms: int) -> None:
        """Do all whose time has come, also what that adds."""
        while self._due and self._due[0][0] <= now_ms:
            at_ms, _, doing = heapq.heappop(self._due)
            doing(at_ms)
