"""An HTTP receiver on a real socket that answers as it is told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.hub.notify.listening import listening


@dataclass(frozen=True)
class Received:
    """One request, headers by lower-case name."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Answers in order from ``script``, then by ``respond`` (status and body), else 200.

    An answer is a status, ``hang``, ``cut``, ``drip`` (a byte every 20 ms, for ever), ``huge`` (200 and a megabyte),
    or (status, headers).
    """

    port: int = 0
    script: list[object] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    respond: Callable[[Received], tuple[int, bytes]] | None = None
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.received.append(Received(head[0].split(" ")[1], headers, body))
            answer: object = self.script.pop(0) if self.script else 200
            if answer == 200 and self.respond is not None:
                answer, said = self.respond(self.received[-1])
                writer.write(f"HTTP/1.1 {answer} x\r\ncontent-length: {len(said)}\r\n\r\n".encode() + said)
                await writer.drain()
                return
            await self._answer(answer, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, answer: object, writer: asyncio.StreamWriter) -> None:
        if answer == "cut":
            writer.transport.abort()
            return
        if answer == "hang":
            await asyncio.sleep(60)
        status, more = answer if isinstance(answer, tuple) else (answer, {})
        if answer in ("drip", "huge"):
            status = 200
        length = {"drip": 10_000, "huge": 2**20}.get(str(answer), 2)
        lines = [f"HTTP/1.1 {status} x", f"content-length: {length}", "connection: close"]
        lines += [f"{name}: {value}" for name, value in more.items()]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        while answer == "drip":
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)
        writer.write(b"x" * length)
        await writer.drain()


@asynccontextmanager
async def receiving(*script: object, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver on a free port of the loopback."""
    receiver = Receiver(script=list(script))
    async with listening(receiver.serve, tls) as receiver.port:
        yield receiver
