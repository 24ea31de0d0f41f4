"""Control and telemetry lanes around a real SQL store, with a broker that only listens."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, update

from contract import codec
from contract.messages import DeviceColumn, Receipt
from contract.topics import Lane
from hub.alarms.tables import alarms
from hub.clock import SystemClock
from hub.db import Database
from hub.fleet.liveness import Liveness
from hub.ingest import ledger
from hub.ingest.accept import AcceptedBeat, AcceptedTelemetry
from hub.ingest.answers import Answers
from hub.ingest.control import Control
from hub.ingest.events import AcceptedEvents, StoredEvent
from hub.ingest.judging import Judging
from hub.ingest.ledger import StreamKey
from hub.ingest.pipeline import Latency, Pipeline, Rate
from hub.ingest.samples import Samples
from hub.ingest.tables import dead_letters, events, streams
from hub.region import load
from hub.rollups.marks import Marks
from hub.rollups.marks import read as on_record
from hub.rules.engine import Engine
from hub.series.writer import Batch, Written
from tests.hub.ingest.frames import (
    EPOCH,
    GATEWAY,
    GATEWAYS,
    NOW_MS,
    Recorder,
    body,
    event_frame,
    judged,
    telemetry_frame,
)

PROFILE = Path(__file__).parents[3] / "profiles" / "kota-contoh"
KEY = StreamKey(GATEWAY, EPOCH, "telemetry")


class Writer:
    """A series writer that keeps what it is offered until the test says what became of it."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.full = False
        self.flow = "open"

    def offer(self, batch: Batch) -> bool:
        if not self.full:
            self.batches.append(batch)
        return not self.full


class Told:
    def __init__(self) -> None:
        self.new: list[StoredEvent] = []

    def stored(self, new: Sequence[StoredEvent]) -> None:
        self.new += new

    def gateway(self, gateway: str) -> None: ...

    def account(self, accepted: AcceptedBeat) -> None: ...


class Poisoned(Recorder):
    """Consequences of which one event cannot be borne."""

    def event(self, conn: Connection, event: StoredEvent) -> None:
        if event.kind == "poison":
            raise ValueError("poison")
        super().event(conn, event)


class Hub:
    """The lanes of a hub, wired as the application wires them."""

    def __init__(self, db: Database) -> None:
        clock = SystemClock()
        self.db = db
        self.said: list[tuple[str, Receipt, bool]] = []
        self.writer = Writer()
        self.consequences = Poisoned()
        self.told = Told()
        self.pipeline = Pipeline(clock)
        self.answers = Answers((1, 7), GATEWAYS, clock, control=self._hear, telemetry=self._hear)
        judging = Judging(Engine([]), load(PROFILE), db, clock, series=None, changed=lambda _: None)
        self.samples = Samples(db, clock, judging, self.answers, self.pipeline)
        self.samples.write_to(self.writer)
        self.control = Control(
            db=db,
            clock=clock,
            gateways=GATEWAYS,
            consequences=self.consequences,
            answers=self.answers,
            pipeline=self.pipeline,
            liveness=Liveness([(GATEWAY, 10_000)]),
            fresh=self.samples.fresh,
            told=self.told,
            frames_at_most=3,
        )

    def _hear(self, topic: str, payload: bytes, urgent: bool) -> None:
        if topic.endswith("/down/hello"):
            return
        receipt = codec.decode_receipt(payload)
        assert isinstance(receipt, Receipt)
        self.said.append((topic, receipt, urgent))

    def frame(self, payload: bytes, lane: Lane = "event") -> None:
        verdict = judged(payload, lane)
        assert isinstance(verdict, AcceptedEvents)
        self.control.take_frame(verdict)

    def sample(self, payload: bytes) -> None:
        verdict = judged(payload, "telemetry")
        assert isinstance(verdict, AcceptedTelemetry)
        self.samples.take(verdict, 0)

    async def count(self, table: Any) -> int:
        found: int = await self.db.read(
            lambda conn: conn.execute(select(func.count()).select_from(table)).scalar_one()
        )
        return found

    async def until(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + 10
        while not true():
            assert time.monotonic() < end, "it never came"
            await asyncio.sleep(0.005)


@pytest.fixture
def hub(tmp_path) -> Iterator[Hub]:
    db = Database(f"sqlite:///{tmp_path}/hub.sqlite")
    db.open()
    yield Hub(db)
    db.close()


class Running:
    """Tasks that end with the block."""

    def __init__(self, *work: Any) -> None:
        self._work = work

    async def __aenter__(self) -> None:
        self._tasks = [asyncio.ensure_future(one) for one in self._work]

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)


