"""rules.toml in a hub: a sample that is accepted raises a real alarm, a bad file changes nothing, a restart nothing."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select

from contract.messages import DeviceColumn
from hub.alarms import service as alarms
from hub.alarms.tables import alarm_history
from hub.clock import SystemClock
from hub.db import Database
from hub.errors import StoreUnavailableError
from hub.ingest.accept import Registered, accept
from hub.ingest.events import StoredEvent
from hub.ingest.judging import Judging
from hub.ingest.ruling import Ruling
from hub.notify.tables import outbox
from hub.region import load
from hub.rules import loader
from hub.rules.tables import rule_states, rule_versions
from tests.hub.ingest.frames import telemetry_frame
from tests.hub.rules.books import PROFILE, REGION, rule

POST = REGION.stations["muara"]
GATEWAYS = {
    gateway.id: Registered(gateway.id, gateway.cell, gateway.site) for gateway in REGION.gateways.values()
}
COLUMN = DeviceColumn(POST.device, POST.kind, ("level_m",))
NOW_MS = 1_790_000_000_000
OVER_TWO = rule(
    'kind = "threshold"\ndevices = ["gw-pos-muara/duga-air"]\nquantity = "level_m"\nabove = 2.0\n'
    'priority = "high"\ntell = true\ntitle_id = "Air tinggi"\ntitle_en = "High water"',
    name="tinggi",
)


class FakeClock:
    """Time that stands until it is moved; by ``set_ms`` the wall's clock was set."""

    ms = NOW_MS
    set_ms = 0

    def now_ms(self) -> int:
        return self.ms + self.set_ms

    def mono_ms(self) -> int:
        return self.ms


class Life:
    """One life of a hub's rules over a store and a profile that outlive it."""

    def __init__(self, db: Database, folder: Path) -> None:
        self.db = db
        self.clock = FakeClock()
        self.hears = True
        self.told: list[str] = []
        self.rules = Ruling(
            REGION,
            folder,
            db,
            self.clock,
            series=None,
            listening=lambda: self.hears,
            changed=lambda verdict: self.told.append(verdict.rule),
        )
        self.judging = Judging(
            loader.load(REGION),
            REGION,
            db,
            self.clock,
            series=None,
            changed=lambda _: None,
            rules=self.rules,
        )

    async def hear(self, *levels_m: float | None, first: int = 1) -> None:
        """A frame of a second each, as accept lets it through; and everything on record."""
        rows = tuple((0, 1000 * (first + at), level) for at, level in enumerate(levels_m))
        payload = telemetry_frame(
            *rows,
            devices=(COLUMN,),
            first=first,
            gateway=POST.gateway,
            base_ms=NOW_MS - 60_000,
            age_ms=60_000,
        )
        topic = f"siaga/1/{GATEWAYS[POST.gateway].cell:02d}/{POST.gateway}/up/telemetry"
        accepted: Any = accept(topic, payload, retained=False, received_ms=NOW_MS, gateways=GATEWAYS)
        self.judging.judge(accepted)
        await self.settle()

    async def settle(self) -> None:
        """Everything that waits is on record."""
        on_record = asyncio.Event()
        self.judging.on_record = on_record.set
        work = asyncio.create_task(self.judging.write_changes())
        while self.judging.waiting:
            await on_record.wait()
            on_record.clear()
        work.cancel()

    async def steps(self) -> list[tuple[str, int]]:
        """Every raising and clearing of alarms, in order."""
        query = select(alarm_history.c.step, alarm_history.c.severity).order_by(alarm_history.c.id)
        rows = await self.db.read(lambda conn: conn.execute(query).all())
        return [(row.step, row.severity) for row in rows]


