"""An agency's end of the signed webhook and of a chat that Apprise writes into: verifies what comes, remembers when,
and answers as it is told to."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hub.notify.channels.webhook import verify

Mood = Literal["take", "fail", "hang"]
"""``take`` answers 200, ``fail`` 500, ``hang`` nothing."""

MOST_BYTES = 256 * 1024

CHATTER = "siaga"
"""The user as whom Apprise writes into a chat."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A message that was taken.

    Attributes:
        received_ms: UTC wall clock when its last byte was here.
        content: as the webhook says it; of a chat ``desk`` (its channel), ``kind`` (``chat``), ``title`` and ``text``.
        again: its key had come before; the receiver takes it as the message that it has.
    """

    key: str
    path: str
    received_ms: int
    content: Mapping[str, Any]
    again: bool


class Receiver:
    """An HTTP server on a free port of 127.0.0.1, for every agency of the city; ``/ID`` is channel ID's
    address.

    Args:
        secrets: what each channel signs with, by channel id.
        chats: the password of each chat, by channel id.

    Attributes:
        notices: every message taken, in order, repeats too.
        refused: how many were not, by reason: ``signature``, ``path``, ``request``.
        mood: how it answers now.
    """

    def __init__(self, secrets: Mapping[str, bytes], chats: Mapping[str, bytes] | None = None) -> None:
        self._secrets = dict(secrets)
        self._chats = dict(chats or {})
        self._server: asyncio.Server | None = None
        self._keys: set[tuple[str, str]] = set()
        self._serving: set[asyncio.Task[Any]] = set()
        self._came = asyncio.Event()
        self.notices: list[Notice] = []
        self.refused: Counter[str] = Counter()
        self.mood: Mood = "take"
        self.port = 0

    async def __aenter__(self) -> Receiver:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=MOST_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)

    def url(self, channel: str) -> str:
        """The address of a webhook."""
        return f"http://127.0.0.1:{self.port}/{channel}"

    def chat_url(self, channel: str) -> str:
        """The address of a chat as Apprise takes it, with its password."""
        return f"json://{CHATTER}:{self._chats[channel].decode()}@127.0.0.1:{self.port}/{channel}"

    @property
    def taken(self) -> list[Notice]:
        """Messages without their repeats."""
        return [notice for notice in self.notices if not notice.again]

    def take(self) -> list[Notice]:
        """The messages since the last time; they are not in ``notices`` any more. Their keys stay known."""
        taken, self.notices = self.notices, []
        return taken

    async def until(self, count: int, *, timeout_s: float) -> None:
        """Wait until so many different messages were taken.

        Raises:
            TimeoutError: they were not in time.
        """
        async with asyncio.timeout(timeout_s):
            while len(self._keys) < count:
                self._came.clear()
                await self._came.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await self._exchange(reader, writer)
        finally:
            self._serving.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        request, *lines = head
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
        }
        length = headers.get("content-length", "")
        if not length.isdigit() or int(length) > MOST_BYTES or not request.startswith("POST /"):
            self.refused["request"] += 1
            await _answer(writer, "400 Bad Request")
            return
        body = await reader.readexactly(int(length))
        received_ms = time.time_ns() // 1_000_000
        if self.mood == "hang":
            await asyncio.sleep(3600)
        if self.mood == "fail":
            await _answer(writer, "500 Internal Server Error")
            return
        await _answer(writer, self._take(request.split(" ")[1].strip("/"), headers, body, received_ms))

    def _take(self, path: str, headers: Mapping[str, str], body: bytes, received_ms: int) -> str:
        if path not in self._secrets and path not in self._chats:
            self.refused["path"] += 1
            return "404 Not Found"
        if not self._is_genuine(path, headers, body, received_ms):
            self.refused["signature"] += 1
            return "403 Forbidden"
        content = json.loads(body)
        if path in self._chats:
            content = _of_chat(path, content)
        key = str(content["key"])
        again = (path, key) in self._keys
        self._keys.add((path, key))
        self.notices.append(Notice(key, path, received_ms, content, again))
        self._came.set()
        return "200 OK"

    def _is_genuine(self, path: str, headers: Mapping[str, str], body: bytes, received_ms: int) -> bool:
        if path in self._chats:
            login = base64.b64encode(f"{CHATTER}:".encode() + self._chats[path]).decode()
            return hmac.compare_digest(headers.get("authorization", ""), f"Basic {login}")
        timestamp, signature = headers.get("x-siaga-timestamp", ""), headers.get("x-siaga-signature", "")
        return verify(self._secrets[path], timestamp, body, signature, now_s=received_ms / 1000)


def _of_chat(channel: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """What Apprise wrote; the last line of its message is the key by which a repetition is known."""
    text, _, key = str(said["message"]).rpartition("Ref: ")
    return {"key": key, "desk": channel, "kind": "chat", "title": said["title"], "text": text.strip()}


async def _answer(writer: asyncio.StreamWriter, status: str) -> None:
    writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
    await writer.drain()
