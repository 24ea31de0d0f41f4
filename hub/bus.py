"""What has changed, told within the process to whoever shows it.

The bus carries small hints for the event stream, never the truth: a page that gets one, or that is told it missed
some, reads the state again by SQL. So the bus may forget, and each listener's queue is bounded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType

MISSED = "missed"
"""Topic of the update that stands for all those a slow or returning listener did not get."""


@dataclass(frozen=True, slots=True)
class Update:
    """One change.

    Attributes:
        number: counts up in the life of the bus, from 1.
        topic: what kind of thing changed: ``incident``, ``alarm``, ``notice``, ``gateway``, ``station``, ``bed`` or
            ``missed``.
        subject: id of the thing; empty for ``missed``, and where several of the kind have new values.
        data: a few plain values that spare the listener a question. Nothing personal.
    """

    number: int
    topic: str
    subject: str
    data: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)


class Subscription:
    """One listener's bounded queue; an async iterator of updates, and a context manager that ends it."""

    def __init__(self, bus: Bus, topics: frozenset[str] | None, size: int, owner: str) -> None:
        self.owner = owner
        self._bus = bus
        self._topics = topics
        self._size = size
        self._waiting: deque[Update] = deque()
        self._arrived = asyncio.Event()

    def offer(self, update: Update) -> None:
        """Take the update if it is of interest; a full queue is emptied into one ``missed``."""
        if self._topics is not None and update.topic not in self._topics and update.topic != MISSED:
            return
        if len(self._waiting) >= self._size:
            self._waiting.clear()
            update = Update(update.number, MISSED, "")
        self._waiting.append(update)
        self._arrived.set()

    def __aiter__(self) -> AsyncIterator[Update]:
        return self

    async def __anext__(self) -> Update:
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()

    async def __aenter__(self) -> Subscription:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bus.unsubscribe(self)


class Bus:
    """Publish and subscribe within one event loop.

    Args:
        remembered: how many past updates a returning listener can be given.
        size: how many updates wait for one listener before they become one ``missed``.
    """

    def __init__(self, *, remembered: int = 512, size: int = 256) -> None:
        self._number = 0
        self._size = size
        self._past: deque[Update] = deque(maxlen=remembered)
        self._listeners: set[Subscription] = set()

    @property
    def number(self) -> int:
        """Number of the newest update, 0 before the first."""
        return self._number

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def held_by(self, owner: str) -> int:
        """How many listen for this owner."""
        return sum(listener.owner == owner for listener in self._listeners)

    def publish(
        self, topic: str, subject: str, data: Mapping[str, str | int | float | bool | None] | None = None
    ) -> None:
        """Tell every listener. Never blocks and never fails; call it in the event loop, after the commit."""
        self._number += 1
        update = Update(self._number, topic, subject, dict(data or {}))
        self._past.append(update)
        for listener in self._listeners:
            listener.offer(update)

    def subscribe(
        self, *, topics: frozenset[str] | None = None, after: int | None = None, owner: str = ""
    ) -> Subscription:
        """Listen from now on, or from after a number seen before.

        Args:
            topics: which topics; None for all.
            after: number of the last update that the listener has seen. What came since is given again; where
                that is no longer known, one ``missed``.
            owner: for whom; empty for the hub's own parts.
        """
        subscription = Subscription(self, topics, self._size, owner)
        if after is not None:
            oldest = self._past[0].number if self._past else self._number + 1
            if after > self._number or after < oldest - 1:
                subscription.offer(Update(self._number, MISSED, ""))
            else:
                for update in self._past:
                    if update.number > after:
                        subscription.offer(update)
        self._listeners.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forget the listener; harmless if it is not known."""
        self._listeners.discard(subscription)
