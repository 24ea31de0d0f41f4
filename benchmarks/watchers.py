"""Consoles without a browser: a process of its own that holds many streams of the incidents' page, as open pages do.

It notes when each press (``data-rings`` of a row) was first in a list that a console had read whole and unpacked.

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

MOST_BYTES = 2**22
"""Of one line of a stream; a list is one line."""

RINGS = re.compile(r'data-rings="([^"]+)"')


class Watcher:
    """One console.

    Attributes:
        seen_ms: UTC wall clock in ms by press.
    """

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._token = token
        self.open = asyncio.Event()
        self.seen_ms: dict[str, float] = {}

    async def watch(self) -> None:
        """Runs until cancelled.

        Raises:
            ConnectionResetError: the stream ended.
        """
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=MOST_BYTES)
        try:
            writer.write(
                b"GET /live?part=incidents HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
                b"Cookie: siaga=%s\r\n\r\n" % self._token.encode()
            )
            event = b""
            while line := await reader.readline():
                if line.startswith(b"event: "):
                    event = line
                elif line.startswith(b"data: ") and event == b"event: hello\n":
                    self.open.set()
                elif line.startswith(b"data: ") and event == b"event: part\n":
                    self._note(json.loads(line[6:])["html"])
            raise ConnectionResetError("the stream ended")
        finally:
            writer.close()

    def _note(self, html: str) -> None:
        now_ms = time.time_ns() / 1e6
        for key in RINGS.findall(html):
            self.seen_ms.setdefault(key, now_ms)


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
