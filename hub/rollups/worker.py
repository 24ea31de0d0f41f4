"""The task that makes the rollups: each minute what is new, and what came late since."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from functools import partial
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from hub.clock import Clock
from hub.db import Database
from hub.errors import StoreError
from hub.rollups import marks as on_record
from hub.rollups.marks import AT_ONCE, EVERYBODY, Marks
from hub.rollups.questions import FEW_GATEWAYS
from hub.rollups.windows import HOUR_MS, MINUTE_MS, Window, floor, hours, slices
from hub.series.errors import SeriesError

log = logging.getLogger(__name__)

GRACE_MS = 5_000
"""A minute is made so long after its end."""

AGAIN_MS = MINUTE_MS
"""And once more with the next, so that what comes a minute late is no late sample that needs a mark."""

HOURS_AT_ONCE = 24
"""Marked hours in one pass."""

LONGEST_MS = 400 * 24 * HOUR_MS
"""At the first start of a hub that has samples already, so much of the past is made."""


class Makes(Protocol):
    """Who makes them; ``hub.rollups.roller.Roller`` is one."""

    async def minutes(self, window: Window, gateways: Collection[str] = ()) -> None:
        """The minutes of a window."""
        ...

    async def hour(self, hour: Window, gateways: Collection[str] = ()) -> None:
        """An hour, of its minutes."""
        ...

    async def day(self, hour_ms: int, gateways: Collection[str] = ()) -> None:
        """The day that an hour is in, of its hours."""
        ...

    async def first_hour_ms(self) -> int | None:
        """The hour of the first value ever; None where there is none."""
        ...


class Rollups:
    """Makes the rollups.

    Args:
        busy: whether ingest has more to do than it can; what came late waits then.
    """

    def __init__(
        self, db: Database, clock: Clock, marks: Marks, roller: Makes, *, busy: Callable[[], bool]
    ) -> None:
        self._db = db
        self._clock = clock
        self._marks = marks
        self._roller = roller
        self._busy = busy
        self._until_ms: int | None = None
        self._failing = False

    @property
    def waiting(self) -> int:
        """Marked hours, one for each gateway."""
        return len(self._marks)

    @property
    def lag_ms(self) -> int | None:
        """How old the newest minute is whose rollup stands; None before the first."""
        return None if self._until_ms is None else self._clock.now_ms() - self._until_ms

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self.look()
            wait_ms = MINUTE_MS - (self._clock.now_ms() - GRACE_MS) % MINUTE_MS
            await asyncio.sleep(wait_ms / 1000)

    async def look(self) -> None:
        """One pass. What fails is told once, and made in the next."""
        try:
            if self._until_ms is None:
                self._until_ms = await self._open()
            await self._new(floor(self._clock.now_ms() - GRACE_MS, MINUTE_MS))
            if not self._busy():
                await self._late(self._until_ms)
        except (SeriesError, StoreError, SQLAlchemyError) as error:
            if not self._failing:
                log.warning("rollups_not_made error=%s", error)
            self._failing = True
        except Exception:
            # What no step has foreseen of some value; presses come through the same process, and must not end with it.
            log.exception("rollups_failed")
            self._failing = True
        else:
            if self._failing:
                log.info("rollups_made waiting=%d", self.waiting)
            self._failing = False

    async def _open(self) -> int:
        """How far the minutes are made. At the very first start the past is marked."""
        until_ms, keys = await self._db.read(on_record.read)
        if until_ms is None:
            until_ms = floor(self._clock.now_ms(), MINUTE_MS)
            first_ms = await self._roller.first_hour_ms()
            begin_ms = until_ms if first_ms is None else max(first_ms, until_ms - LONGEST_MS)
            past = [hour.begin_ms for hour in hours(Window(begin_ms, until_ms))]
            for begin in range(0, len(past), AT_ONCE):
                await self._db.write(partial(on_record.mark, hours_ms=past[begin : begin + AT_ONCE]))
            await self._db.write(partial(on_record.advance, until_ms=until_ms))
            keys = [(hour_ms, EVERYBODY) for hour_ms in past]
        self._marks.open(until_ms - AGAIN_MS, keys)
        return until_ms

    async def _new(self, to_ms: int) -> None:
        """The minutes since the last pass, with the last one of then once more, their hours and days."""
        assert self._until_ms is not None
        if to_ms <= self._until_ms:
            return
        begin_ms = self._until_ms - AGAIN_MS
        # From here on a sample of before this is not looked at by the passes that are still to come.
        self._marks.limit_ms = to_ms - AGAIN_MS
        for part in slices(Window(begin_ms, to_ms)):
            await self._roller.minutes(part)
            await self._whole(part, to_ms)
        await self._db.write(partial(on_record.advance, until_ms=to_ms))
        self._until_ms = to_ms

    async def _late(self, until_ms: int) -> None:
        """Hours that were marked, the newest first."""
        taken = self._marks.take(HOURS_AT_ONCE)
        for hour_ms, gateways in taken.hours.items():
            everybody = EVERYBODY in gateways or len(gateways) > FEW_GATEWAYS
            only = frozenset() if everybody else gateways
            window = Window(hour_ms, min(hour_ms + HOUR_MS, until_ms))
            try:
                if window.begin_ms < window.end_ms:
                    await self._roller.minutes(window, only)
                    await self._whole(window, until_ms, only)
            except SeriesError as error:
                if error.retryable:
                    raise
                # A time that InfluxDB cannot be asked for must not keep all others waiting.
                log.warning("rollup_refused hour_ms=%d reason=%s", hour_ms, error)
        if taken.hours:
            await self._marks.done(taken)
            log.info("rollups_mended hours=%d waiting=%d", len(taken.hours), self.waiting)

    async def _whole(self, window: Window, until_ms: int, gateways: Collection[str] = ()) -> None:
        """The hours that a window touches and that are over, and their days."""
        for hour in hours(window):
            if hour.end_ms <= until_ms:
                await self._roller.hour(hour, gateways)
                await self._roller.day(hour.begin_ms, gateways)
