"""Tests whose time passes only while nothing is left to do: what they see does not depend on the machine's load."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

from edge.clock import SystemClock
from simulator.world.loop import WorldLoop


class LoopClock(SystemClock):
    """A boot clock that goes as the loop's time does."""

    def mono_ms(self) -> int:
        return round(asyncio.get_running_loop().time() * 1000)


def timeless(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in such a loop; it has no sockets and no threads."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        loop = WorldLoop()
        try:
            loop.run_until_complete(test(*arguments, **named))
        finally:
            loop.close()
        assert loop.errors == []

    return run
