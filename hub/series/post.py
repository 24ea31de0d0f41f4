"""One POST of HTTP/1.1 after the other on a kept connection, and nothing else.

The hub writes to InfluxDB hundreds of times a second; a general client needs half a millisecond of processor for each.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import httptools

ANSWER_BYTES = 1_000_000
"""A longer answer to a write is none of InfluxDB's."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Poster:
    """Posts to one address, each on an idle connection or, where there is none, on a new one.

    Args:
        url: of the server; its path goes before that of a post.
        headers: of every post.
        timeout_s: for one post, connecting included.
    """

    def __init__(self, url: str, headers: Mapping[str, str], timeout_s: float) -> None:
        self._url = urlsplit(url)
        self._host = self._url.hostname or "localhost"
        self._tls = ssl.create_default_context() if self._url.scheme == "https" else None
        self._headers = dict(headers)
        self._timeout_s = timeout_s
        self._idle: list[_Connection] = []
        self._open: set[_Connection] = set()

    async def post(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The server's answer.

        Raises:
            OSError, TimeoutError: there was none; the server may have taken the body all the same.
        """
        async with asyncio.timeout(self._timeout_s):
            connection = await self._connection()
            try:
                answer = await connection.ask(self._head(path, headers, len(body)), body)
            except BaseException:
                connection.close()
                raise
        if connection.reusable:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def close(self) -> None:
        """Close every connection. Idempotent."""
        for connection in list(self._open):
            connection.close()

    async def _connection(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable:
                return connection
        _, protocol = await asyncio.get_running_loop().create_connection(
            lambda: _Connection(self._open),
            self._host,
            self._url.port or (80 if self._tls is None else 443),
            ssl=self._tls,
        )
        return protocol

    def _head(self, path: str, headers: Mapping[str, str], length: int) -> bytes:
        host = self._url.netloc.rpartition("@")[2]
        lines = [
            f"POST {self._url.path.rstrip('/')}{path} HTTP/1.1",
            f"Host: {host}",
            *(f"{name}: {value}" for name, value in (self._headers | dict(headers)).items()),
            f"Content-Length: {length}",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class _Connection(asyncio.Protocol):
    """One connection; at most one post at a time is on it. The methods ``on_…`` are httptools' and called by it."""

    def __init__(self, all_open: set[_Connection]) -> None:
        self._all = all_open
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._answered: asyncio.Future[Answer] | None = None
        self._headers: dict[str, str] = {}
        self._content = bytearray()
        self._lost = False
        self._keep = True

    @property
    def reusable(self) -> bool:
        """Whether another post may go on it."""
        return self._keep and not self._lost and self._transport.get_write_buffer_size() == 0

    async def ask(self, head: bytes, body: bytes) -> Answer:
        """Send a request and wait for its answer.

        Raises:
            ConnectionError: the connection went, or what came is no HTTP.
        """
        if self._lost:
            raise ConnectionResetError("the connection is gone")
        self._answered = asyncio.get_running_loop().create_future()
        self._headers = {}
        self._content.clear()
        self._transport.writelines((head, body))
        return await self._answered

    def close(self) -> None:
        """Close it. Idempotent."""
        self._lost = True
        self._all.discard(self)
        self._transport.abort()

    # asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._all.add(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionError(f"an answer that is no HTTP: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._all.discard(self)
        self._fail(exc or ConnectionResetError("the server closed the connection"))

    def _fail(self, error: Exception) -> None:
        self._keep = False
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(error)

    # httptools

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._content += body
        if len(self._content) > ANSWER_BYTES:
            self._fail(ConnectionError("an answer that never ends"))
            self._transport.abort()

    def on_message_complete(self) -> None:
        self._keep = self._keep and bool(self._parser.should_keep_alive())
        if self._answered is not None and not self._answered.done():
            answer = Answer(self._parser.get_status_code(), self._headers, bytes(self._content))
            self._answered.set_result(answer)
