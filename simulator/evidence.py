"""What is really there after a rehearsal: asked of InfluxDB over HTTP, of the SQL database, of every
gateway's spool.

Nothing here goes through the hub: its word is what is being checked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
from sqlalchemy import Engine, create_engine, func, select

from hub.alarms.tables import level_changes
from hub.fleet.tables import silences
from hub.incidents.machine import OPEN
from hub.incidents.tables import incidents, presses, timeline
from hub.ingest.tables import events, losses, streams
from hub.kpis.measures import MEASURES
from hub.notify.tables import deliveries, outbox

WINDOW_NS = 3600 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class Point:
    """One point of InfluxDB: one record of the telemetry lane."""

    gateway: str
    device: str
    kind: str
    time_ns: int
    values: Mapping[str, float | int]

    @property
    def t_ms(self) -> int:
        """UTC in milliseconds."""
        return self.time_ns // 1_000_000


class Series:
    """InfluxDB, asked directly."""

    def __init__(self, url: str, database: str, login: tuple[str, str] | None) -> None:
        self._client = httpx.AsyncClient(base_url=url, auth=login, timeout=60, trust_env=False)
        self._database = database

    async def aclose(self) -> None:
        """Close the connection."""
        await self._client.aclose()

    async def points(self) -> list[Point]:
        """Every point there is, in the order of time.

        Raises:
            httpx.HTTPError: InfluxDB does not answer, or refuses.
        """
        found: list[Point] = []
        for kind in await self._kinds():
            query = f'SELECT * FROM "{kind}" GROUP BY site, gateway, device'  # noqa: S608 - its own words
            for series in await self._query(query):
                found += _points(kind, series)
        return sorted(found, key=lambda point: point.time_ns)

    async def after(self, gateway: str, device: str, kind: str, time_ns: int, *, most: int) -> list[Point]:
        """The first points of a device after a time, in the order of time, at most so many.

        Raises:
            httpx.HTTPError: InfluxDB does not answer, or refuses.
        """
        query = (
            f"SELECT * FROM \"{kind}\" WHERE gateway = '{gateway}' AND device = '{device}' "  # noqa: S608 - its own words
            f"AND time > {time_ns} GROUP BY site, gateway, device ORDER BY time LIMIT {most}"
        )
        return [point for series in await self._query(query) for point in _points(kind, series)]

    async def counts(self, from_ns: int, to_ns: int) -> Counter[str]:
        """How many points each gateway has, counted one by one from hour to hour.

        Raises:
            httpx.HTTPError: InfluxDB does not answer, or refuses.
        """
        found: Counter[str] = Counter()
        for kind in await self._kinds():
            for begin_ns in range(from_ns, to_ns, WINDOW_NS):
                window = f"time >= {begin_ns} AND time < {min(begin_ns + WINDOW_NS, to_ns)}"
                query = f'SELECT * FROM "{kind}" WHERE {window} GROUP BY gateway'  # noqa: S608 - its own words
                for series in await self._query(query):
                    found[series["tags"]["gateway"]] += len(series["values"])
        return found

    async def _kinds(self) -> list[str]:
        """What holds samples. The measures of the walls are the hub's own words, and no gateway has promised them."""
        listed = await self._query("SHOW MEASUREMENTS")
        return [name for series in listed for [name] in series["values"] if name not in MEASURES]

    async def _query(self, query: str) -> list[dict[str, Any]]:
        form = {"db": self._database, "epoch": "ns", "q": query}
        answer = await self._client.post("/query", data=form)
        answer.raise_for_status()
        [result] = answer.json()["results"]
        if "error" in result:
            raise httpx.HTTPError(result["error"])
        series: list[dict[str, Any]] = result.get("series", [])
        return series


def _points(kind: str, series: Mapping[str, Any]) -> Iterable[Point]:
    names = series["columns"]
    at = names.index("time")
    for row in series["values"]:
        values = {
            name: value
            for name, value in zip(names, row, strict=True)
            if value is not None and name != "time"
        }
        tags = series["tags"]
        yield Point(tags["gateway"], tags["device"], kind, int(row[at]), values)


class Sql:
    """The hub's SQL database, read from outside: one sees only what is committed."""

    def __init__(self, database: Path | str) -> None:
        url = f"sqlite:///file:{database}?mode=ro&uri=true" if isinstance(database, Path) else database
        self._engine: Engine = create_engine(url)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def presses(self) -> list[dict[str, Any]]:
        """Every press that is in an incident, in the order of arrival."""
        query = select(presses, incidents.c.opened_ms, incidents.c.state).join(
            incidents, incidents.c.id == presses.c.incident_id
        )
        return self._rows(query.order_by(presses.c.row_id))

    def has_press(self, gateway: str, device: str, made_ms: int) -> bool:
        """Whether a press of a button that was made at that time is in an incident."""
        query = select(presses.c.event_id).where(
            presses.c.gateway == gateway,
            presses.c.device == device,
            presses.c.happened_ms.between(made_ms - 200, made_ms + 600),
        )
        return bool(self._rows(query.limit(1)))

    def reopened(self) -> set[str]:
        """Incidents that a person has opened again after they were closed."""
        query = select(timeline.c.incident_id).where(timeline.c.action == "reopen")
        return {row["incident_id"] for row in self._rows(query)}

    def press_count(self) -> int:
        """How many presses are in an incident."""
        [row] = self._rows(select(func.count().label("n")).select_from(presses))
        return int(row["n"])

    def incidents(self) -> list[dict[str, Any]]:
        """Every incident, in the order of their numbers."""
        return self._rows(select(incidents).order_by(incidents.c.number))

    def open_incidents(self) -> int:
        """How many incidents people still work on."""
        open_ = incidents.c.state.in_(OPEN)
        [row] = self._rows(select(func.count().label("n")).select_from(incidents).where(open_))
        return int(row["n"])

    def level_changes(self) -> list[dict[str, Any]]:
        """Every Siaga change, in the order of time."""
        return self._rows(select(level_changes).order_by(level_changes.c.t_ms, level_changes.c.id))

    def silences(self) -> list[dict[str, Any]]:
        """Every silence of a gateway."""
        return self._rows(select(silences).order_by(silences.c.id))

    def events(self) -> list[dict[str, Any]]:
        """Every panic and event record."""
        return self._rows(select(events).order_by(events.c.id))

    def scans(self) -> list[dict[str, Any]]:
        """Every scan of an attendance reader."""
        return self._rows(select(events).where(events.c.kind == "attendance_scan").order_by(events.c.id))

    def outbox(self) -> list[dict[str, Any]]:
        """Every notice, with how often it was tried."""
        return self._rows(select(outbox).order_by(outbox.c.created_ms))

    def deliveries(self) -> list[dict[str, Any]]:
        """Every attempt to tell somebody."""
        return self._rows(select(deliveries))

    def losses(self) -> list[dict[str, Any]]:
        """Every range that a gateway has declared lost."""
        return self._rows(select(losses))

    def refused(self) -> dict[str, int]:
        """Telemetry records that were dead-lettered, by gateway."""
        found: dict[str, int] = {}
        query = select(streams.c.gateway, streams.c.refused).where(streams.c.lane == "telemetry")
        for row in self._rows(query):
            ranges = msgspec.json.decode(row["refused"], type=list[tuple[int, int]])
            count = sum(last - first + 1 for first, last in ranges)
            found[row["gateway"]] = found.get(row["gateway"], 0) + count
        return found

    def _rows(self, query: Any) -> list[dict[str, Any]]:
        with self._engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]
