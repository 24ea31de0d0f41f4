"""A Modbus line over TCP byte by byte, from a peer that sends exactly what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from edge.drivers.base import MissedPollError
from edge.drivers.modbus import Bus
from edge.drivers.registers import Request
from tests.edge.drivers.rigs import FakeClock, hasty, tcp

TWO = Request("holding", 0x006B, 2)
UNIT = 0x11

Script = Callable[[bytes], list[bytes]]


def answer(request: bytes, pdu: str = "03 04 022b 0064", *, later: int = 0, unit: int = UNIT) -> bytes:
    """A frame with that PDU, of the request's transaction or a later one. (pymodbus takes 0 for any transaction.)"""
    body = bytes([unit]) + bytes.fromhex(pdu)
    transaction = (int.from_bytes(request[:2], "big") + later) & 0xFFFF
    return transaction.to_bytes(2, "big") + b"\0\0" + len(body).to_bytes(2, "big") + body


@asynccontextmanager
async def bus_with(script: Script) -> AsyncIterator[tuple[Bus, list[bytes]]]:
    """A bus whose peer answers each request with the pieces that the script makes of it, a moment apart."""
    requests: list[bytes] = []

    async def serve(reader, writer):
        try:
            while request := await reader.read(64):
                requests.append(request)
                for piece in script(request):
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0.002)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the end of a test
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    bus = Bus(tcp(server.sockets[0].getsockname()[1]), clock=FakeClock())
    try:
        yield bus, requests
    finally:
        bus.close()
        server.close()


async def test_a_request_is_the_bytes_of_the_standard():
    async with bus_with(lambda request: [answer(request)]) as (bus, requests):
        assert await bus.read(UNIT, TWO) == (0x022B, 100)
    assert requests[0][2:] == bytes.fromhex("0000 0006 11 03 006b 0002")


@pytest.mark.parametrize("size", [1, 3, 7, 8, 12])
async def test_an_answer_may_come_in_pieces(size: int):
    def pieces(request):
        whole = answer(request)
        return [whole[at : at + size] for at in range(0, len(whole), size)]

    async with bus_with(pieces) as (bus, _):
        assert await bus.read(UNIT, TWO) == (0x022B, 100)


@pytest.mark.parametrize("other", [{"later": 7}, {"unit": 0x12}], ids=["transaction", "unit"])
async def test_an_answer_of_another_request_or_unit_is_never_taken(other):
    def wrong(request):
        return [answer(request, "03 04 0001 0002", **other)]

    async with bus_with(wrong) as (bus, _):
        with hasty(bus), pytest.raises(MissedPollError) as missed:
            await bus.read(UNIT, TWO)
    assert missed.value.reason == "garbage"


@pytest.mark.parametrize(
    ("pdu", "reason"),
    [("83 02", "exception"), ("03 02 022b", "garbage"), ("04 04 022b 0064", "garbage")],
    ids=["refusal", "too few", "another function"],
)
async def test_what_is_no_answer_to_the_request_has_its_word(pdu: str, reason: str):
    async with bus_with(lambda request: [answer(request, pdu)]) as (bus, _):
        with hasty(bus), pytest.raises(MissedPollError) as missed:
            await bus.read(UNIT, TWO)
    assert missed.value.reason == reason


async def test_the_peers_end_of_the_connection_is_no_silence():
    async with bus_with(lambda request: [answer(request)]) as (bus, _):
        assert await bus.read(UNIT, TWO) == (0x022B, 100)
        assert bus.generation == 1
    assert bus.generation == 0
