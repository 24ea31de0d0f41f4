"""Consoles without a browser: a process of its own that holds many event streams and fetches as an open page does.

Each watcher has the page's two habits: at an ``incident`` of its stream it fetches the list of open incidents, at once
the first time and then at most every THROTTLE_S; and while it waits for a list it asks for one more at most. It notes
when each press (``data-rings`` of a row) was first in a list that it had read whole.

First line in: {"port", "tokens", "number"}; it answers when all streams are open. The second line ends it: it answers
with what each has seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
import time

import uvloop

THROTTLE_S = 0.15
"""As the list's ``hx-trigger`` has it."""

RINGS = re.compile(rb'data-rings="([^"]+)"')


class Watcher:
    """One console.

    Attributes:
        seen_ms: UTC wall clock in ms by press.
    """

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._token = token
        self._due = asyncio.Event()
        self.open = asyncio.Event()
        self.seen_ms: dict[str, float] = {}

    async def watch(self) -> None:
        """Runs until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(), name="stream")
            group.create_task(self._fetch(), name="lists")

    async def _listen(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(self._request("/api/stream", "Accept: text/event-stream"))
            while line := await reader.readline():
                if line.startswith(b"event: hello"):
                    self.open.set()
                elif line.startswith(b"event: incident"):
                    self._due.set()
            raise ConnectionResetError("the stream ended")
        finally:
            writer.close()

    async def _fetch(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            while True:
                await self._due.wait()
                self._due.clear()
                begun_s = time.monotonic()
                writer.write(self._request("/incidents?part=list&which=open", "HX-Request: true"))
                body = await _answer(reader)
                now_ms = time.time_ns() / 1e6
                for key in RINGS.findall(body):
                    self.seen_ms.setdefault(key.decode(), now_ms)
                await asyncio.sleep(max(0.0, begun_s + THROTTLE_S - time.monotonic()))
        finally:
            writer.close()

    def _request(self, path: str, header: str) -> bytes:
        lines = (f"GET {path} HTTP/1.1", "Host: 127.0.0.1", f"Cookie: siaga={self._token}", header, "", "")
        return "\r\n".join(lines).encode()


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """The body of the next answer.

    Raises:
        ConnectionResetError: there is none, or it is not what was asked for.
    """
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise ConnectionResetError(head.decode(errors="replace"))
    length = re.search(rb"(?i)content-length: (\d+)", head)
    if length is None:
        raise ConnectionResetError("a list without a length")
    return await reader.readexactly(int(length[1]))


async def _run() -> None:
    loop = asyncio.get_running_loop()
    said = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    tokens = said["tokens"]
    watchers = [Watcher(said["port"], tokens[at % len(tokens)]) for at in range(said["number"])]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one.watch(), name="watcher") for one in watchers]
        for one in watchers:
            await one.open.wait()
        print(json.dumps({"open": len(watchers)}), flush=True)
        await loop.run_in_executor(None, sys.stdin.readline)
        for task in tasks:
            task.cancel()
    print(json.dumps([one.seen_ms for one in watchers]), flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(_run())