async def test_event_frames_that_wait_commit_together_and_are_answered_with_one_receipt(hub):
    for first in (1, 2, 3):
        hub.frame(event_frame(body(first, kind="door_edge"), first=first))
    async with Running(hub.control.commit_events()):
        await hub.until(lambda: bool(hub.said))

    ((topic, receipt, urgent),) = hub.said
    assert (topic, urgent) == (f"siaga/1/03/{GATEWAY}/down/receipt", False)
    assert (receipt.inc, receipt.ranges) == ((1, 7), ((1, 3),))
    assert len(hub.told.new) == 3
    assert hub.pipeline.counts["committed.event"] == 3


async def test_a_frame_that_cannot_be_stored_does_not_keep_its_neighbours_from_it(hub, caplog):
    caplog.set_level(logging.CRITICAL)
    for first, kind in ((1, "door_edge"), (2, "poison"), (3, "door_edge")):
        hub.frame(event_frame(body(first, kind=kind), first=first))
    async with Running(hub.control.commit_events()):
        await hub.until(lambda: len(hub.said) >= 2)

    assert [receipt.ranges for _, receipt, _ in hub.said] == [((1, 1),), ((3, 3),)]
    assert await hub.count(events) == 2


async def test_a_full_queue_drops_the_frame_without_a_receipt(hub):
    for first in (1, 2, 3, 4):
        hub.frame(event_frame(body(first, kind="door_edge"), first=first))

    assert hub.control.queues()["event"] == 3
    assert hub.pipeline.counts["dropped.event"] == 1
    async with Running(hub.control.commit_events()):
        await hub.until(lambda: bool(hub.said))
    assert hub.said[0][1].ranges == ((1, 3),)


async def test_no_receipt_before_influxdb_has_the_samples(hub):
    hub.sample(telemetry_frame((0, 0, 1.0, 1), (0, 10, 1.5, 2), first=5))
    await asyncio.sleep(0.05)
    assert hub.said == []
    (batch,) = hub.writer.batches
    assert len(batch.lines) == 2
    hub.samples.written(Written(batch))
    await hub.until(lambda: bool(hub.said))

    assert [receipt.ranges for _, receipt, _ in hub.said] == [((5, 6),)]
    await hub.samples.flush_once()
    found = await hub.db.read(lambda conn: ledger.read(conn, KEY))
    assert found.committed.pairs() == ((5, 6),)


async def test_what_is_late_is_receipted_when_its_mark_is_on_record_and_what_is_of_now_at_once(hub):
    marks = Marks(hub.db)
    hub.samples.mark_late(marks)
    marks.open(NOW_MS - 60_000, [])
    old = NOW_MS - 7_200_000
    hub.sample(telemetry_frame((0, 0, 1.0, 1), first=1))
    hub.sample(telemetry_frame((0, 0, 1.0, 1), (0, 3_600_000, 1.0, 2), first=2, base_ms=old))
    for batch in hub.writer.batches:
        hub.samples.written(Written(batch))
    await hub.until(lambda: len(hub.said) == 1)
    assert hub.said[0][1].ranges == ((1, 1),)
    await marks.save_once()
    await hub.until(lambda: len(hub.said) == 2)
    assert hub.said[1][1].ranges == ((2, 3),)
    hours = [at - at % 3_600_000 for at in (old, old + 3_600_000)]
    assert sorted((await hub.db.read(on_record))[1]) == [(hour, GATEWAY) for hour in hours]


async def test_a_frame_that_comes_again_while_it_waits_is_written_once(hub):
    for _ in range(3):
        hub.sample(telemetry_frame((0, 0, 1.0, 1)))
    assert len(hub.writer.batches) == 1
    hub.samples.written(Written(hub.writer.batches[0]))
    hub.sample(telemetry_frame((0, 0, 1.0, 1)))
    assert len(hub.writer.batches) == 2, (
        "what is in InfluxDB is written again when asked: the ledger is only a cache"
    )


async def test_another_boots_frame_under_numbers_that_wait_is_no_repeat(hub):
    """A card put back from an older copy gives numbers twice; the second sample must be written before its receipt."""
    for boot in ("5e0c0de0", "5e0c0de1"):
        hub.sample(telemetry_frame((0, 0, 1.0, 1), boot=boot))
    assert len(hub.writer.batches) == 2