@pytest.fixture
def db(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/hub.sqlite")
    database.open()
    yield database
    database.close()


@pytest.fixture
def folder(tmp_path):
    found = tmp_path / "kota"
    shutil.copytree(PROFILE, found)
    (found / "rules.toml").write_text(OVER_TWO)
    return found


def write(folder: Path, text: str) -> None:
    """Write rules.toml anew, at a time of its own."""
    path = folder / "rules.toml"
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text)
    os.utime(path, ns=(before + 1_000_000_000, before + 1_000_000_000))


async def test_an_accepted_sample_raises_the_alarm_of_its_rule_and_clears_it(db, folder):
    life = Life(db, folder)
    await life.rules.open()
    await life.hear(1.9, 2.1, 2.2)
    [alarm] = await db.read(alarms.active)
    assert (alarm["condition"], alarm["gateway"], alarm["point"]) == (
        "threshold:tinggi",
        "gw-pos-muara",
        "level_m",
    )
    assert alarm["severity"] == 2
    assert alarm["detail"]["value"] == 2.1
    assert alarm["detail"]["rule"]["id"] == "tinggi"
    assert alarm["detail"]["rule"]["version"] == life.rules.book.version
    assert alarm["detail"]["rule"]["advice"] == "/rivers"
    assert alarm["detail"]["rule"]["title"] == {"id": "Air tinggi", "en": "High water"}
    assert (alarm["detail"]["limit"], alarm["detail"]["unit"]) == (2.0, "m")
    await life.hear(1.0, first=4)
    assert await life.steps() == [("raise", 2), ("clear", 2)]
    assert life.told == ["tinggi", "tinggi"]
    notices = await db.read(lambda conn: conn.execute(select(outbox)).all())
    assert [(row.kind, row.title) for row in notices] == [("rule", "Air tinggi: Pos Duga Air Muara Cilaras")]


async def test_levels_go_on_beside_the_rules(db, folder):
    life = Life(db, folder)
    await life.rules.open()
    await life.hear(8.6)
    conditions = {alarm["condition"] for alarm in await db.read(alarms.active)}
    assert conditions == {"level", "threshold:tinggi"}


async def test_a_restart_neither_raises_again_nor_forgets(db, folder):
    life = Life(db, folder)
    await life.rules.open()
    await life.hear(1.9, 2.1)
    again = Life(db, folder)
    await again.rules.open()
    await again.hear(1.9, 2.1, 2.3)
    assert await again.steps() == [("raise", 2)], "the records that come again are judged already"
    await again.hear(1.0, first=4)
    assert await again.steps() == [("raise", 2), ("clear", 2)]
    assert await db.read(lambda conn: conn.execute(select(rule_states)).all()) == []


async def test_a_for_time_goes_on_over_a_restart(db, folder):
    write(folder, OVER_TWO + "for_s = 5\n")
    life = Life(db, folder)
    await life.rules.open()
    await life.hear(2.1, 2.1, 2.1)
    await life.rules.save_once()
    again = Life(db, folder)
    await again.rules.open()
    await again.hear(2.1, 2.1, first=4)
    assert await again.steps() == []
    await again.hear(2.1, first=6)
    assert await again.steps() == [("raise", 2)]


async def test_what_stands_unwritten_is_judged_again_and_not_stored_as_judged(db, folder, monkeypatch):
    life = Life(db, folder)
    await life.rules.open()

    async def away(fn, *, urgent=False):
        raise StoreUnavailableError("disk full")

    monkeypatch.setattr("hub.ingest.judging.STORE_PAUSE_S", 60)
    with monkeypatch.context() as patch:
        patch.setattr(db, "write", away)
        payload = telemetry_frame(
            (0, 1000, 2.5), devices=(COLUMN,), gateway=POST.gateway, base_ms=NOW_MS - 60_000, age_ms=60_000
        )
        topic = f"siaga/1/{GATEWAYS[POST.gateway].cell:02d}/{POST.gateway}/up/telemetry"
        accepted: Any = accept(topic, payload, retained=False, received_ms=NOW_MS, gateways=GATEWAYS)
        life.judging.judge(accepted)
    assert life.judging.owes(POST.gateway, accepted.frame.epoch, 1, 1)
    await life.rules.save_once()
    again = Life(db, folder)
    await again.rules.open()
    await again.hear(2.5)
    assert await again.steps() == [("raise", 2)]


