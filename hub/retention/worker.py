"""The task that lets go of what is over: every hour, a few rows a transaction, behind everything else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from hub.anchoring import FilePlace
from hub.api import audit
from hub.clock import Clock
from hub.db import Database
from hub.errors import StoreError
from hub.retention import erasure, samples
from hub.retention.periods import Periods
from hub.retention.purge import BY_CLASS, Kept
from hub.series.errors import SeriesError
from hub.series.influx import Influx

log = logging.getLogger(__name__)

FIRST_S = 60.0
"""After the start: what waits for a hub is more urgent."""

EACH_S = 3600.0
PAUSE_S = 0.05
"""Between two transactions that delete."""


class Retention:
    """Lets go of what is over.

    Args:
        noted: file away from the store where erasures are noted; None where there is none.
        series: databases of InfluxDB by their class; empty: none are kept.
    """

    def __init__(
        self,
        periods: Periods,
        db: Database,
        clock: Clock,
        *,
        series: Mapping[str, Influx],
        noted: Path | None,
    ) -> None:
        self._periods = periods
        self._db = db
        self._clock = clock
        self._series = series
        self._noted = FilePlace(noted) if noted is not None else None
        self._erasures: Mapping[str, int] = {}
        self._above = 0

    async def run(self) -> None:
        """Work until cancelled."""
        await asyncio.sleep(FIRST_S)
        while True:
            await self.look()
            await asyncio.sleep(EACH_S)

    async def look(self) -> Mapping[str, int]:
        """One pass; what was let go of, by class. What does not work now is told, and tried again in the next."""
        gone: dict[str, int] = {}
        passes: dict[str, Callable[[], Awaitable[int]]] = {"erased": self._erase_again}
        passes |= {name: partial(self._class, name, parts) for name, parts in BY_CLASS.items()}
        for name, one in passes.items():
            try:
                gone[name] = await one()
            except Exception as error:
                # What cannot go of one class keeps no other from going, and nothing else of the hub from its work.
                ours = not isinstance(error, (StoreError, SQLAlchemyError, OSError))
                log.error("retention_failed class=%s error=%s", name, error, exc_info=ours)
        for name, influx in self._series.items():
            await self._policy(name, influx)
        return gone

    async def _erase_again(self) -> int:
        """What a gateway or a restored backup has brought back of people who were erased; how many scans."""
        lines = [] if self._noted is None else await asyncio.to_thread(self._noted.lines)
        now_ms = self._clock.now_ms()
        erasures = await self._db.read(erasure.on_record)
        if any("erased" in line and line["erased"] not in erasures for line in lines):
            await self._db.write(lambda conn: erasure.restore(conn, lines, now_ms=now_ms))
            erasures = await self._db.read(erasure.on_record)
        if erasures != self._erasures:
            self._erasures, self._above = erasures, 0
        gone, self._above = await erasure.sweep(self._db, erasures, above=self._above)
        if gone:
            await self._note("attendance", {"erased_again": gone})
            log.warning("retention erased_again=%d", gone)
        return gone

    async def _note(self, name: str, detail: dict[str, audit.Scalar]) -> None:
        now_ms = self._clock.now_ms()
        await self._db.write(lambda conn: audit.record(conn, "hub", "retention", name, detail, now_ms=now_ms))

    async def _class(self, name: str, parts: tuple[Kept, ...]) -> int:
        now_ms = self._clock.now_ms()
        before_ms = self._periods.before_ms(name, now_ms)
        if before_ms is None:
            return 0
        total = 0
        for part in parts:
            total += await self._part(part, before_ms, now_ms)
        if total and name != "audit":  # the trail tells of its own cut
            detail: dict[str, audit.Scalar] = {"rows": total, "before_ms": before_ms}
            await self._db.write(
                lambda conn: audit.record(conn, "hub", "retention", name, detail, now_ms=now_ms)
            )
        if total:
            log.info("retention class=%s rows=%d days=%d", name, total, self._periods.days[name])
        return total

    async def _part(self, part: Kept, before_ms: int, now_ms: int) -> int:
        # Looked for by a reader: what finds nothing must not hold the writer, and a press, up.
        if not await self._db.read(partial(part.count, before_ms=before_ms)):
            return 0
        total = 0
        while gone := await self._db.write(lambda conn: part.delete(conn, before_ms, now_ms)):
            total += gone
            await asyncio.sleep(PAUSE_S)
        return total

    async def _policy(self, name: str, influx: Influx) -> None:
        days = self._periods.days[name]
        if days is None:
            return
        try:
            if await samples.keep(influx, days):
                log.info("retention class=%s days=%d", name, days)
                await self._note(name, {"days": days})
        except (SeriesError, StoreError, SQLAlchemyError) as error:
            log.warning("retention_not_set database=%s error=%s", influx.config.database, error)
