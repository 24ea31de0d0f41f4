"""A peer that speaks as much HTTP as a writer needs and fails as it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Callable


class FaultyInflux:
    """Stores lines in a set unless the next fault says otherwise.

    Faults, one a write, in order: a status number, ``hang`` (never answers), ``close`` (drops the connection),
    ``stored_then_close`` (stores and drops), ``proxy_400`` (a 400 that is not InfluxDB's). Then ``poison`` lines make
    a 400 that stores nothing, and ``most_bytes`` makes a 413.
    """

    def __init__(self) -> None:
        self.faults: deque[int | str] = deque()
        self.poison: Callable[[bytes], bool] = lambda line: False
        self.most_bytes = 10**9
        self.resets = False
        """Whether a post over ``most_bytes`` is answered by a reset, before its 413 can be read."""
        self.database = True
        self.stored: list[bytes] = []
        self.posts: list[int] = []
        """Lines of each write that came in."""
        self.heads: list[str] = []
        self.at_once = self.most_at_once = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.created = 0
        self._server: asyncio.Server | None = None
        self._handlers: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> FaultyInflux:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for task in self._handlers:
            task.cancel()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._handlers.add(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.heads.append(head)
                path = head.split(" ")[1]
                lengths = [
                    x.split(":")[1] for x in head.splitlines() if x.lower().startswith("content-length")
                ]
                length = int(lengths[0]) if lengths else 0
                body = await reader.readexactly(length)
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                await self.gate.wait()
                answer = await self._answer(path, body)
                self.at_once -= 1
                if answer is None:
                    break
                status, text = answer
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text)
                await writer.drain()
        writer.close()

    async def _answer(self, path: str, body: bytes) -> tuple[int, bytes] | None:
        if path.startswith("/query"):
            if self.faults and self.faults[0] == "no_create":
                self.faults.popleft()
                return 500, b'{"error":"no"}'
            self.database = True
            self.created += 1
            return 200, b'{"results":[{}]}'
        if path.startswith("/ping"):
            return 204, b""
        lines = body.split(b"\n")
        self.posts.append(len(lines))
        fault = self.faults.popleft() if self.faults else None
        if fault == "hang":
            await asyncio.sleep(3600)
        if fault == "close":
            return None
        if fault == "stored_then_close":
            self.stored += lines
            return None
        if fault == "proxy_400":
            return 400, b"<html>The plain HTTP request was sent to HTTPS port</html>"
        if isinstance(fault, int):
            return fault, json.dumps({"error": "as told"}).encode()
        if not self.database:
            return 404, b'{"error":"database not found: \\"siaga\\""}'
        if len(body) > self.most_bytes:
            if self.resets:
                return None
            return 413, b'{"error":"Request Entity Too Large"}'
        if any(map(self.poison, lines)):
            return 400, b'{"error":"partial write: unable to parse: dropped=0"}'
        self.stored += lines
        return 204, b""
