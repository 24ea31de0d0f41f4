"""What the hub concludes: levels of rivers, rules, the times of alarms, and what other authorities warn of."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hub.advisories.reader import Advisories
from hub.alarms.times import AlarmTimes
from hub.ingest.judging import Judging
from hub.ingest.ruling import Ruling
from hub.parts.ground import Ground, Tasks
from hub.rules import loader as rules
from hub.series.errors import SeriesError
from hub.told import Told

log = logging.getLogger(__name__)

LOOK_BACK_S = 3.0
"""A start does not wait longer for what InfluxDB knows of the last half hour."""


class Judgement:
    """What is judged, and by what.

    Args:
        listening: whether the hub hears telemetry now; a rule of silence waits while it does not.

    Attributes:
        judging: the river posts.
        rules: the region's rules.
        advisories: warnings of other authorities.
    """

    def __init__(self, ground: Ground, told: Told, *, listening: Callable[[], bool]) -> None:
        region, db, clock, config = ground.region, ground.db, ground.clock, ground.config
        self.rules = Ruling(
            region,
            Path(config.profile),
            db,
            clock,
            series=ground.influx,
            listening=listening,
            changed=told.ruled,
        )
        self.judging = Judging(
            rules.load(region, ground.memory.states),
            region,
            db,
            clock,
            series=ground.influx,
            changed=told.changed,
            rules=self.rules,
        )
        told.rules, told.judging = self.rules, self.judging
        self._alarm_times = AlarmTimes(db, clock, changed=told.alarm)
        self.advisories = Advisories(
            {"bmkg_earthquake": config.advisories.earthquakes, "bmkg_nowcast": config.advisories.nowcast},
            ground.outbound,
            clock,
            region,
            every_s=config.advisories.every_s,
        )

    async def look_back(self) -> None:
        """Before the first frame: rules and rivers take up what they knew."""
        await self.rules.open()
        try:
            await asyncio.wait_for(self.judging.warm(), LOOK_BACK_S)
        except (SeriesError, TimeoutError) as error:
            log.warning("rates_not_warmed error=%s", error or "too slow")

    async def save(self) -> None:
        """Put on record what is known and not yet there."""
        await self.judging.save_once()
        await self.rules.save_once()

    def tasks(self) -> Tasks:
        """What runs."""
        return {
            "level-changes": self.judging.write_changes(),
            "station-states": self.judging.save_states(),
            "history": self.judging.look_over_gaps(),
            "rules": self.rules.run(),
            "alarm-times": self._alarm_times.run(),
            "advisories": self.advisories.run(),
        }

    def numbers(self) -> dict[str, Any]:
        """Of the rules, for the pipeline's page."""
        book = self.rules.book
        return {"version": book.version, "rules": len(book.rules), "mistakes": list(self.rules.mistakes)}
