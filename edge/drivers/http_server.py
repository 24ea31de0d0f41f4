"""A small HTTP/1.1 server for devices that upload: requests in, short texts out, everything bounded.

Devices speak loose HTTP: bare line feeds, chunks, gzip, HTTP/1.0. A library would be as large as the rest of the
gateway; what is needed fits here.
"""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Literal
from urllib.parse import parse_qsl

LINE_MAX = 8_192
HEAD_LINES_MAX = 64
BODY_MAX = 4 * 1024 * 1024
"""Bytes of a body that is kept, also after it is unpacked: 100 000 scans."""
DISCARDED_MAX = 64 * 1024 * 1024
"""Bytes of a body that nobody wants; more ends the connection."""
REQUEST_S = 60.0
"""A request must be whole after this; the connection may also rest for as long between two."""
CONNECTIONS_MAX = 64
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Head:
    """A request without its body.

    Attributes:
        method: in capitals.
        path: as written, without the query.
        query: its last value by name.
        headers: by lower-case name.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    keep_alive: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a text."""

    status: int
    text: str = "OK"


Handler = Callable[[Head, bytes], Awaitable[Answer]]
Use = Literal["keep", "discard"]


class RequestError(Exception):
    """A request cannot be understood or is too large; the connection ends with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(HTTPStatus(status).phrase)
        self.status = status


@dataclass
class HttpServer:
    """Answers each request by `handle`. ``async with`` serves.

    Attributes:
        use: what to do with the body of a request; what is discarded is never in memory as a whole.
        now_ms: UTC for the Date header, by which devices set their clocks; None while nobody knows it.
    """

    host: str
    port: int
    handle: Handler
    use: Callable[[Head], Use]
    now_ms: Callable[[], int | None]
    _server: asyncio.Server | None = field(default=None, init=False)
    _serving: set[asyncio.Task[None]] = field(default_factory=set, init=False)

    async def __aenter__(self) -> HttpServer:
        """Listen; `port` is the real one afterwards.

        Raises:
            OSError: the address or port cannot be had.
        """
        self._server = await asyncio.start_server(self._serve, self.host, self.port, limit=LINE_MAX)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._serving) >= CONNECTIONS_MAX:
            writer.close()
            return
        self._serving.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, TimeoutError, asyncio.CancelledError):
            # A stop cancels; the task ends here all the same, and asyncio would log it as an error.
            return
        finally:
            self._serving.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request; False when the connection ends with it."""
        try:
            async with asyncio.timeout(REQUEST_S):
                head = await _head(reader)
                if head is None:
                    return False
                if head.headers.get("expect", "").lower() == "100-continue":
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                body = await _body(reader, head, self.use(head))
        except RequestError as error:
            await self._say(writer, Answer(error.status, str(error)), keep_alive=False)
            return False
        await self._say(writer, await self.handle(head, body), keep_alive=head.keep_alive)
        return head.keep_alive

    async def _say(self, writer: asyncio.StreamWriter, answer: Answer, *, keep_alive: bool) -> None:
        """Who asks and never reads what it is told must not keep its place for ever either."""
        writer.write(self._written(answer, keep_alive=keep_alive))
        async with asyncio.timeout(REQUEST_S):
            await writer.drain()

    def _written(self, answer: Answer, *, keep_alive: bool) -> bytes:
        text = answer.text.encode()
        now_ms = self.now_ms()
        lines = [
            f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
            "Content-Type: text/plain",
            f"Content-Length: {len(text)}",
            f"Connection: {'keep-alive' if keep_alive else 'close'}",
            *([] if now_ms is None else [f"Date: {formatdate(now_ms / 1000, usegmt=True)}"]),
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + text


async def _head(reader: asyncio.StreamReader) -> Head | None:
    """The next request's head; None when the peer has ended."""
    first = await _line(reader)
    while first in (b"\r\n", b"\n"):  # some send one behind a body
        first = await _line(reader)
    if not first:
        return None
    words = first.decode("latin-1").split()
    if len(words) != 3 or not words[2].upper().startswith("HTTP/1."):
        raise RequestError(400)
    method, target, version = words
    path, _, query = target.partition("?")
    headers: dict[str, str] = {}
    for _ in range(HEAD_LINES_MAX):
        line = await _line(reader)
        if not line.endswith(b"\n"):
            return None
        text = line.decode("latin-1").strip()
        if not text:
            break
        name, _, value = text.partition(":")
        headers[name.strip().lower()] = value.strip()
    else:
        raise RequestError(431)
    said = headers.get("connection", "").lower()
    keep_alive = said != "close" and (version.upper() != "HTTP/1.0" or said == "keep-alive")
    pairs = parse_qsl(query, keep_blank_values=True, encoding="latin-1")
    return Head(method.upper(), path, dict(pairs), headers, keep_alive)


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readline()
    except ValueError as error:  # over the limit
        raise RequestError(431) from error


async def _body(reader: asyncio.StreamReader, head: Head, use: Use) -> bytes:
    """The whole body, unpacked; nothing of it where it is discarded."""
    kept = bytearray()
    seen = 0
    packing = head.headers.get("content-encoding", "identity").lower()
    if use == "keep" and packing not in ("identity", "gzip", "deflate"):
        raise RequestError(415)
    unpack = (
        zlib.decompressobj(wbits=47) if packing != "identity" else None
    )  # gzip and zlib by their own heads
    async for piece in _pieces(reader, head):
        seen += len(piece)
        if seen > (BODY_MAX if use == "keep" else DISCARDED_MAX):
            raise RequestError(413)
        if use == "discard":
            continue
        try:
            kept += piece if unpack is None else unpack.decompress(piece, BODY_MAX + 1 - len(kept))
        except zlib.error as error:
            raise RequestError(400) from error
        if len(kept) > BODY_MAX:
            raise RequestError(413)
    if use == "keep" and unpack is not None and seen and not unpack.eof:
        raise RequestError(400)
    return bytes(kept)


async def _pieces(reader: asyncio.StreamReader, head: Head) -> AsyncIterator[bytes]:
    """The body as it comes over the wire."""
    if head.headers.get("transfer-encoding", "").lower() == "chunked":
        while size := _number(await _line(reader), 16):
            for piece in _split(size):
                yield await reader.readexactly(piece)
            await _line(reader)
        while (await _line(reader)).strip():
            pass
        return
    for piece in _split(_number(head.headers.get("content-length", "0").encode(), 10)):
        yield await reader.readexactly(piece)


def _split(size: int) -> Iterator[int]:
    """Sizes of the pieces to read it in."""
    if size > DISCARDED_MAX:
        raise RequestError(413)
    for start in range(0, size, _CHUNK):
        yield min(_CHUNK, size - start)


def _number(text: bytes, base: int) -> int:
    with contextlib.suppress(ValueError):
        if (value := int(text.split(b";")[0].strip(), base)) >= 0:
            return value
    raise RequestError(400)
