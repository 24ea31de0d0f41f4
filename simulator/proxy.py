"""A TCP proxy that does what networks do: breaks, goes silent, gets slow, takes time.

It stands between a gateway and the broker, or between the hub and InfluxDB, and sees only bytes, so TLS
passes through it untouched.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket

CHUNK_BYTES = 16 * 1024
NARROW_BUFFER_BYTES = 4096
"""Socket buffers of a narrow proxy: with the kernel's usual megabytes a slow link would look fast for
minutes."""


_Bytes = tuple[float, bytes]
"""When they may go out at the earliest, by the loop's clock, and what."""


class FaultProxy:
    """Forwards 127.0.0.1:``port`` to a server, in the event loop it is started in.

    Faults apply at once to connections that are open, and to new ones: ``cut``, ``blackhole``, ``throttle``,
    ``delay``; ``heal`` ends them all.
    """

    def __init__(self, upstream_port: int, *, upstream_host: str = "127.0.0.1", narrow: bool = False) -> None:
        """
        Args:
            narrow: small socket buffers, so that a throttled link makes the sender wait early, as a modem
                does.
        """
        self.port = 0
        self.forwarded_bytes = 0
        """Bytes handed on, both ways."""
        self._upstream = (upstream_host, upstream_port)
        self._narrow = narrow
        self._server: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._connections: dict[asyncio.Task[None], tuple[socket.socket, ...]] = {}
        self._open = asyncio.Event()
        self._open.set()
        self._cut = False
        self._bytes_s: float | None = None
        self._delay_s = 0.0

    async def __aenter__(self) -> FaultProxy:
        self._server = socket.socket()
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._shape(self._server)
        self._server.bind(("127.0.0.1", 0))
        self._server.listen(64)
        self._server.setblocking(False)
        self.port = self._server.getsockname()[1]
        self._accepting = asyncio.create_task(self._accept(self._server), name="proxy-accept")
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = [task for task in (self._accepting, *self._connections) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close()

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self._connections)

    def cut(self) -> None:
        """Break every connection and refuse new ones, as when the broker's host is gone."""
        self._cut = True
        for task in list(self._connections):
            task.cancel()

    def break_connections(self) -> None:
        """Break every open connection once; new ones are taken."""
        for task in list(self._connections):
            task.cancel()

    def blackhole(self) -> None:
        """Take everything and hand on nothing, with no word to either side, as a dead radio link does."""
        self._open.clear()

    def throttle(self, bits_s: float | None) -> None:
        """Hand on so many bits a second each way; None is no limit."""
        self._bytes_s = None if bits_s is None else bits_s / 8

    def delay(self, delay_ms: float) -> None:
        """Hand everything on so much later, each way."""
        self._delay_s = delay_ms / 1000

    def heal(self) -> None:
        """End every fault; connections that were broken stay broken, those that waited go on."""
        self._cut = False
        self._open.set()
        self._bytes_s = None
        self._delay_s = 0.0

    def _shape(self, one: socket.socket) -> None:
        if self._narrow:
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                one.setsockopt(socket.SOL_SOCKET, option, NARROW_BUFFER_BYTES)

    async def _accept(self, server: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(server)
            client.setblocking(False)
            if self._cut:
                _abort(client)
                continue
            upstream = socket.socket()
            self._shape(upstream)
            upstream.setblocking(False)
            task = asyncio.create_task(self._carry(client, upstream), name="proxy-connection")
            self._connections[task] = (client, upstream)
            task.add_done_callback(self._gone)

    def _gone(self, task: asyncio.Task[None]) -> None:
        for one in self._connections.pop(task):
            _abort(one)

    async def _carry(self, client: socket.socket, upstream: socket.socket) -> None:
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().sock_connect(upstream, self._upstream)
            for one in (client, upstream):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # A full queue makes the sender feel that the link is full.
            up, down = (asyncio.Queue[_Bytes](4 if self._narrow else 256) for _ in range(2))
            pumps = [
                asyncio.create_task(pump, name="proxy-pump")
                for pump in (
                    self._read(client, up),
                    self._write(upstream, up),
                    self._read(upstream, down),
                    self._write(client, down),
                )
            ]
            try:
                # Half-open connections are not told apart: when one way ends, both do.
                await asyncio.wait((pumps[1], pumps[3]), return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)

    async def _read(self, source: socket.socket, way: asyncio.Queue[_Bytes]) -> None:
        loop = asyncio.get_running_loop()
        data = b"?"
        while data:
            try:
                data = await loop.sock_recv(source, self._chunk())
            except OSError:
                data = b""
            await way.put((loop.time() + self._delay_s, data))

    async def _write(self, target: socket.socket, way: asyncio.Queue[_Bytes]) -> None:
        """Hand on until nothing more comes."""
        loop = asyncio.get_running_loop()
        free_at_s = 0.0
        while True:
            due_s, data = await way.get()
            await self._open.wait()
            if self._bytes_s is not None:
                free_at_s = max(free_at_s, loop.time()) + len(data) / self._bytes_s
                due_s = max(due_s, free_at_s)
            if (pause_s := due_s - loop.time()) > 0:
                await asyncio.sleep(pause_s)
            await self._open.wait()
            if not data:
                return
            await loop.sock_sendall(target, data)
            self.forwarded_bytes += len(data)

    def _chunk(self) -> int:
        """Small bites on a slow link, so that its rate is even: 20 ms of it."""
        if self._bytes_s is None:
            return CHUNK_BYTES
        return max(64, min(CHUNK_BYTES, int(self._bytes_s * 0.02)))


def _abort(one: socket.socket) -> None:
    """Close with a reset, so that the other side notices at once."""
    with contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    one.close()
