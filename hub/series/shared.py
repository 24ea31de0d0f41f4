"""One answer for all who ask the same at the same time.

Fifty consoles that show one page ask one question fifty times within a second; InfluxDB need hear it once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Protocol

from hub.clock import Clock

KEPT_MS = 1000
"""An answer is given again for this long."""

ANSWERS_AT_MOST = 64
"""Answers kept; beyond it the oldest goes."""

Rows = list[dict[str, Any]]


class Queries(Protocol):
    """InfluxQL with bound parameters; ``hub.series.influx.Influx`` is one."""

    async def query(self, q: str, params: Mapping[str, Any] | None = None) -> Rows:
        """The rows of a query, times in milliseconds."""
        ...


class SharedQueries:
    """Queries whose answer is shared. Failures are not kept: who asks next asks InfluxDB again.

    Callers must not change the rows. Lives on the event loop.
    """

    def __init__(self, queries: Queries, clock: Clock) -> None:
        self._queries = queries
        self._clock = clock
        self._asked: dict[str, tuple[int, asyncio.Task[Rows]]] = {}

    async def query(self, q: str, params: Mapping[str, Any] | None = None) -> Rows:
        """The rows of a query, times in ms, as of at most KEPT_MS ago.

        Raises:
            SeriesError: as the queries below do.
        """
        key = json.dumps([q, dict(params or {})], sort_keys=True)
        now_ms = self._clock.mono_ms()
        asked_ms, task = self._asked.get(key, (0, None))
        if task is None or _failed(task) or (task.done() and now_ms - asked_ms > KEPT_MS):
            task = asyncio.create_task(self._queries.query(q, params), name="shared-query")
            self._asked.pop(key, None)
            self._asked[key] = (now_ms, task)
            self._forget(now_ms)
        # A browser that goes away must not take the answer from the others who wait for it.
        return await asyncio.shield(task)

    def _forget(self, now_ms: int) -> None:
        """Let go of the answers that nobody gets any more: questions of a moving time never come again."""
        for key, (asked_ms, task) in list(self._asked.items()):
            if _failed(task) or (task.done() and now_ms - asked_ms > KEPT_MS):
                del self._asked[key]
        while len(self._asked) > ANSWERS_AT_MOST:
            del self._asked[next(iter(self._asked))]


def _failed(task: asyncio.Task[Rows]) -> bool:
    """Whether it is over and has no rows; an exception that is looked at here is not reported as forgotten."""
    return task.done() and (task.cancelled() or task.exception() is not None)
