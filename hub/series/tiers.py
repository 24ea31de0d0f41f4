"""The three databases of the series: what is measured, by the minute, and by the hour and day."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Literal

from hub.series.errors import NoDatabase
from hub.series.influx import Influx, InfluxConfig

Tier = Literal["raw", "minute", "long"]

MADE: tuple[Tier, ...] = ("minute", "long")
"""The tiers that are made of samples."""

SHARDS: dict[Tier, str] = {"raw": "", "minute": "4w", "long": "52w"}
"""What one file of each holds, where the server lets us say so: a question for ten years opens ten of them."""


def of(config: InfluxConfig, tier: Tier) -> InfluxConfig:
    """Where a tier is: beside the raw one, in a database of its own."""
    if tier == "raw":
        return config
    return replace(config, database=f"{config.database}_{tier}", shard=SHARDS[tier])


@dataclass(frozen=True, slots=True)
class Tiers:
    """An open connection to each."""

    raw: Influx
    minute: Influx
    long: Influx

    @property
    def by_class(self) -> dict[str, Influx]:
        """By the class of ``[retention]`` that says how long each is kept."""
        return {"telemetry": self.raw, "minute": self.minute, "long": self.long}

    @classmethod
    async def enter(cls, stack: AsyncExitStack, raw: Influx) -> Tiers:
        """Beside one that is open; they are closed with the stack."""
        minute = await stack.enter_async_context(Influx(of(raw.config, "minute")))
        return cls(raw, minute, await stack.enter_async_context(Influx(of(raw.config, "long"))))


async def write(influx: Influx, lines: Sequence[bytes], *, at_once: int = 5000) -> None:
    """Write lines of the hub's own making; the database is made where it is not there.

    Raises:
        SeriesError: InfluxDB did not take them; any of them may be stored.
    """
    for begin in range(0, len(lines), at_once):
        part = lines[begin : begin + at_once]
        try:
            await influx.write(part)
        except NoDatabase:
            await influx.create_database()
            await influx.write(part)