async def test_what_a_full_writer_refuses_may_come_again(hub):
    hub.writer.full = True
    hub.sample(telemetry_frame((0, 0, 1.0, 1)))
    assert hub.pipeline.counts["dropped.writer_full"] == 1
    hub.writer.full = False
    hub.sample(telemetry_frame((0, 0, 1.0, 1)))
    assert len(hub.writer.batches) == 1


async def test_a_live_sample_is_not_written(hub):
    hub.sample(telemetry_frame((0, 0, 1.0, 1), live=True))

    assert hub.writer.batches == []
    assert hub.pipeline.counts["frames.live"] == 1


@pytest.mark.parametrize(("flow", "said"), [("open", ["open"]), ("hold", [])])
async def test_a_gateway_that_has_missed_the_end_of_a_hold_is_told(hub, flow, said):
    hub.answers.flow = flow
    hub.sample(telemetry_frame((0, 0, 1.0, 1), live=True))
    assert [receipt.flow for _, receipt, _ in hub.said] == said


async def test_refused_and_rejected_records_are_dead_letters_before_the_receipt(hub):
    bad = DeviceColumn("x", "river_post", ("tips",))
    good = DeviceColumn("duga-1", "river_post", ("level_m",))
    rows = ((1, 0, 1.0), (0, 0, 2.5), (1, 10, 2.0))
    hub.sample(telemetry_frame(*rows, devices=(bad, good)))
    (batch,) = hub.writer.batches
    assert batch.lines[1] == b""
    hub.samples.written(Written(batch, ((2, "partial write: whatever"),)))
    await asyncio.sleep(0.05)
    assert hub.said == []
    async with Running(hub.samples.keep_refused()):
        await hub.until(lambda: bool(hub.said))

    ((_, receipt, _),) = hub.said
    assert receipt.ranges == ((1, 1),)
    assert [(one.first, one.last, one.reason) for one in receipt.refused] == [
        (2, 2, "type"),
        (3, 3, "series"),
    ]
    assert await hub.count(dead_letters) == 2
    found = await hub.db.read(lambda conn: ledger.read(conn, KEY))
    assert found.refused.pairs() == ((2, 3),)


async def test_ranges_that_the_store_does_not_take_are_flushed_later(hub, monkeypatch):
    hub.samples.fresh.add(KEY, ((1, 4),))
    whole = hub.db.write

    async def away(*_: Any, **__: Any) -> None:
        from hub.errors import StoreUnavailableError

        raise StoreUnavailableError("away")

    monkeypatch.setattr(hub.db, "write", away)
    await hub.samples.flush_once()
    monkeypatch.setattr(hub.db, "write", whole)
    await hub.samples.flush_once()
    found = await hub.db.read(lambda conn: ledger.read(conn, KEY))
    assert found.committed.pairs() == ((1, 4),)


def test_quantiles_are_of_what_was_added():
    latency = Latency(remembered=100)
    assert latency.quantiles() == {"p50": None, "p99": None, "max": None, "n": 0}
    for value in (-5, *range(1000)):
        latency.add(value)
    assert latency.quantiles() == {"p50": 949, "p99": 999, "max": 999, "n": 100}


@pytest.mark.parametrize(("behind_ms", "told"), [(250, 250), (-9000, 40), (0, 40)])
def test_a_gateways_clock_makes_no_frame_arrive_before_it_was_sent(behind_ms, told):
    class Still:
        def mono_ms(self) -> int:
            return 5040

        def now_ms(self) -> int:
            return NOW_MS

    pipeline = Pipeline(Still())
    pipeline.committed("panic", 1, sent_ms=NOW_MS - behind_ms, received_mono_ms=5000)
    numbers = pipeline.snapshot({}, "open")
    assert numbers["publish_to_commit_ms"]["panic"]["p50"] == told
    assert numbers["receive_to_commit_ms"]["panic"]["p50"] == 40
    assert numbers["publish_to_commit_ms"]["event"]["n"] == 0


def test_a_rate_is_over_whole_seconds_and_forgets():
    class Ticking:
        mono = 0

        def mono_ms(self) -> int:
            return self.mono

        def now_ms(self) -> int:
            return 0

    clock = Ticking()
    rate = Rate(clock)
    for second in range(10):
        clock.mono = second * 1000
        rate.add(30)
        rate.add(20)
    clock.mono = 10_000
    assert rate.per_second() == 50
    clock.mono = 15_000
    assert rate.per_second() == 25
    clock.mono = 60_000
    assert rate.per_second() == 0


