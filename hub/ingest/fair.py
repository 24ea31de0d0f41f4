"""A queue in which senders take turns, so that one that floods it delays nobody but itself."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Each sender's items in their order, one of each sender in turn. For one consumer on the event loop.

    Where all is full, the newest item of the sender that has most waiting goes: nothing here is lost, for what has no
    receipt comes again.

    Args:
        most: weight of all that may wait.
        share: weight of what may wait of one sender.
    """

    def __init__(self, most: int, *, share: int | None = None) -> None:
        self._most = most
        self._share = most if share is None else share
        self._waiting: dict[str, deque[tuple[T, int]]] = {}
        self._weights: dict[str, int] = {}
        self._weight = 0
        self._count = 0
        self._some = asyncio.Event()

    def __len__(self) -> int:
        return self._count

    @property
    def weight(self) -> int:
        """Weight of all that waits."""
        return self._weight

    def put(self, sender: str, item: T, *, weight: int = 1) -> int:
        """Add an item; return how many items had no place, this one or others."""
        if weight > self._most or self._weights.get(sender, 0) + weight > self._share:
            return 1
        dropped = 0
        while self._weight + weight > self._most:
            heaviest = max(self._weights, key=self._weights.__getitem__)
            if self._weights[heaviest] <= self._weights.get(sender, 0) + weight:
                return dropped + 1
            self._took(heaviest, self._waiting[heaviest].pop()[1])
            dropped += 1
        self._waiting.setdefault(sender, deque()).append((item, weight))
        self._weights[sender] = self._weights.get(sender, 0) + weight
        self._weight += weight
        self._count += 1
        self._some.set()
        return dropped

    async def wait(self) -> None:
        """Until something waits."""
        await self._some.wait()

    async def get(self) -> T:
        """The next item, waiting for one."""
        await self.wait()
        return self.get_nowait()

    def get_nowait(self) -> T:
        """The next item.

        Raises:
            IndexError: nothing waits.
        """
        if not self._waiting:
            raise IndexError("nothing waits")
        sender = next(iter(self._waiting))
        turn = self._waiting.pop(sender)
        item, weight = turn.popleft()
        self._waiting[sender] = turn  # at the end of the row
        self._took(sender, weight)
        return item

    def _took(self, sender: str, weight: int) -> None:
        self._weight -= weight
        self._count -= 1
        self._weights[sender] -= weight
        if not self._waiting[sender]:
            del self._waiting[sender], self._weights[sender]
        if not self._waiting:
            self._some.clear()
