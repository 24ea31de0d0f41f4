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


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_whatever_goes_wrong_it_is_told_and_done_again(error, monkeypatch, caplog):
    monkeypatch.setattr(keeping_module, "LOOK_S", 0)
    door = Faulty(error)
    keeping = Keeping(door, now_ms=lambda: 0, mono_ms=lambda: 0)
    running = asyncio.create_task(keeping.run())
    async with asyncio.timeout(10):
        await door.told.wait()
    running.cancel()
    await asyncio.wait({running})
    assert caplog.text.count("broker.untold") == 1
