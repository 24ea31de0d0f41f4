"""What is really there after a rehearsal: asked of InfluxDB over HTTP, of the SQL database, of every
gateway's spool.

Nothing here goes through the hub: its word is what is being checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
from sqlalchemy import Engine, create_engine, func, select

from hub.alarms.tables import level_changes
from hub.fleet.tables import silences
from hub.incidents.tables import incidents, presses
from hub.ingest.tables import events, losses, streams
from hub.notify.tables import deliveries, outbox


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
        for listed in await self._query("SHOW MEASUREMENTS"):
            for [kind] in listed["values"]:
                query = f'SELECT * FROM "{kind}" GROUP BY site, gateway, device'  # noqa: S608 - its own words
                for series in await self._query(query):
                    found += _points(kind, series)
        return sorted(found, key=lambda point: point.time_ns)

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

    def press_count(self) -> int:
        """How many presses are in an incident."""
        [row] = self._rows(select(func.count().label("n")).select_from(presses))
        return int(row["n"])

    def incidents(self) -> list[dict[str, Any]]:
        """Every incident, in the order of their numbers."""
        return self._rows(select(incidents).order_by(incidents.c.number))

    def level_changes(self) -> list[dict[str, Any]]:
        """Every Siaga change, in the order of time."""
        return self._rows(select(level_changes).order_by(level_changes.c.t_ms, level_changes.c.id))

    def silences(self) -> list[dict[str, Any]]:
        """Every silence of a gateway."""
        return self._rows(select(silences).order_by(silences.c.id))

    def events(self) -> list[dict[str, Any]]:
        """Every panic and event record."""
        return self._rows(select(events).order_by(events.c.id))

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
