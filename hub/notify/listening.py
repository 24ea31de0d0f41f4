"""What comes back from outside: looked for again and again, each source for itself, so that none holds another up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

EVERY_S = 3.0

Look = Callable[[], Awaitable[None]]


class Listening:
    """Looks at sources.

    Args:
        looks: one look at each source by its name; it raises where the source is away, or some of it was not taken.
        lost: told of a source once when a look fails; ``found``: once when a look is well again.
    """

    def __init__(
        self,
        looks: Mapping[str, Look],
        *,
        lost: Callable[[str, Exception], None],
        found: Callable[[str], None],
    ) -> None:
        self._looks = looks
        self._lost = lost
        self._found = found
        self._away: set[str] = set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name in self._looks:
                group.create_task(self._again(name), name=f"listening {name}")

    async def look(self) -> None:
        """One look at each source."""
        for name in self._looks:
            await self._once(name)

    async def _again(self, name: str) -> None:
        while True:
            await self._once(name)
            await asyncio.sleep(EVERY_S)

    async def _once(self, name: str) -> None:
        try:
            await self._looks[name]()
        except Exception as error:
            # Whatever somebody outside sends, the next look must come: the next answer may be in it.
            if name not in self._away:
                self._lost(name, error)
            self._away.add(name)
        else:
            if name in self._away:
                self._found(name)
            self._away.discard(name)
