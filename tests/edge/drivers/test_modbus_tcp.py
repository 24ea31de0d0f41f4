"""Modbus TCP byte by byte: what is an answer, whose it is, and what breaks the line."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.line import Answer, BrokenLineError
from edge.drivers.modbus_tcp import TcpLine, parse
from edge.drivers.registers import Request

TWO = Request("holding", 0x006B, 2)
ANSWER = bytes.fromhex("0001 0000 0007 11 03 04 022b 0064")


class Wire(asyncio.Transport):
    """Takes what is written and is closed when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.aborted = False

    def write(self, data):
        self.sent.append(bytes(data))

    def is_closing(self):
        return self.aborted

    def abort(self):
        self.aborted = True


def line() -> tuple[TcpLine, Wire]:
    one, wire = TcpLine("h", 502), Wire()
    one.connection_made(wire)
    return one, wire


async def asking(one: TcpLine) -> asyncio.Task[Answer]:
    task = asyncio.create_task(one.ask(0x11, TWO))
    await asyncio.sleep(0)
    return task


async def test_a_request_is_the_bytes_of_the_standard():
    one, wire = line()
    task = await asking(one)
    assert wire.sent == [bytes.fromhex("0001 0000 0006 11 03 006b 0002")]
    task.cancel()


@pytest.mark.parametrize("size", [1, 3, 7, 8, 13])
async def test_an_answer_may_come_in_pieces(size: int):
    one, _ = line()
    task = await asking(one)
    for at in range(0, len(ANSWER), size):
        assert not task.done()
        one.data_received(ANSWER[at : at + size])
    assert await task == Answer(3, (0x022B, 100))


@pytest.mark.parametrize(
    "other",
    [bytes.fromhex("0000 0000 0007 11 03 04 0001 0002"), bytes.fromhex("0001 0000 0007 12 03 04 0001 0002")],
    ids=["transaction", "unit"],
)
async def test_an_answer_to_another_request_or_of_another_unit_is_passed_over(other: bytes):
    one, wire = line()
    task = await asking(one)
    one.data_received(other + ANSWER)
    assert await task == Answer(3, (0x022B, 100))
    assert not wire.aborted


async def test_an_answer_after_its_request_was_given_up_is_passed_over():
    one, wire = line()
    first = await asking(one)
    first.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await first
    one.data_received(ANSWER)
    second = await asking(one)
    assert not one.heard
    one.data_received(ANSWER)
    await asyncio.sleep(0)
    assert not second.done()
    one.data_received(b"\x00\x02" + ANSWER[2:])
    assert await second == Answer(3, (0x022B, 100))
    assert not wire.aborted


@pytest.mark.parametrize(
    "data",
    [
        "0001 0001 0007 11 03 04 022b 0064",
        "0001 0000 00ff 11 03",
        "0001 0000 0001 11",
        "0001 0000 0005 11 03 04 022b",
    ],
    ids=["protocol", "too long", "too short", "miscounted"],
)
async def test_what_can_be_no_answer_breaks_the_line(data: str):
    one, wire = line()
    task = await asking(one)
    one.data_received(bytes.fromhex(data))
    with pytest.raises(BrokenLineError):
        await task
    assert wire.aborted
    assert not one.connected
    assert one.heard


async def test_the_end_of_the_connection_ends_the_request():
    one, _ = line()
    task = await asking(one)
    one.connection_lost(None)
    with pytest.raises(BrokenLineError):
        await task
    with pytest.raises(BrokenLineError):
        await one.ask(0x11, TWO)
    assert not one.heard


@pytest.mark.parametrize(
    ("pdu", "answer"),
    [
        ("03 04 022b 0064", Answer(3, (0x022B, 100))),
        ("04 02 ffff", Answer(4, (0xFFFF,))),
        ("01 01 05", Answer(1, (1, 0, 1, 0, 0, 0, 0, 0))),
        ("02 02 01 80", Answer(2, (1, *[0] * 14, 1))),
        ("83 02", Answer(3, (), 2)),
        ("2b 0e 01", Answer(0x2B, ())),
    ],
)
def test_answers_of_the_standard(pdu: str, answer: Answer):
    assert parse(bytes.fromhex(pdu)) == answer


@pytest.mark.parametrize("pdu", ["03", "03 04 0001", "03 03 000102", "83", "83 02 00", "01 02 05"])
def test_what_contradicts_itself_is_no_answer(pdu: str):
    with pytest.raises(BrokenLineError):
        parse(bytes.fromhex(pdu))


@given(st.binary(min_size=1, max_size=253))
def test_nothing_else_is_ever_raised(pdu: bytes):
    with contextlib.suppress(BrokenLineError):
        answer = parse(pdu)
        assert answer.function == pdu[0] & 0x7F or answer.function == pdu[0]
