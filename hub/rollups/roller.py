"""Makes minutes of what was measured, hours of minutes, and days of hours, in InfluxDB.

InfluxDB reads the values and gives a bucket for each minute: to carry every value here would cost more than to write
it has. Hours and days are merged here, of few buckets. Everything overwrites itself, so what is made again is mended.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from hub.rollups import buckets
from hub.rollups.buckets import PARTS, Bucket
from hub.rollups.questions import DAILY, Rolled, of_buckets, of_values, rolled
from hub.rollups.windows import HOUR_MS, Window, day, floor
from hub.series.errors import BadLines, NoDatabase
from hub.series.influx import Influx
from hub.series.tiers import Tiers, write

log = logging.getLogger(__name__)

ROWS_AT_ONCE = 500
"""Rows that are worked on before others have their turn: some milliseconds."""

LINES_AT_ONCE = 5000

_SPECIAL = re.compile(r"[, =]")

Tags = tuple[tuple[str, str], ...]
Row = tuple[Tags, int, dict[str, Bucket]]
"""A series' buckets by field at a time in ms."""


class Roller:
    """The three steps. Each is idempotent; gateways, where given, are the only ones looked at.

    Args:
        zone: the city's clock, for its days.
    """

    def __init__(self, series: Tiers, zone: ZoneInfo) -> None:
        self._series = series
        self._zone = zone

    async def minutes(self, window: Window, gateways: Collection[str] = ()) -> None:
        """Make the minutes of a window.

        Raises:
            SeriesError: InfluxDB does not answer; some may be made.
        """
        for one in await there(self._series.raw):
            if gateways and "gateway" not in one.tags:
                continue
            lines = []
            q, params = of_values(one, window, gateways)
            async for tags, t_ms, found in _rows(self._series.raw, one, q, params):
                lines.append(_line(one.name, tags, found, t_ms))
                if len(lines) >= LINES_AT_ONCE:
                    await _keep(self._series.minute, lines)
                    lines = []
            await _keep(self._series.minute, lines)

    async def hour(self, hour: Window, gateways: Collection[str] = ()) -> None:
        """Make an hour of its minutes.

        Raises:
            SeriesError: InfluxDB does not answer; some may be made.
        """
        for one in await there(self._series.minute, suffix=PARTS[0]):
            if gateways and "gateway" not in one.tags:
                continue
            await self._merge(self._series.minute, one, hour, gateways, one.name)

    async def day(self, hour_ms: int, gateways: Collection[str] = ()) -> None:
        """Make the day that an hour is in of its hours.

        Raises:
            SeriesError: InfluxDB does not answer; some may be made.
        """
        window = day(self._zone, hour_ms)
        for one in await there(self._series.long, suffix=PARTS[0]):
            if gateways and "gateway" not in one.tags:
                continue
            await self._merge(self._series.long, one, window, gateways, one.name + DAILY)

    async def _merge(
        self, source: Influx, one: Rolled, window: Window, gateways: Collection[str], name: str
    ) -> None:
        parts: defaultdict[Tags, defaultdict[str, list[Bucket]]] = defaultdict(lambda: defaultdict(list))
        q, params = of_buckets(one, window, gateways)
        async for tags, _, found in _rows(source, one, q, params):
            for field, bucket in found.items():
                parts[tags][field].append(bucket)
        lines = []
        for tags, fields in parts.items():
            wholes = {field: buckets.merged(found) for field, found in fields.items()}
            lines.append(
                _line(name, tags, {field: whole for field, whole in wholes.items() if whole}, window.begin_ms)
            )
            if len(lines) % ROWS_AT_ONCE == 0:
                await asyncio.sleep(0)
        await _keep(self._series.long, lines)

    async def first_hour_ms(self) -> int | None:
        """The hour of the first value that was ever measured; None where there is none.

        Raises:
            SeriesError: InfluxDB does not answer.
        """
        firsts = []
        for one in await there(self._series.raw):
            q = f'SELECT * FROM "{one.name}" ORDER BY time LIMIT 1'  # noqa: S608 - of our tables
            firsts += [row["time"] for row in await self._series.raw.query(q)]
        return floor(min(firsts), HOUR_MS) if firsts else None


async def there(influx: Influx, *, suffix: str = "") -> list[Rolled]:
    """What of ours a database has; nothing where it is not there yet.

    Raises:
        SeriesError: InfluxDB does not answer.
    """
    keys: defaultdict[str, set[str]] = defaultdict(set)
    try:
        async for series in influx.stream("SHOW FIELD KEYS", rows_at_once=LINES_AT_ONCE):
            keys[series["name"]].update(row[0] for row in series["values"])
    except NoDatabase:
        return []
    return list(rolled(keys, suffix=suffix))


async def _rows(influx: Influx, one: Rolled, q: str, params: Mapping[str, Any]) -> AsyncIterator[Row]:
    """The rows of an answer, others having their turn between parts of it."""
    width = len(PARTS)
    async for series in influx.stream(q, params, rows_at_once=ROWS_AT_ONCE):
        tags = tuple(sorted(series.get("tags", {}).items()))
        for t_ns, *cells in series["values"]:
            found = {
                field: bucket
                for at, field in enumerate(one.fields)
                if (bucket := buckets.read(cells[at * width : (at + 1) * width])) is not None
            }
            if found:
                yield tags, t_ns // 1_000_000, found
        await asyncio.sleep(0)


def _line(name: str, tags: Tags, found: Mapping[str, Bucket], t_ms: int) -> bytes:
    """A point. Names and tags are as InfluxDB told them, so nothing in them is to be made harmless once more."""
    series = "".join(f",{key}={_SPECIAL.sub(_escaped, value)}" for key, value in tags if value)
    fields = ",".join(bucket.fields(field) for field, bucket in found.items())
    return f"{name}{series} {fields} {t_ms * 1_000_000}".encode()


def _escaped(found: re.Match[str]) -> str:
    return f"\\{found[0]}"


async def _keep(influx: Influx, lines: list[bytes]) -> None:
    """Write lines; those that the database no longer takes, as older than it keeps, are told and left."""
    if not lines:
        return
    try:
        await write(influx, lines, at_once=LINES_AT_ONCE)
    except BadLines as error:
        log.warning("rollup_refused database=%s reason=%s", influx.config.database, error.message)
