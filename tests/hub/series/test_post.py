"""The poster against a server that says what it is told to, byte by byte."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from hub.series.post import Answer, Poster

GOOD = b"HTTP/1.1 204 No Content\r\nX-Influxdb-Version: 1.6.7\r\n\r\n"


class Server:
    """Answers each request with the next of ``answers``; None closes the connection instead."""

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            length = int(head.partition(b"Content-Length: ")[2].split(b"\r\n")[0])
            self.requests.append(head + await reader.readexactly(length))
            answer = self.answers.pop(0)
            if answer is None:
                break
            writer.write(answer)
        writer.close()


@asynccontextmanager
async def posting(server: Server, **more):
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    poster = Poster(
        f"http://127.0.0.1:{port}/base/", {"Authorization": "Basic eA=="}, **{"timeout_s": 5.0, **more}
    )
    try:
        yield poster
    finally:
        poster.close()
        listening.close()


async def test_posts_follow_each_other_on_one_connection():
    server = Server(GOOD, GOOD)
    async with posting(server) as poster:
        assert await poster.post("/write?db=x", {"X-One": "1"}, b"abc") == Answer(
            204, {"x-influxdb-version": "1.6.7"}, b""
        )
        await poster.post("/write", {}, b"")
    assert server.connections == 1
    assert server.requests[0].startswith(b"POST /base/write?db=x HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nAuthorization: Basic eA==\r\nX-One: 1\r\nContent-Length: 3\r\n\r\nabc" in server.requests[0]


async def test_an_answer_in_pieces_and_one_in_chunks_are_whole():
    server = Server(
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\n\r\nwrong",
        b"HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    )
    async with posting(server) as poster:
        assert (await poster.post("/", {}, b"1")).content == b"wrong"
        assert await poster.post("/", {}, b"2") == Answer(500, {"transfer-encoding": "chunked"}, b"abcde")


async def test_a_connection_that_the_server_will_close_or_has_closed_is_not_used_again():
    last = b"HTTP/1.1 204 X\r\nConnection: close\r\n\r\n"
    server = Server(last, GOOD, None, GOOD)
    async with posting(server) as poster:
        await poster.post("/", {}, b"1")
        await poster.post("/", {}, b"2")
        assert server.connections == 2
        with pytest.raises(OSError, match="closed"):
            await poster.post("/", {}, b"3")
        await poster.post("/", {}, b"4")
    assert server.connections == 3


@pytest.mark.parametrize(
    ("answer", "error"),
    [(b"SSH-2.0-server\r\n\r\n", OSError), (b"HTTP/1.1 204 X\r\n", TimeoutError), (b"", TimeoutError)],
)
async def test_what_is_no_answer_is_an_error_and_its_connection_is_gone(answer, error):
    server = Server(answer, GOOD)
    async with posting(server, timeout_s=0.8) as poster:
        with pytest.raises(error):
            await poster.post("/", {}, b"1")
        assert (await poster.post("/", {}, b"2")).status == 204
    assert server.connections == 2


async def test_nobody_there_is_an_error():
    with pytest.raises(OSError, match="Connect"):
        await Poster("http://127.0.0.1:1", {}, 2.0).post("/", {}, b"")


async def test_two_posts_at_once_are_on_two_connections():
    server = Server(GOOD, GOOD)
    async with posting(server) as poster:
        await asyncio.gather(poster.post("/", {}, b"1"), poster.post("/", {}, b"2"))
    assert server.connections == 2
