"""Rules at work beside the lanes: what a sample causes is on record before the sample is receipted, and no store or
series that is away stops the hub or loses a gap."""

import asyncio
import time
from typing import Any

import pytest
from sqlalchemy import select

from contract import codec
from contract.messages import DeviceColumn, Receipt
from hub.alarms import service as alarms
from hub.alarms.tables import level_changes
from hub.clock import SystemClock
from hub.db import Database
from hub.errors import StoreUnavailableError
from hub.ingest import judging as judging_module
from hub.ingest.accept import AcceptedTelemetry, Registered, accept
from hub.ingest.answers import Answers
from hub.ingest.judging import Judging
from hub.ingest.pipeline import Pipeline
from hub.ingest.samples import Samples
from hub.notify.tables import outbox
from hub.region import load
from hub.rules import loader
from hub.rules.model import Skipped
from hub.series.errors import Unavailable
from hub.series.writer import Written
from tests.hub.ingest.frames import EPOCH, telemetry_frame
from tests.hub.ingest.test_lanes import PROFILE, Running, Writer

REGION = load(PROFILE)
POST = REGION.stations["bendung-hulu"]
GATEWAYS = {
    gateway.id: Registered(gateway.id, gateway.cell, gateway.site) for gateway in REGION.gateways.values()
}
COLUMN = DeviceColumn(POST.device, POST.kind, (POST.quantity,))
NOW_MS = 1_790_000_000_000
LOW, HIGH = (POST.thresholds_mm[0] - 300) / 1000, (POST.thresholds_mm[1] + 10) / 1000


class Series:
    """What a history pass reads: rows, or an error."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = list(rows)
        self.error: Exception | None = None
        self.asked = 0

    async def query(self, q: str, params: Any = None) -> list[dict[str, Any]]:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.rows


class Life:
    """One life of a hub's telemetry lane over a store that outlives it."""

    def __init__(self, db: Database, states: Any = (), series: Any = None) -> None:
        clock = SystemClock()
        self.db = db
        self.said: list[Receipt] = []
        self.writer = Writer()
        self.pipeline = Pipeline(clock)
        answers = Answers((1, 7), GATEWAYS, clock, control=self._hear, telemetry=self._hear)
        self.judging = Judging(
            loader.load(REGION, states), REGION, db, clock, series=series, changed=lambda _: None
        )
        self.samples = Samples(db, clock, self.judging, answers, self.pipeline)
        self.samples.write_to(self.writer)

    def _hear(self, _topic: str, payload: bytes, _urgent: bool) -> None:
        receipt = codec.decode_receipt(payload)
        assert isinstance(receipt, Receipt)
        self.said.append(receipt)

    def hear(self, *levels_m: float, first: int = 1) -> None:
        rows = tuple((0, 1000 * (first + at), level) for at, level in enumerate(levels_m))
        payload = telemetry_frame(
            *rows,
            devices=(COLUMN,),
            first=first,
            gateway=POST.gateway,
            base_ms=NOW_MS - 10_000,
            age_ms=10_000,
        )
        verdict = accept(
            f"siaga/1/{GATEWAYS[POST.gateway].cell:02d}/{POST.gateway}/up/telemetry",
            payload,
            retained=False,
            received_ms=NOW_MS,
            gateways=GATEWAYS,
        )
        assert isinstance(verdict, AcceptedTelemetry), verdict
        self.samples.take(verdict, 0)

    async def written(self) -> None:
        """InfluxDB has all that it was offered."""
        for batch in self.writer.batches:
            self.samples.written(Written(batch))
        self.writer.batches.clear()
        await asyncio.sleep(0.02)

    async def changes(self) -> list[tuple[int, int, bool]]:
        query = select(level_changes).order_by(level_changes.c.id)
        rows = await self.db.read(lambda conn: conn.execute(query).all())
        return [(row.old_severity, row.new_severity, row.history) for row in rows]


