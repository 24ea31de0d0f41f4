"""Tells whoever listens that levels and beds have new values, so that a page is alive between two alarms.

These are hints: what is so now is read again. At most one hint a second for all posts together, and none while
nobody listens, so that a city of a thousand posts does not push the news of an incident out of the bus.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from hub.bus import Bus
from hub.city.beds import Panels, PanelWords
from hub.clock import Clock
from hub.region import Region
from hub.rules.model import StationState
from hub.series.errors import SeriesError

LEVELS_EVERY_S = 1.0
BEDS_EVERY_S = 2.0


class CityWatch:
    """Looks at the levels in memory and at the panels in InfluxDB.

    Args:
        levels: the states of the posts, as the rules engine has them now.
        panels: what the bed panels said last.
    """

    def __init__(
        self,
        region: Region,
        bus: Bus,
        clock: Clock,
        *,
        levels: Callable[[], Sequence[StationState]],
        panels: PanelWords,
    ) -> None:
        self._region = region
        self._bus = bus
        self._clock = clock
        self._levels = levels
        self._words = panels
        self._seen: dict[str, tuple[str, int]] = {}
        self._panels: Panels | None = None

    async def watch_levels(self) -> None:
        """Runs until cancelled."""
        while True:
            await asyncio.sleep(LEVELS_EVERY_S)
            if self._bus.listeners:
                self.tell_levels()

    async def watch_beds(self) -> None:
        """Runs until cancelled. While InfluxDB is away there is nothing to tell."""
        while True:
            await asyncio.sleep(BEDS_EVERY_S)
            if self._bus.listeners:
                # That InfluxDB is away is told by its writer, once.
                with suppress(SeriesError):
                    self.tell_beds(await self._words.ask(self._clock.now_ms()))

    def tell_levels(self) -> None:
        """Tell that posts have been heard since the last time."""
        now = {state.station: (state.epoch, state.seq) for state in self._levels()}
        self._tell(
            "station", [station for station, record in now.items() if self._seen.get(station) != record]
        )
        self._seen = now

    def tell_beds(self, panels: Panels) -> None:
        """Tell that beds have become free or taken since the last time."""
        before, self._panels = self._panels, panels
        if before is None:
            return
        self._tell(
            "bed",
            [
                ward.id
                for ward in self._region.wards.values()
                if _beds(before.get((ward.gateway, ward.device)), ward.beds)
                != _beds(panels.get((ward.gateway, ward.device)), ward.beds)
            ],
        )

    def _tell(self, topic: str, moved: Sequence[str]) -> None:
        """One update, with the subject where it is about one thing only."""
        if moved:
            self._bus.publish(
                topic, moved[0] if len(moved) == 1 else "", {"kind": "value", "moved": len(moved)}
            )


def _beds(row: Mapping[str, Any] | None, columns: Iterable[str]) -> list[Any]:
    return [None if row is None else row.get(column) for column in columns]
