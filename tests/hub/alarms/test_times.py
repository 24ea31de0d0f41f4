"""Time alone moves alarms on, on both stores, and a store that is away for a moment only delays it."""

from __future__ import annotations

import asyncio

import pytest

from hub.alarms import service, times
from hub.errors import StoreUnavailableError
from tests.hub.api.conftest import Time
from tests.hub.city import NOW

LEVEL = service.Fingerprint("pasar", "gw-pasar", "level-1", "level_m", "level")


async def test_a_shelf_ends_and_what_nobody_looked_at_lapses_once_each_and_is_told(database):
    clock, told = Time(), []
    task = times.AlarmTimes(database, clock, changed=told.append)

    def shelved(conn) -> int:
        alarm = service.raise_alarm(conn, LEVEL, severity=1, now_ms=NOW).alarm_id
        service.shelve(conn, alarm, actor="siti", reason="uji", until_ms=NOW + 60_000, now_ms=NOW)
        return alarm

    alarm = await database.write(shelved)
    assert await task.step() == 0
    clock.at_ms = NOW + 60_000
    assert await task.step() == 1
    assert [row["state"] for row in await database.read(service.active)] == ["unacknowledged"]
    await database.write(lambda conn: service.clear_alarm(conn, LEVEL, now_ms=clock.at_ms))
    clock.at_ms += times.LAPSE_MS[1] - 1
    assert await task.step() == 0
    clock.at_ms += 1
    assert (await task.step(), await task.step()) == (1, 0)
    assert told == [alarm, alarm]
    assert await database.read(service.active) == []
    quality = await database.read(
        lambda conn: service.quality_of(conn, since_ms=NOW, now_ms=clock.at_ms + 1, operators=1)
    )
    assert [one.value for one in quality.figures if one.key == "unseen"] == [1]


@pytest.mark.parametrize("error", [StoreUnavailableError("away"), AssertionError("a mistake of ours")])
async def test_what_fails_does_not_end_the_task(monkeypatch, error):
    tries = []

    class Away:
        async def read(self, _):
            tries.append(1)
            if len(tries) == 1:
                raise error
            raise asyncio.CancelledError

    monkeypatch.setattr(times, "EVERY_S", 0.0)
    with pytest.raises(asyncio.CancelledError):
        await times.AlarmTimes(Away(), Time(), changed=tries.append).run()
    assert tries == [1, 1]
