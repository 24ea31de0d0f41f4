"""An asyncio event loop without threads, sockets or waiting: time jumps to the next timer.

Production coroutines run on it unchanged. What runs when follows from the program alone, so one seed has one
history.
"""

from __future__ import annotations

import asyncio
from asyncio.base_events import BaseEventLoop
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

TURNS_AT_MOST = 20_000
"""Turns of the loop at one moment; more are somebody who never rests."""


class Stalled(RuntimeError):
    """Nothing goes on: everybody waits for somebody, or somebody never rests."""


class _Jump:
    """Stands where a loop has its selector: instead of waiting, it moves the clock."""

    def __init__(self, loop: WorldLoop) -> None:
        self._loop = loop
        self._turns = 0

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Stalled("nothing is ready and no timer is set")
        if timeout > 0:
            self._turns = 0
            self._loop.jump()
        else:
            self._turns += 1
            if self._turns > TURNS_AT_MOST:
                raise Stalled(f"{TURNS_AT_MOST} turns at {self._loop.time():.3f} s, and time stands still")
        return []

    def close(self) -> None: ...


class WorldLoop(BaseEventLoop):
    """A loop whose ``time()`` is true time of the world, in seconds since its begin."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._clock_resolution = 1e-7
        self._selector = _Jump(self)
        self.set_exception_handler(self._keep)
        self.errors: list[BaseException | str] = []
        """What tasks and callbacks raised and nobody took."""

    def _keep(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.errors.append(context.get("exception") or str(context["message"]))

    def jump(self) -> None:
        """Go to the next timer."""
        self._now = max(self._now, self._scheduled[0].when())  # type: ignore[attr-defined]

    def time(self) -> float:
        return self._now

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Run at once: a thread would be a second order of events."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def _process_events(self, event_list: list[Any]) -> None: ...

    def _write_to_self(self) -> None: ...
