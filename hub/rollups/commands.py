"""``siaga-hub rollups``: whether minutes and hours have the totals of what was measured; and to make them again."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack
from functools import partial

from hub.app import influx_config
from hub.beside import in_store
from hub.clock import SystemClock
from hub.config import HubConfig
from hub.errors import ConfigError
from hub.rollups import marks
from hub.rollups.compare import Compared, compare
from hub.rollups.windows import HOUR_MS, MINUTE_MS, Window, floor, hours
from hub.series.influx import Influx
from hub.series.tiers import Tiers

SETTLED_MS = 2 * MINUTE_MS
"""What is younger may not be rolled up for the second time yet."""

DIFFERENT = 1


def options(command: argparse.ArgumentParser) -> None:
    """Of ``rollups``."""
    command.add_argument("--hours", type=int, default=24, metavar="N", help="so far back; else 24")
    command.add_argument(
        "--again", action="store_true", help="have all these hours made again by the hub, at its next start"
    )


def rollups(config: HubConfig, given: argparse.Namespace) -> int:
    """Compare the last hours, or mark them all; 1 where something differs.

    Raises:
        ConfigError: there is no InfluxDB.
        SeriesError: it does not answer.
    """
    if config.influx is None:
        raise ConfigError("no InfluxDB is configured", "see [influx] in hub.toml")
    end_ms = floor(SystemClock().now_ms() - SETTLED_MS, MINUTE_MS)
    window = Window(floor(end_ms - given.hours * HOUR_MS, HOUR_MS), end_ms)
    if given.again:
        past = [hour.begin_ms for hour in hours(window)]
        in_store(config, partial(marks.mark, hours_ms=past))
        print(f"{len(past)} jam ditandai / hours are marked; they are made again when the hub starts")
        return 0
    minutes, long = asyncio.run(_compare(config, window))
    print("menit / minutes")
    wrong = _tell(minutes)
    print("jam / hours")
    wrong += _tell(long)
    return DIFFERENT if wrong else 0


async def _compare(config: HubConfig, window: Window) -> tuple[list[Compared], list[Compared]]:
    whole = Window(window.begin_ms, floor(window.end_ms, HOUR_MS))
    async with AsyncExitStack() as stack:
        raw = await stack.enter_async_context(Influx(influx_config(config)))
        tiers = await Tiers.enter(stack, raw)
        return await compare(raw, tiers.minute, window), await compare(raw, tiers.long, whole)


def _tell(found: Iterable[Compared]) -> int:
    """Say a line for each measurement; how many differ."""
    wrong = 0
    for one in found:
        wrong += not one.agree
        print(
            f"{'sama / same' if one.agree else 'BEDA / DIFFERENT':18} {one.name:22}"
            f" {one.values.count:>10} {one.rolled.count:>10} {one.values.total:>18.3f} {one.rolled.total:>18.3f}"
        )
    return wrong
