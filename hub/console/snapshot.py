"""One reading for all who ask at once: a press must be on fifty open pages at the cost of one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from hub.bus import Bus

T = TypeVar("T")


class Snapshot(Generic[T]):
    """What was read, kept until the bus tells of any change or ``keep_s`` have passed.

    The bus tells after the commit, so a reading that began after the newest update has all of it.

    Args:
        read: reads it anew.
        keep_s: for what changes without a word on the bus.
    """

    def __init__(self, bus: Bus, read: Callable[[], Awaitable[T]], *, keep_s: float = 1.0) -> None:
        self._bus = bus
        self._read = read
        self._keep_s = keep_s
        self._reading: asyncio.Task[T] | None = None
        self._number = -1
        self._begun_s = 0.0
        self._rendered: dict[Hashable, str] = {}

    async def get(self) -> T:
        """The newest reading; all who ask between two updates wait for one and the same."""
        return await asyncio.shield(self._current())

    async def rendered(self, key: Callable[[T], Hashable], render: Callable[[T], str]) -> str:
        """What is made of the newest reading, once for all with the same key."""
        reading = self._current()
        kept = self._rendered
        value = await asyncio.shield(reading)
        mine = key(value)
        if mine not in kept:
            kept[mine] = render(value)
        return kept[mine]

    def _current(self) -> asyncio.Task[T]:
        now_s = asyncio.get_running_loop().time()
        reading = self._reading
        fresh = self._number == self._bus.number and now_s - self._begun_s < self._keep_s
        if reading is None or not fresh or (reading.done() and (reading.cancelled() or reading.exception())):
            self._number, self._begun_s = self._bus.number, now_s
            self._rendered = {}
            reading = self._reading = asyncio.create_task(_only(self._read), name="snapshot")
        return reading


async def _only(read: Callable[[], Awaitable[T]]) -> T:
    return await read()
