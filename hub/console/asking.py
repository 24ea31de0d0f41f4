"""A page's question to InfluxDB. A page opens without the answer, and says what it lacks and since when."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from hub.api.services import Services
from hub.series.errors import SeriesError
from hub.series.shared import Queries

T = TypeVar("T")

PATIENCE_S = 3.0
"""A page does not wait longer for InfluxDB; without it there is enough to show."""


@dataclass(frozen=True, slots=True)
class Asked(Generic[T]):
    """An answer, or that there is none.

    Attributes:
        value: None where InfluxDB did not answer.
        down_since_ms: since when the hub knows that it does not answer; None where it does, or where only this
            question had no answer.
        configured: False where the hub has no InfluxDB.
    """

    value: T | None
    down_since_ms: int | None = None
    configured: bool = True


async def ask(
    hub: Services, question: Callable[[Queries], Awaitable[T]], *, patience_s: float = PATIENCE_S
) -> Asked[T]:
    """Ask InfluxDB, for so long at most."""
    if hub.series is None:
        return Asked(None, configured=False)
    try:
        async with asyncio.timeout(patience_s):
            return Asked(await question(hub.series))
    except (SeriesError, TimeoutError):
        return Asked(None, _down_since_ms(hub))


def _down_since_ms(hub: Services) -> int | None:
    down_ms = (hub.pipeline().get("series") or {}).get("down_ms")
    return None if down_ms is None else hub.clock.now_ms() - down_ms