async def test_a_new_file_is_in_force_without_a_restart(db, folder):
    life = Life(db, folder)
    await life.rules.open()
    before = life.rules.book.version
    await life.hear(1.5)
    write(folder, OVER_TWO.replace("above = 2.0", "above = 1.5"))
    await life.rules.look()
    assert life.rules.book.version != before
    await life.hear(1.5, first=2)
    assert await life.steps() == [("raise", 2)]
    write(folder, "")
    await life.rules.look()
    await life.settle()
    assert await life.steps() == [("raise", 2), ("clear", 2)], "its rule is no more"
    versions = await db.read(lambda conn: conn.execute(select(rule_versions)).all())
    assert len(versions) == 3


@pytest.mark.parametrize("bad", ["[[rule]", OVER_TWO + "abvoe = 1.0\n", OVER_TWO * 2, "\udcff"])
async def test_a_bad_file_changes_nothing_and_the_log_says_what_to_write(db, folder, caplog, bad):
    life = Life(db, folder)
    await life.rules.open()
    before = life.rules.book
    path = folder / "rules.toml"
    path.write_bytes(bad.encode("utf-8", "surrogateescape"))
    os.utime(path, ns=(1, 1))
    with caplog.at_level(logging.ERROR):
        await life.rules.look()
    assert life.rules.book is before
    assert str(path) in life.rules.mistakes[0]
    assert "write instead" in caplog.text
    await life.hear(2.5)
    assert await life.steps() == [("raise", 2)], "the old rules go on"
    write(folder, OVER_TWO.replace('"high"', '"low"'))
    await life.rules.look()
    assert life.rules.mistakes == ()


async def test_a_hub_that_starts_with_a_bad_file_has_the_rules_that_were_in_force_last(db, folder):
    first = Life(db, folder)
    await first.rules.open()
    write(folder, "[[rule]")
    life = Life(db, folder)
    await life.rules.open()
    assert life.rules.book.version == first.rules.book.version
    assert life.rules.mistakes
    await life.hear(2.5)
    assert await life.steps() == [("raise", 2)]


async def test_what_stood_raised_waits_for_a_good_file_where_no_rules_can_be_had(db, folder):
    first = Life(db, folder)
    await first.rules.open()
    await first.hear(2.5)
    await db.write(lambda conn: conn.execute(delete(rule_versions)))
    write(folder, "[[rule]")
    life = Life(db, folder)
    await life.rules.open()
    assert life.judging.waiting == 0, "nothing is cleared"
    write(folder, OVER_TWO)
    await life.rules.look()
    await life.hear(1.0, first=2)
    assert await life.steps() == [("raise", 2), ("clear", 2)]


async def test_a_store_that_is_away_at_the_start_is_waited_for(db, folder, monkeypatch):
    life, read, tries = Life(db, folder), db.read, []

    async def slow(fn):
        tries.append(fn)
        if len(tries) < 3:
            raise StoreUnavailableError("gone")
        return await read(fn)

    monkeypatch.setattr("hub.ingest.ruling.STORE_PAUSE_S", 0)
    monkeypatch.setattr(db, "read", slow)
    await life.rules.open()
    assert life.rules.book.rules


async def test_a_mistake_of_ours_does_not_end_the_task(db, folder, monkeypatch):
    life = Life(db, folder)
    ticks = []

    def ticking():
        ticks.append(1)
        raise AssertionError("a mistake of ours") if len(ticks) == 1 else asyncio.CancelledError

    monkeypatch.setattr("hub.ingest.ruling.TICK_S", 0)
    monkeypatch.setattr(life.rules, "tick", ticking)
    with pytest.raises(asyncio.CancelledError):
        await life.rules.run()
    assert len(ticks) == 2


