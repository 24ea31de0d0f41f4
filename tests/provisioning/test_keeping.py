"""Telling the broker goes on whatever goes wrong: lists of revoked certificates end, and then nobody is let in."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy.exc import OperationalError

from provisioning import keeping as keeping_module
from provisioning.errors import ProvisioningError
from provisioning.keeping import Keeping

ERRORS = [
    OSError("full"),
    ProvisioningError("ended"),
    OperationalError("BEGIN", {}, Exception("database is locked")),
    ValueError("Unable to load PEM file"),
]


class Faulty:
    """A door that fails once."""

    def __init__(self, error: Exception) -> None:
        self.errors = [error]
        self.told = asyncio.Event()
        self.loop = asyncio.get_running_loop()

    def tell(self, *, now_ms: int, cut_off: object) -> None:
        if self.errors:
            raise self.errors.pop()
        self.loop.call_soon_threadsafe(self.told.set)


class Counting:
    """A door that counts how often the broker was told, and may fail."""

    def __init__(self) -> None:
        self.told = 0
        self.fails = False

    def tell(self, *, now_ms: int, cut_off: object) -> None:
        if self.fails:
            raise OSError("no such process")
        self.told += 1


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_whatever_goes_wrong_it_is_told_and_done_again(error, monkeypatch, caplog):
    monkeypatch.setattr(keeping_module, "LOOK_S", 0)
    monkeypatch.setattr(keeping_module, "AGAIN_MS", 0)
    door = Faulty(error)
    keeping = Keeping(door, now_ms=lambda: 0, mono_ms=lambda: 0)
    running = asyncio.create_task(keeping.run())
    async with asyncio.timeout(10):
        await door.told.wait()
    running.cancel()
    await asyncio.wait({running})
    assert caplog.text.count("broker.untold") == 1


def test_the_broker_is_told_once_more_when_it_must_have_read_what_came_before():
    """Mosquitto 2.0 clears its flag after it has read: a signal that comes meanwhile is lost."""
    door, at_ms = Counting(), [0]
    keeping = Keeping(door, now_ms=lambda: 0, mono_ms=lambda: at_ms[0])
    assert not keeping.is_unsettled()
    keeping.tell()
    at_ms[0] = 300
    keeping.tell()
    at_ms[0] = 600
    assert not keeping.is_unsettled(), "half a second after the last, not after the first"
    at_ms[0] = 800
    assert keeping.is_unsettled()
    keeping.settle()
    assert (door.told, keeping.is_unsettled(), keeping.is_due()) == (3, False, False)


def test_where_it_cannot_be_told_once_more_everything_is_told_again_soon():
    door, at_ms = Counting(), [0]
    keeping = Keeping(door, now_ms=lambda: 0, mono_ms=lambda: at_ms[0])
    keeping.tell()
    door.fails, at_ms[0] = True, 800
    keeping.settle()
    assert not keeping.is_unsettled()
    assert not keeping.is_due()
    at_ms[0] = 800 + keeping_module.AGAIN_MS
    assert keeping.is_due()
