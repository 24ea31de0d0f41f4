"""A fake InfluxDB, also behind httpx: stores points, and fails in every way the hub must live with."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from random import Random
from typing import Any, Literal
from urllib.parse import parse_qs

import httpx

from hub.series.post import Answer

Mood = Literal["well", "refuses", "unavailable", "hangs", "lies", "forgot"]
"""How it answers a write: stores it · refuses the connection · 503 · never · stores it and answers 500 or
nothing · has no such database."""

_AS_HTTPX: dict[type[OSError], type[httpx.TransportError]] = {
    ConnectionRefusedError: httpx.ConnectError,
    TimeoutError: httpx.ReadTimeout,
    ConnectionResetError: httpx.ReadError,
}
_JSON = {"content-type": "application/json"}

_RANGE = re.compile(r"time >= (-?\d+)ms AND time < (-?\d+)ms")
_LINE = re.compile(rb"((?:[^ \\]|\\.)+) (\S+) (-?\d+)\Z")


class FakeInflux(httpx.AsyncBaseTransport):
    """One database server.

    Attributes:
        points: fields by (series, timestamp in ns), as the newest write left them.
        poison: lines with this in them are refused with 400, as a field of the wrong type is.
    """

    def __init__(self, random: Random, *, on_point: Callable[[bytes, int, bytes], None]) -> None:
        self.random = random
        self.mood: Mood = "well"
        self.points: dict[tuple[bytes, int], dict[bytes, bytes]] = {}
        self.databases: set[str] = set()
        self.poison: bytes | None = None
        self.delay_s = (0.002, 0.02)
        self.generation = 0
        self.writes = 0
        self._on_point = on_point

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a question of httpx as the mood is."""
        database = request.url.params.get("db", "")
        try:
            answer = await self.answer(request.url.path, database, request.content)
        except OSError as error:
            raise _AS_HTTPX[type(error)](str(error), request=request) from error
        return httpx.Response(
            answer.status, headers=dict(answer.headers), content=answer.content, request=request
        )

    async def answer(self, path: str, database: str, content: bytes) -> Answer:
        """Answer as the mood is.

        Raises:
            ConnectionRefusedError, TimeoutError, ConnectionResetError: so too.
        """
        generation = self.generation
        await asyncio.sleep(self.random.uniform(*self.delay_s))
        if self.mood == "refuses" or generation != self.generation:
            raise ConnectionRefusedError("connection refused")
        if self.mood == "hangs":
            await asyncio.sleep(30.0)
            raise TimeoutError("no answer")
        if self.mood == "unavailable":
            return _error(503, "timeout")
        if path == "/ping":
            return Answer(204, {"x-influxdb-version": "1.6.7"}, b"")
        if path == "/query":
            return self._query(content)
        if path == "/write":
            return self._write(database, content)
        return Answer(404, {}, b"")

    def crash(self) -> None:
        """Connections break; what was answered is durable."""
        self.generation += 1
        self.mood = "refuses"

    def _query(self, content: bytes) -> Answer:
        form = parse_qs(content.decode())
        text = form.get("q", [""])[0]
        made = re.search(r'CREATE DATABASE "?([\w-]+)"?', text)
        if made:
            self.databases.add(made.group(1))
        result: dict[str, Any] = {"statement_id": 0}
        asked = _RANGE.search(text)
        if asked is not None:
            values = self._levels(json.loads(form["params"][0]), int(asked[1]), int(asked[2]))
            if values:
                result["series"] = [{"name": "river_post", "columns": ["time", "v", "q"], "values": values}]
        return Answer(200, _JSON, json.dumps({"results": [result]}).encode())

    def _levels(self, params: dict[str, str], from_ms: int, before_ms: int) -> list[list[Any]]:
        """The one question that the hub asks: the levels of a station within a time."""
        tag = f"gateway={params['gateway']}".encode()
        return [
            [stamp // 1_000_000, float(fields[b"level_m"]), None]
            for (series, stamp), fields in sorted(self.points.items(), key=lambda item: item[0][1])
            if tag in series.split(b",")
            and from_ms <= stamp // 1_000_000 < before_ms
            and b"level_m" in fields
        ]

    def _write(self, database: str, content: bytes) -> Answer:
        if self.mood == "forgot":
            self.databases.clear()
            self.mood = "well"
        if database not in self.databases:
            return _error(404, f'database not found: "{database}"')
        bad = 0
        for line in content.split(b"\n"):
            if line:
                bad += not self._store(line)
        self.writes += 1
        if self.mood == "lies":
            if self.random.random() < 0.5:
                raise ConnectionResetError("connection reset")
            return _error(500, "write failed")
        if bad:
            return _error(400, f"partial write: field type conflict dropped={self.random.choice((0, bad))}")
        return Answer(204, {}, b"")

    def _store(self, line: bytes) -> bool:
        found = _LINE.match(line)
        if found is None or (self.poison is not None and self.poison in line):
            return False
        series, fields, stamp = found.group(1), found.group(2), int(found.group(3))
        point = self.points.setdefault((series, stamp), {})
        for item in fields.split(b","):
            name, _, value = item.partition(b"=")
            point[name] = value
        self._on_point(series, stamp, fields)
        return True


def _error(status: int, message: str) -> Answer:
    return Answer(status, _JSON, json.dumps({"error": message}).encode())
