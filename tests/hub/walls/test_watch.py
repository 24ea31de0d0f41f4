"""The alarm about a wall that shows nothing: low, once, and over when it shows something again."""

import asyncio

import pytest
from sqlalchemy import select

from hub.alarms.tables import alarms
from hub.walls.beats import SILENT_MS, Beats
from hub.walls.watch import WallWatch
from tests.hub.walls.test_beats import NOW_MS, beat


class Now:
    """A clock that is put forward by hand."""

    ms = 0

    def now_ms(self) -> int:
        return NOW_MS + self.ms

    def mono_ms(self) -> int:
        return self.ms


class Store:
    """One connection as a database."""

    def __init__(self, conn):
        self.conn, self.writes = conn, 0

    async def write(self, fn):
        self.writes += 1
        return fn(self.conn)


async def seen(conn, watch):
    await watch.judge()
    rows = conn.execute(select(alarms).where(alarms.c.condition == "wall_dark"))
    return {row.device: (row.state, row.severity) for row in rows}


async def test_it_is_raised_once_and_ends_when_the_wall_is_back(conn):
    clock, told, store = Now(), [], Store(conn)
    beats = Beats(["utama", "lobi"], began_mono_ms=0)
    watch = WallWatch(beats, store, clock, changed=lambda: told.append(clock.ms))
    beats.take("lobi", beat(), now_ms=NOW_MS, mono_ms=0)
    assert await seen(conn, watch) == {}, "nobody knows yet of one, and the other shows"
    clock.ms = SILENT_MS - 1
    beats.take("lobi", beat(), now_ms=NOW_MS, mono_ms=clock.ms)
    assert await seen(conn, watch) == {}
    clock.ms = SILENT_MS
    assert await seen(conn, watch) == {"utama": ("unacknowledged", 0)}
    writes = store.writes
    await watch.judge()
    assert store.writes == writes, "what has not changed is not written"
    beats.take("utama", beat(), now_ms=NOW_MS, mono_ms=clock.ms)
    assert await seen(conn, watch) == {"utama": ("returned", 0)}


async def test_a_wall_that_is_no_more_has_no_alarm_and_another_keeps_its_own(conn):
    clock = Now()
    clock.ms = SILENT_MS
    names = ["utama", "lobi"]
    await seen(conn, WallWatch(Beats(names, began_mono_ms=0), Store(conn), clock, changed=lambda: None))
    after = WallWatch(Beats(["lobi"], began_mono_ms=clock.ms), Store(conn), clock, changed=lambda: None)
    assert await seen(conn, after) == {"utama": ("returned", 0), "lobi": ("unacknowledged", 0)}


async def test_a_mistake_of_ours_does_not_end_the_hub(monkeypatch, caplog):
    watch = WallWatch(Beats([], began_mono_ms=0), Store(None), Now(), changed=lambda: None)
    looks = []

    async def look():
        looks.append(1)
        raise ValueError("amiss") if len(looks) == 1 else asyncio.CancelledError

    monkeypatch.setattr("hub.walls.watch.LOOK_S", 0)
    monkeypatch.setattr(watch, "judge", look)
    with pytest.raises(asyncio.CancelledError):
        await watch.run()
    assert len(looks) == 2
    assert "walls_not_judged error=amiss" in caplog.text