@pytest.fixture
def db(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/hub.sqlite")
    database.open()
    yield database
    database.close()


async def until(true: Any) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end, "it never came"
        await asyncio.sleep(0.005)


async def test_a_sample_is_receipted_after_the_change_that_it_caused_and_no_other_waits(db):
    life = Life(db)
    life.hear(LOW, first=1)
    life.hear(LOW, HIGH, LOW, first=2)
    life.hear(LOW, first=5)
    await life.written()
    assert [receipt.ranges for receipt in life.said] == [((1, 1), (5, 5))]

    life.hear(LOW, HIGH, LOW, first=2)  # comes again, and is judged no second time
    await life.written()
    assert [receipt.ranges for receipt in life.said] == [((1, 1), (5, 5))]

    async with Running(life.judging.write_changes()):
        await until(lambda: len(life.said) > 1)
    assert await life.changes() == [(0, 2, False), (2, 0, False)]
    assert life.said[1].ranges == ((2, 4),)


async def test_a_peak_of_one_sample_is_raised_by_the_next_life_of_a_hub_that_was_killed(db):
    first = Life(db)
    first.hear(LOW, first=1)
    first.hear(HIGH, first=2)
    first.hear(LOW, first=3)
    await first.written()
    await first.judging.save_once()  # killed now: no change was ever written

    second = Life(db, await db.read(alarms.restore))
    settled = [pair for receipt in first.said for pair in receipt.ranges]
    assert settled == [(1, 1)]
    second.hear(HIGH, first=2)
    second.hear(LOW, first=3)
    async with Running(second.judging.write_changes()):
        await until(lambda: not second.judging.waiting)
    assert await second.changes() == [(0, 2, False), (2, 0, False)]
    found = await db.read(lambda conn: conn.execute(select(outbox.c.kind)).scalars().all())
    assert found == ["level"]


async def test_a_change_that_can_never_be_written_holds_no_receipt_back_for_ever(db, monkeypatch):
    def broken(*_: Any, **__: Any) -> None:
        raise ValueError("cannot be written")

    monkeypatch.setattr("hub.ingest.judging.alarms.apply", broken)
    life = Life(db)
    life.hear(HIGH, first=1)
    await life.written()
    async with Running(life.judging.write_changes()):
        await until(lambda: life.said)
    assert life.judging.waiting == 0


async def test_with_too_many_changes_waiting_nothing_more_is_judged_or_receipted(db, monkeypatch):
    monkeypatch.setattr(judging_module, "CHANGES_AT_MOST", 2)
    life = Life(db)
    life.hear(LOW, HIGH, LOW, first=1)
    life.hear(HIGH, LOW, first=4)
    await life.written()
    assert (life.judging.waiting, life.said) == (2, [])
    assert life.pipeline.counts["dropped.changes_full"] == 1


async def test_saving_states_returns_when_the_store_is_away_and_does_it_later(db, monkeypatch):
    life = Life(db)
    life.hear(LOW, first=1)
    whole = db.write

    async def away(*_: Any, **__: Any) -> None:
        raise StoreUnavailableError("away")

    monkeypatch.setattr(db, "write", away)
    async with asyncio.timeout(10):
        await life.judging.save_once()
    monkeypatch.setattr(db, "write", whole)
    await life.judging.save_once()
    assert [state.seq for state in await db.read(alarms.restore)] == [1]


# History passes


def gap(from_s: int, to_s: int) -> Skipped:
    return Skipped(POST.id, EPOCH, 9, NOW_MS + from_s * 1000, NOW_MS + to_s * 1000)


def found(life: Life, monkeypatch: pytest.MonkeyPatch, *gaps: Skipped) -> None:
    monkeypatch.setattr(life.judging._engine, "filled", lambda *_: list(gaps))
    life.judging.filled(POST.gateway, EPOCH, 10)


async def test_a_store_that_cannot_be_read_does_not_end_the_history_passes(db, monkeypatch):
    monkeypatch.setattr(judging_module, "HISTORY_RETRY_S", 0.01)
    life = Life(db, series=Series({"time": NOW_MS + 2000, "v": HIGH}))
    whole, tries = db.read, 0

    async def away(fn: Any) -> Any:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise StoreUnavailableError("away")
        return await whole(fn)

    monkeypatch.setattr(db, "read", away)
    found(life, monkeypatch, gap(0, 5))
    async with Running(life.judging.look_over_gaps()):
        await until(lambda: not life.judging._gaps)
    assert await life.changes() == [(0, 2, True)]


async def test_a_fault_of_a_history_pass_ends_neither_the_hub_nor_the_next_pass(db, monkeypatch, caplog):
    series = Series({"time": NOW_MS + 2000, "v": HIGH})
    life = Life(db, series=series)
    whole, faults = life.judging._pass, [OverflowError("unforeseen")]

    async def faulty(one: Skipped) -> Any:
        if faults:
            raise faults.pop()
        return await whole(one)

    monkeypatch.setattr(life.judging, "_pass", faulty)
    async with Running(life.judging.look_over_gaps()):
        found(life, monkeypatch, gap(0, 5))
        await until(lambda: not life.judging._gaps)
        assert "history_pass_failed" in caplog.text
        found(life, monkeypatch, gap(0, 5))
        await until(lambda: not life.judging._gaps)
    assert await life.changes() == [(0, 2, True)]


async def test_a_gap_found_while_another_waits_loses_neither(db, monkeypatch):
    series = Series()
    series.error = Unavailable("away")
    life = Life(db, series=series)
    async with Running(life.judging.look_over_gaps()):
        found(life, monkeypatch, gap(0, 5))
        await until(lambda: series.asked == 1)
        found(life, monkeypatch, gap(60, 65))
        await until(lambda: series.asked == 2)
        life.hear(LOW)
        await life.judging.save_once()
        (state,) = await db.read(alarms.restore)
        assert state.skipped is not None
        assert (state.skipped.from_ms, state.skipped.to_ms) == (NOW_MS, NOW_MS + 65_000)

        series.error = None
        series.rows = [{"time": NOW_MS + 2000, "v": HIGH}, {"time": NOW_MS + 62_000, "v": LOW}]
        found(life, monkeypatch)
        life.judging._gap_found.set()
        await until(lambda: not life.judging._gaps)
    assert await life.changes() == [(0, 2, True), (2, 0, True)]


async def test_a_long_gap_is_looked_over_window_by_window_with_the_level_carried_on(db, monkeypatch):
    monkeypatch.setattr(judging_module, "WINDOW_MS", 10_000)

    class Windows(Series):
        async def query(self, q: str, params: Any = None) -> list[dict[str, Any]]:
            self.asked += 1
            return [{"time": NOW_MS + 10_000 * (self.asked - 1) + 1000, "v": HIGH if self.asked < 3 else LOW}]

    series = Windows()
    life = Life(db, series=series)
    found(life, monkeypatch, gap(0, 29))
    async with Running(life.judging.look_over_gaps()):
        await until(lambda: not life.judging._gaps)
    assert series.asked == 3
    assert await life.changes() == [(0, 2, True), (2, 0, True)]
