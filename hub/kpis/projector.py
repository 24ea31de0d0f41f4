"""The task that writes what the walls show: each measure at its pace, facts as they happen.

What cannot be written now is not kept: the numbers of that moment are gone, those of the next come anyway. Facts wait,
since they are read from SQL until they are written.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from hub.city.beds import wards
from hub.city.rivers import levels
from hub.clock import Clock
from hub.db import Database
from hub.errors import StoreError
from hub.kpis import alarms, attendance, city, facts, fleet, incidents, pipeline, programmes, tiers
from hub.kpis.measures import ALARM_QUALITY, ATTENDANCE, GATEWAYS, PIPELINE, PROGRAMMES, TIERS, Measure
from hub.kpis.point import Point, lines, on_grid
from hub.kpis.sources import Sources
from hub.region import Region
from hub.rollups.marks import EVERYBODY, Marks
from hub.series.errors import NoDatabase, SeriesError
from hub.series.tiers import Tiers, write

log = logging.getLogger(__name__)

EVERY_S = 10.0

_Read = Callable[[Connection], Iterable[Point]]


class Projector:
    """Writes the measures of ``hub.kpis.measures``.

    Args:
        series: where they go.
        sources: where they come from.
        marks: told of points whose minute has been rolled up before, as the first of a slow measure.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        region: Region,
        series: Tiers,
        sources: Sources,
        *,
        marks: Marks,
    ) -> None:
        self._marks = marks
        self._db = db
        self._clock = clock
        self._region = region
        self._series = series
        self._sources = sources
        self._zone = ZoneInfo(region.zone)
        self._done: dict[str, int] = {}
        self._seen = facts.NOTHING
        self._reported: dict[tuple[tuple[str, ...], int], tuple[float, int]] = {}
        self._failing = False

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self.look()
            now_ms = self._clock.now_ms()
            await asyncio.sleep(EVERY_S - now_ms % round(EVERY_S * 1000) / 1000)

    async def look(self) -> None:
        """One pass: everything whose time has come. What fails is told once, and tried again in the next."""
        now_ms = self._clock.now_ms()
        try:
            try:
                await self._write(now_ms)
            except NoDatabase:
                await self._series.raw.create_database()
                await self._write(now_ms)
        except (SeriesError, StoreError, SQLAlchemyError) as error:
            if not self._failing:
                log.warning("kpis_not_written error=%s", error)
            self._failing = True
        except Exception:
            # What no measure has foreseen of some row; presses come through the same process, and must not end with it.
            log.exception("kpis_failed")
            self._failing = True
        else:
            self._failing = False

    async def _write(self, now_ms: int) -> None:
        points = await self._due(now_ms)
        await write(self._series.raw, lines(points))
        self._marks.note(EVERYBODY, (point.t_ms for point in points if point.t_ms < self._marks.limit_ms))
        self._done.update((point.measure.name, point.t_ms) for point in points)
        if self._sources.programmes:
            await self._reports(now_ms)
        await self._facts(now_ms)

    async def _due(self, now_ms: int) -> list[Point]:
        sources, region = self._sources, self._region
        unheard = sources.unheard()
        points = [
            *city.rivers(levels(region, sources.levels(), unheard, now_ms), now_ms),
            *await self._read(lambda conn: [*alarms.counted(conn, now_ms), *incidents.counted(conn, now_ms)]),
        ]
        if region.wards:
            found = wards(region, await sources.panels.ask(now_ms), unheard, now_ms)
            points += city.beds(found, now_ms)
        if self._is_due(PIPELINE, now_ms):
            points += pipeline.pipeline(sources.pipeline(), now_ms)
        if self._is_due(GATEWAYS, now_ms):
            rows = await self._db.read(sources.gateways)
            points += fleet.gateways(rows, region, now_ms)
        if sources.programmes and self._is_due(PROGRAMMES, now_ms):
            points += await self._read(
                lambda conn: programmes.reached(conn, sources.programmes, self._zone, now_ms)
            )
        if self._is_due(ALARM_QUALITY, now_ms):
            points += await self._read(lambda conn: alarms.quality(conn, now_ms, sources.operators))
        people = replace(ATTENDANCE, every_s=sources.attendance_s)
        if self._is_due(people, now_ms):
            points += await self._read(
                lambda conn: attendance.came(conn, self._readers(), self._zone, now_ms, people)
            )
        if self._is_due(TIERS, now_ms):
            points += tiers.tiers(now_ms)
        return points

    def _is_due(self, measure: Measure, now_ms: int) -> bool:
        return self._done.get(measure.name) != on_grid(measure, now_ms)

    async def _read(self, read: _Read) -> list[Point]:
        # Within the transaction: these are generators, and a row must not be asked for after it.
        return await self._db.read(lambda conn: list(read(conn)))

    def _readers(self) -> Iterator[str]:
        """Places where people scan, as the profile's devices say."""
        for device in self._region.devices:
            if device.kind == "attendance_reader":
                yield self._region.site_of(device.gateway)

    async def _reports(self, now_ms: int) -> None:
        since_ms, known = now_ms - facts.BACK_MS, self._sources.programmes
        found = await self._db.read(lambda conn: list(programmes.reported(conn, known, self._zone, since_ms)))
        new = {(point.tags, point.t_ms): (point, mark) for point, mark in found}
        fresh = [point for key, (point, mark) in new.items() if self._reported.get(key) != mark]
        if fresh:
            await write(self._series.long, lines(fresh))
        self._reported = {key: mark for key, (_, mark) in new.items()}

    async def _facts(self, now_ms: int) -> None:
        while True:
            news = partial(facts.news, region=self._region, seen=self._seen, now_ms=now_ms)
            points, told = await self._db.read(news)
            if points:
                await write(self._series.long, lines(points))
            self._seen = told
            if not points:
                return
            await asyncio.sleep(0)
