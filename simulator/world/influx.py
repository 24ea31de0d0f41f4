"""A fake InfluxDB behind httpx: stores points, and fails in every way the hub must live with."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from random import Random
from typing import Any, Literal
from urllib.parse import parse_qs

import httpx

Mood = Literal["well", "refuses", "unavailable", "hangs", "lies", "forgot"]
"""How it answers a write: stores it · refuses the connection · 503 · never · stores it and answers 500 or
nothing · has no such database."""

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
        """Answer as the mood is."""
        generation = self.generation
        await asyncio.sleep(self.random.uniform(*self.delay_s))
        if self.mood == "refuses" or generation != self.generation:
            raise httpx.ConnectError("connection refused", request=request)
        if self.mood == "hangs":
            await asyncio.sleep(30.0)
            raise httpx.ReadTimeout("no answer", request=request)
        if self.mood == "unavailable":
            return httpx.Response(503, json={"error": "timeout"}, request=request)
        if request.url.path == "/ping":
            return httpx.Response(204, headers={"X-Influxdb-Version": "1.6.7"}, request=request)
        if request.url.path == "/query":
            return self._query(request)
        if request.url.path == "/write":
            return self._write(request)
        return httpx.Response(404, request=request)

    def crash(self) -> None:
        """Connections break; what was answered is durable."""
        self.generation += 1
        self.mood = "refuses"

    def _query(self, request: httpx.Request) -> httpx.Response:
        form = parse_qs(request.content.decode())
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
        return httpx.Response(200, json={"results": [result]}, request=request)

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

    def _write(self, request: httpx.Request) -> httpx.Response:
        database = request.url.params.get("db", "")
        if self.mood == "forgot":
            self.databases.clear()
            self.mood = "well"
        if database not in self.databases:
            return httpx.Response(404, json={"error": f'database not found: "{database}"'}, request=request)
        bad = 0
        for line in request.content.split(b"\n"):
            if line:
                bad += not self._store(line)
        self.writes += 1
        if self.mood == "lies":
            if self.random.random() < 0.5:
                raise httpx.ReadError("connection reset", request=request)
            return httpx.Response(500, json={"error": "write failed"}, request=request)
        if bad:
            message = f"partial write: field type conflict dropped={self.random.choice((0, bad))}"
            return httpx.Response(400, json={"error": message}, request=request)
        return httpx.Response(204, request=request)

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
