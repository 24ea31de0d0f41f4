import asyncio
import contextlib
import time

import pytest

from simulator.proxy import FaultProxy


@contextlib.asynccontextmanager
async def echo():
    async def serve(reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@contextlib.asynccontextmanager
async def through(**options):
    async with echo() as port, FaultProxy(port, **options) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        yield proxy, reader, writer
        writer.close()


async def test_bytes_pass_unchanged_both_ways():
    data = bytes(range(256)) * 4096
    async with through() as (proxy, reader, writer):
        writer.write(data)
        assert await asyncio.wait_for(reader.readexactly(len(data)), 5) == data
        assert proxy.forwarded_bytes == 2 * len(data)


async def test_a_cut_breaks_what_is_open_and_refuses_what_is_new_until_healed():
    async with through() as (proxy, reader, writer):
        proxy.cut()
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(1), 2) == b""
        with contextlib.suppress(ConnectionError):
            again, _ = await asyncio.open_connection("127.0.0.1", proxy.port)
            assert await asyncio.wait_for(again.read(1), 2) == b""
        proxy.heal()
        again, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"x")
        assert await asyncio.wait_for(again.readexactly(1), 2) == b"x"
        writer.close()


async def test_a_black_hole_says_nothing_and_loses_nothing():
    async with through() as (proxy, reader, writer):
        proxy.blackhole()
        writer.write(b"late")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.2)
        proxy.heal()
        assert await asyncio.wait_for(reader.readexactly(4), 2) == b"late"


async def test_a_throttled_link_has_the_rate_it_says():
    async with through(narrow=True) as (proxy, reader, writer):
        proxy.throttle(64_000)
        began = time.monotonic()
        writer.write(b"x" * 8_000)
        await asyncio.wait_for(reader.readexactly(8_000), 5)
        took = time.monotonic() - began
        assert 0.9 < took < 4


async def test_a_delay_is_added_each_way_and_costs_no_rate():
    async with through() as (proxy, reader, writer):
        proxy.delay(100)
        began = time.monotonic()
        for _ in range(30):
            writer.write(b"x" * 1000)
            await asyncio.sleep(0.01)
        await asyncio.wait_for(reader.readexactly(30_000), 10)
        assert 0.2 <= time.monotonic() - began < 3, "one after the other they would take six seconds"


async def test_a_dead_server_behind_it_ends_the_connection():
    async with FaultProxy(1) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(1), 2) == b""
        assert proxy.connections == 0
        writer.close()
