"""Gaps that have filled get their history pass: read from InfluxDB, judged, written beside the live changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from random import Random
from typing import Any, Protocol

from hub.alarms.service import level_before, write_history
from hub.clock import Clock
from hub.db import Database
from hub.errors import HubError
from hub.region import Region
from hub.rules.engine import Engine
from hub.rules.history import changes
from hub.rules.model import Skipped

log = logging.getLogger(__name__)

RETRY_S = 30.0
"""Pause after InfluxDB or the SQL store did not answer, before jitter of ±30 %."""

_QUERY = (
    'SELECT "{quantity}", "{quantity}_q" FROM "{kind}"'
    ' WHERE "gateway" = $gateway AND "device" = $device AND time >= {from_ms}ms AND time < {end_ms}ms'
    " ORDER BY time"
)


class Queries(Protocol):
    """Who answers InfluxQL; ``hub.series.influx.Influx`` does."""

    async def query(self, q: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The rows, ``time`` in ms UTC."""
        ...


class GapWatch:
    """Hears the floors of the gateways and passes over each gap that has filled.

    ``floor`` is cheap and may be called for every beat and frame. A pass waits for nobody and is repeated until it is
    stored; a hub that is killed meanwhile has the gap in the engine's stored states.
    """

    def __init__(
        self,
        engine: Engine,
        region: Region,
        influx: Queries,
        db: Database,
        clock: Clock,
        *,
        random: Random | None = None,
    ) -> None:
        self._engine = engine
        self._region = region
        self._influx = influx
        self._db = db
        self._clock = clock
        self._random = random or Random()
        self._gaps: asyncio.Queue[Skipped] = asyncio.Queue()

    def floor(self, gateway: str, epoch: str, floor: int) -> None:
        """All telemetry of a gateway below this number is settled or declared lost."""
        for gap in self._engine.filled(gateway, epoch, floor):
            self._gaps.put_nowait(gap)

    async def run(self) -> None:
        """Pass over gaps until cancelled."""
        while True:
            gap = await self._gaps.get()
            while True:
                try:
                    found = await self._pass(gap)
                except HubError as error:
                    log.warning("gap_pass_failed station=%s error=%s", gap.station, error)
                    await asyncio.sleep(RETRY_S * self._random.uniform(0.7, 1.3))
                else:
                    break
            self._engine.passed(gap)
            log.info(
                "gap_passed station=%s from_ms=%d to_ms=%d changes=%d",
                gap.station,
                gap.from_ms,
                gap.to_ms,
                found,
            )

    async def _pass(self, gap: Skipped) -> int:
        """Write what the gap says; how many changes were not known."""
        station = self._region.stations[gap.station]
        # A point's time has a remainder below the millisecond, so the last millisecond is taken whole.
        q = _QUERY.format(
            quantity=station.quantity, kind=station.kind, from_ms=gap.from_ms, end_ms=gap.to_ms + 1
        )
        rows = await self._influx.query(q, {"gateway": station.gateway, "device": station.device})
        points = [
            (int(row["time"]), float(row[station.quantity]))
            for row in rows
            if row[station.quantity] is not None and not row.get(f"{station.quantity}_q")
        ]
        before = await self._db.read(lambda conn: level_before(conn, gap.station, gap.from_ms))
        found = changes(station, gap, points, before)
        now_ms = self._clock.now_ms()
        return await self._db.write(lambda conn: write_history(conn, found, now_ms))
