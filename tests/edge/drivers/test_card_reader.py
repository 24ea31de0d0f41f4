"""Card readers that type: which numbers are cards, that no number leaves, and that none is lost."""

from __future__ import annotations

import asyncio
import contextlib
import errno

import pytest

from contract.codec import decode_body
from edge.config import Attendance, CardReader
from edge.drivers import card_reader
from edge.drivers.base import MissedPollError
from edge.drivers.card_reader import EVENT, IDLE_MS, CardReaderDriver, Wedge, grab
from edge.drivers.punches import load_key
from edge.errors import DiskFull
from simulator.devices.card_keyboard import FakeCardKeyboard
from tests.edge.drivers.readers import key_file
from tests.edge.drivers.rigs import FakeClock

CARD = "0012345678"


def typed(keyboard, text, *, gap_ms=2, wedge=None):
    """The numbers that come of a text, and of what was none."""
    wedge, found, at_ms = wedge or Wedge(), [], 1000
    for letter in text:
        for _, _, *event in EVENT.iter_unpack(keyboard.key(letter)):
            number = wedge.feed(*event, at_ms)
            if number is not None:
                found.append(number)
        at_ms += gap_ms
    return found


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("0012345678\n", ["0012345678"]),
        ("00BC614E\n", ["00BC614E"]),
        ("0012345678\n0012345679\n", ["0012345678", "0012345679"]),
        ("123\n", [""]),
        ("123456789\n", [""]),
        ("\n", [""]),
        ("00Q2345678\n", [""]),
        ("0012345678", []),
        ("1" * 500 + "\n", [""]),
    ],
)
def test_what_is_typed_and_what_it_means(tmp_path, text, numbers):
    assert typed(FakeCardKeyboard(tmp_path / "kbd"), text) == numbers


def test_a_pause_begins_a_number_anew(tmp_path):
    keyboard = FakeCardKeyboard(tmp_path / "kbd")
    wedge = Wedge()
    assert typed(keyboard, "99", wedge=wedge) == []
    wedge._last_ms -= IDLE_MS * 10
    assert typed(keyboard, "0012345678\n", wedge=wedge) == ["0012345678"]
    # Typed by hand, slower than any reader: each key stands alone.
    assert typed(keyboard, "0012345678\n", gap_ms=IDLE_MS + 1) == [""]


class Store:
    def __init__(self):
        self.events, self.error = [], None

    def append_events(self, events):
        if self.error:
            raise self.error
        self.events += events


class Clock(FakeClock):
    pass


class Bench:
    def __init__(self, folder):
        self.folder, self.store = folder, Store()
        self.keyboard = FakeCardKeyboard(folder / "kbd")
        self.key = key_file(folder)
        settings = CardReader(name="kartu-lobi", device=str(folder / "kbd"))
        attendance = Attendance(key_file=self.key, zone="Asia/Jakarta")
        self.driver = CardReaderDriver(settings, attendance, folder, clock=Clock(), take=lambda fd: None)

    @contextlib.asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.driver.run(self.store))
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, so):
        async with asyncio.timeout(10):
            while not so():  # noqa: ASYNC110 - what a pipe brings has no event
                await asyncio.sleep(0.005)


@pytest.fixture
def bench(tmp_path, monkeypatch):
    monkeypatch.setattr(card_reader, "AGAIN_S", 0.02)
    return Bench(tmp_path)


async def test_a_card_is_an_event_under_a_pseudonym_and_its_number_is_nowhere(bench):
    bench.keyboard.plug()
    async with bench.running():
        await bench.until(lambda: not bench.driver._trouble)
        bench.keyboard.tap(CARD)
        await bench.until(lambda: bench.store.events)
        bench.keyboard.tap("123")
        await bench.until(lambda: bench.driver._unreadable.value == 1)
        reading = await bench.driver.poll()
    [(_, body)] = bench.store.events
    event = decode_body(body)
    assert (event.kind, event.device, event.data["code"]) == ("attendance_scan", "kartu-lobi", -1)
    assert event.data["who"] == load_key(bench.key).pseudonym(CARD)
    assert CARD.encode() not in body
    assert (reading.values["scans"], reading.values["unreadable"]) == (1, 1)
    for path in bench.folder.iterdir():
        assert not path.is_file() or CARD.encode() not in path.read_bytes()


async def test_a_reader_that_is_unplugged_is_missed_and_comes_back(bench, caplog):
    async with bench.running():
        await bench.until(lambda: "No such file" in bench.driver._trouble)
        with pytest.raises(MissedPollError, match="by-id"):
            await bench.driver.poll()
        bench.keyboard.plug()
        await bench.until(lambda: not bench.driver._trouble)
        # Half an event, and then nothing.
        bench.keyboard.write(b"\x00" * (EVENT.size // 2))
        await asyncio.sleep(0.02)
        await bench.driver.poll()
    assert caplog.text.count("card_reader_down") == 1


async def test_a_keyboard_that_somebody_else_has_is_not_listened_to(bench):
    def taken(fd):
        raise OSError(errno.EBUSY, "Device or resource busy")

    bench.driver._take = taken
    bench.keyboard.plug()
    async with bench.running():
        await bench.until(lambda: "busy" in bench.driver._trouble)
        bench.keyboard.tap(CARD)
        await asyncio.sleep(0.05)
    assert bench.store.events == []


def test_a_pipe_is_no_keyboard_to_be_taken(bench):
    bench.keyboard.plug()
    with pytest.raises(OSError, match="ioctl"):
        grab(bench.keyboard._fd)


async def test_without_the_citys_key_no_card_is_heard(bench):
    bench.key.chmod(0o644)
    bench.keyboard.plug()
    async with bench.running():
        await bench.until(lambda: "chmod 600" in bench.driver._trouble)


async def test_a_scan_that_the_card_refuses_is_stored_later(bench):
    bench.keyboard.plug()
    bench.store.error = DiskFull("full", "no space")
    async with bench.running():
        await bench.until(lambda: not bench.driver._trouble)
        bench.keyboard.tap(CARD)
        await bench.until(lambda: bench.driver._waiting)
        assert (await bench.driver.poll()).values["scans"] == 0
        bench.store.error = None
        await bench.until(lambda: bench.store.events)
        assert not bench.driver._waiting
    assert bench.driver._scans.value == 1