async def test_a_flood_of_presses_by_one_gateway_does_not_delay_anothers(hub):
    order: list[str] = []
    hub.consequences.panic = lambda conn, event: order.append(event.gateway)
    flood = Control(
        db=hub.db,
        clock=SystemClock(),
        gateways=GATEWAYS,
        consequences=hub.consequences,
        answers=hub.answers,
        pipeline=hub.pipeline,
        liveness=Liveness([(GATEWAY, 10_000)]),
        fresh=hub.samples.fresh,
        told=hub.told,
    )
    for at in range(10):
        bodies = [body(1 + at * 100 + one) for one in range(100)]
        verdict = judged(event_frame(*bodies, first=1 + at * 100), "panic")
        assert isinstance(verdict, AcceptedEvents)
        flood.take_frame(verdict)
    other = judged(event_frame(body(1), gateway="pos-07"), "panic", gateway="pos-07", cell=7)
    assert isinstance(other, AcceptedEvents)
    flood.take_frame(other)
    async with Running(flood.commit_panics()):
        await hub.until(lambda: "pos-07" in order)
        assert order.index("pos-07") <= 16, "after one transaction of the flood at most"
        await hub.until(lambda: len(order) == 1001)


async def test_a_press_that_cannot_be_stored_stops_no_other_and_people_are_told(hub, caplog):
    caplog.set_level(logging.CRITICAL)

    def panic(_conn: Connection, event: StoredEvent) -> None:
        if event.device == "racun":
            raise ValueError("poison")

    hub.consequences.panic = panic
    hub.frame(event_frame(body(1), body(2, device="racun"), body(3)), "panic")

    # On a busy machine the two have a receipt each.
    def receipted() -> list[tuple[int, int]]:
        return [pair for _, receipt, _ in hub.said for pair in receipt.ranges]

    async with Running(hub.control.commit_panics()):
        await hub.until(lambda: len(receipted()) >= 2)
        await asyncio.sleep(0.05)

    assert receipted() == [(1, 1), (3, 3)]
    found = await hub.db.read(
        lambda conn: conn.execute(select(alarms.c.gateway, alarms.c.condition, alarms.c.state)).all()
    )
    assert found == [(GATEWAY, "panic_unstored", "unacknowledged")]


async def test_two_bodies_under_one_number_are_a_copied_card_and_raise_an_alarm_each_time(hub):
    async def said() -> list[tuple[str, str, int]]:
        query = select(alarms.c.condition, alarms.c.state, alarms.c.count)
        return [tuple(row) for row in await hub.db.read(lambda conn: conn.execute(query).all())]

    async with Running(hub.control.commit_events()):
        hub.frame(event_frame(body(1, kind="door_edge")))
        await hub.until(lambda: len(hub.said) == 1)
        assert await said() == []
        hub.frame(event_frame(body(2, kind="door_edge")))
        await hub.until(lambda: len(hub.said) == 2)
        assert await said() == [("copied_card", "unacknowledged", 1)]
        hub.frame(event_frame(body(2, kind="door_edge")))
        await hub.until(lambda: len(hub.said) == 3)
        assert await said() == [("copied_card", "unacknowledged", 1)], "a repeat says nothing new"
    assert [receipt.new_epoch for _, receipt, _ in hub.said] == [False, True, True]


async def test_an_account_that_cannot_be_read_takes_nothing_with_it(hub, caplog):
    caplog.set_level(logging.CRITICAL)
    other = StreamKey("pos-07", EPOCH, "telemetry")
    hub.samples.fresh.add(KEY, ((1, 4),))
    await hub.samples.flush_once()
    await hub.db.write(lambda conn: conn.execute(update(streams).values(committed="rusak", lane="event")))
    hub.said.clear()
    await hub.control.greet_all()
    assert hub.pipeline.counts["failed.hello"] == 1

    await hub.db.write(lambda conn: conn.execute(update(streams).values(lane="telemetry")))
    hub.samples.fresh.add(KEY, ((5, 6),))
    hub.samples.fresh.add(other, ((1, 2),))
    await hub.samples.flush_once()
    found = await hub.db.read(lambda conn: ledger.read(conn, other))
    assert found.committed.pairs() == ((1, 2),)
    assert (hub.pipeline.counts["failed.ledger"], len(hub.samples.fresh)) == (1, 0)