async def heard_once(db, folder):
    """A hub that minds five minutes of silence of a post, which it has just heard."""
    write(
        folder,
        rule('kind = "no_data"\ndevices = ["gw-pos-muara/duga-air"]\nafter_s = 300', name="diam"),
    )
    life = Life(db, folder)
    await life.rules.open()
    life.rules.tick()
    await life.hear(1.0)
    return life


async def test_a_clock_that_is_set_back_hides_no_silence(db, folder):
    life = await heard_once(db, folder)
    life.clock.set_ms = -86_400_000
    for _ in range(310):
        life.clock.ms += 1000
        life.rules.tick()
    await life.settle()
    assert await life.steps() == [("raise", 1)]


async def test_silence_is_judged_while_the_hub_hears_and_not_after_its_clock_was_set(db, folder):
    life = await heard_once(db, folder)
    life.clock.ms += 200_000
    life.hears = False
    life.rules.tick()
    life.clock.ms += 200_000
    life.rules.tick()
    life.hears = True
    life.rules.tick()
    await life.settle()
    assert await life.steps() == []
    life.clock.ms += 299_000
    life.rules.tick()
    assert life.judging.waiting == 0
    for _ in range(400):
        life.clock.ms += 1000
        life.rules.tick()
    await life.settle()
    assert await life.steps() == [("raise", 1)]


def down(number: int, *, age_ms: int | None = 0, again: bool = False) -> StoredEvent:
    return StoredEvent(
        row_id=number, gateway="gw-pos-muara", cell=1, site="pos-muara", epoch="1" * 16, lane="event",
        seq=number, event_id=f"{number:032x}", kind="device_down", device="duga-air", data={}, t_ms=NOW_MS,
        error_ms=0, received_ms=NOW_MS, age_ms=age_ms, again=again, conflict=False, malformed=False, raw=b"",
    )  # fmt: skip


async def test_events_are_counted_and_old_ones_are_not(db, folder):
    write(
        folder, rule('kind = "count"\nevents = ["device_down"]\nat_least = 3\nwindow_s = 600', name="putus")
    )
    life = Life(db, folder)
    await life.rules.open()
    life.rules.stored([down(1), down(2), down(3, age_ms=601_000), down(4, again=True), down(5, age_ms=None)])
    assert life.judging.waiting == 0
    life.rules.stored([down(6)])
    await life.settle()
    [alarm] = await db.read(alarms.active)
    assert (alarm["condition"], alarm["device"]) == ("count:putus", "duga-air")


class Series:
    """InfluxDB as it stood at the start."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows
        self.asked: list[Any] = []

    async def query(self, q: str, params: Any = None) -> list[dict[str, Any]]:
        self.asked.append((q, params))
        return self.rows


async def test_the_last_half_hour_is_known_at_once_and_raises_nothing(db, folder):
    """A river that has risen before the hub began is rising at its first sample, not half a window later."""
    text = 'kind = "rise"\ndevices = ["gw-pos-muara/duga-air"]\nquantity = "level_m"\nper_h = 0.6'
    write(folder, rule(text, name="naik"))
    rows = [
        {"time": NOW_MS - (60 + 60 * m) * 1000, "level_m": 1.0 - 0.02 * m, "level_m_q": None}
        for m in range(29)
    ]
    cold = Life(db, folder)
    await cold.rules.open()
    await cold.hear(1.02)
    assert await cold.steps() == []
    life = Life(db, folder)
    life.rules._series = Series(rows[::-1])
    await life.rules.open()
    assert life.judging.waiting == 0
    await life.hear(1.02, first=2)
    assert await life.steps() == [("raise", 1)]
    assert life.rules._series.asked[0][1] == {"gateway": "gw-pos-muara", "device": "duga-air"}


def test_the_region_is_the_shipped_one():
    assert load(PROFILE) == REGION
    assert SystemClock().now_ms() > NOW_MS
