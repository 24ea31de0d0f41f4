"""The worker on a real store: at once, through failures, through restarts."""

import asyncio
from contextlib import asynccontextmanager, suppress
from time import monotonic

from sqlalchemy import select

from hub.bus import Bus
from hub.clock import SystemClock
from hub.errors import StoreUnavailableError
from hub.notify import attempts
from hub.notify import outbox as box
from hub.notify.channels.base import Answer
from hub.notify.channels.recording import RecordingChannel
from hub.notify.outbox import enqueue
from hub.notify.policy import Retry
from hub.notify.tables import deliveries
from hub.notify.worker import NotifyWorker
from tests.hub.notify.test_outbox import notice, states

QUICK = Retry(first_s=0.02, most_s=0.05)


@asynccontextmanager
async def working(db, retry=QUICK, bus=None, **channels):
    worker = NotifyWorker(db, channels, SystemClock(), bus or Bus(), retry=retry)
    task = asyncio.create_task(worker.run(), name="worker")
    try:
        yield worker
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def put(db, worker=None, *notices):
    now_ms = SystemClock().now_ms()
    await db.write(lambda conn: [enqueue(conn, one, now_ms=now_ms) for one in notices])
    if worker is not None:
        worker.wake()


async def until(condition, timeout_s=5.0):
    end = monotonic() + timeout_s
    while not await condition():
        assert monotonic() < end, "it did not come to be in time"
        await asyncio.sleep(0.005)


def all_are(db, *wanted):
    async def check():
        return set((await db.read(states)).values()) == set(wanted)

    return check


async def test_a_notice_goes_out_at_once_after_the_commit(db):
    channel = RecordingChannel()
    async with working(db, a=channel) as worker:
        await asyncio.sleep(0.05)
        await put(db, worker, notice())
        await until(all_are(db, "sent"))  # by itself it would look again after half a minute
        assert list(channel.delivered) == ["n/a"]


async def test_it_is_tried_until_it_is_taken(db):
    channel = RecordingChannel([Answer("failed", 500)] * 4)
    async with working(db, a=channel) as worker:
        await put(db, worker, notice())
        await until(all_are(db, "sent"))
    assert [message.attempt for message in channel.attempts] == [1, 2, 3, 4, 5]
    assert {message.key for message in channel.attempts} == {"n/a"}


async def test_what_was_waiting_before_the_start_goes_out(db):
    await put(db, None, notice())
    channel = RecordingChannel()
    async with working(db, a=channel):
        await until(all_are(db, "sent"))


async def test_a_restart_in_the_middle_of_an_attempt_makes_it_again(db):
    channel = RecordingChannel([None])
    async with working(db, a=channel) as worker:
        await put(db, worker, notice())
        await until(_when(lambda: channel.attempts))
    assert await db.read(states) == {"n/a": "sending"}
    async with working(db, a=channel):
        await until(all_are(db, "sent"))
    rows = await db.read(lambda c: c.execute(select(deliveries.c.outcome)).scalars().all())
    assert rows == ["interrupted", "delivered"]
    assert {message.key for message in channel.attempts} == {"n/a"}


async def test_a_channel_that_hangs_does_not_hold_up_another(db):
    stuck, good = RecordingChannel([None] * 50, timeout_s=30), RecordingChannel()
    async with working(db, a=stuck, b=good) as worker:
        await put(db, worker, *(notice(f"s{n}") for n in range(20)))
        await put(db, worker, notice("g", channels=("b",)))
        await until(_when(lambda: good.delivered))


async def test_an_unknown_channel_is_given_up_and_its_fallback_told(db):
    channel = RecordingChannel()
    async with working(db, b=channel) as worker:
        await put(db, worker, notice(channels=("gone", "b")))
        await until(all_are(db, "given_up", "sent"))
    assert list(channel.delivered) == ["n/b"]


async def test_a_channel_that_raises_stops_nothing(db):
    class Broken(RecordingChannel):
        async def send(self, message):
            await super().send(message)
            raise RuntimeError("a mistake")

    channel = Broken()
    async with working(db, a=channel, b=RecordingChannel()) as worker:
        await put(db, worker, notice(channels=("a", "b")))
        await until(_when(lambda: len(channel.attempts) > 4))

        async def told():
            return (await db.read(states)).get("n/b") == "sent"

        await until(told)


async def test_an_outcome_that_cannot_be_put_on_record_ends_nothing(db, monkeypatch):
    finish = attempts.finish

    def finishing(conn, message, *args, **more):
        if message.key == "bad/a":
            raise RuntimeError("a mistake")
        return finish(conn, message, *args, **more)

    monkeypatch.setattr(attempts, "finish", finishing)
    channel = RecordingChannel()
    async with working(db, a=channel) as worker:
        await put(db, worker, notice("bad"))
        await until(_when(lambda: channel.attempts))
        await put(db, worker, notice("good"))
        await until(all_are(db, "sending", "sent"))


async def test_what_is_held_stays_until_it_is_released(db):
    channel = RecordingChannel()
    async with working(db, a=channel) as worker:
        await put(db, worker, notice(held="recovered"), notice("m"))
        await until(all_are(db, "sent", "held"))
        assert await db.read(states) == {"m/a": "sent", "n/a": "held"}
        assert list(channel.delivered) == ["m/a"]
        await db.write(lambda conn: box.release(conn, ["n/a"], now_ms=SystemClock().now_ms()))
        worker.wake()
        await until(all_are(db, "sent"))


async def test_a_store_that_is_away_for_a_while_loses_no_outcome(db, monkeypatch):
    monkeypatch.setattr("hub.notify.worker.STORE_PAUSE_S", 0.01)
    channel, real, failing = RecordingChannel(), db.write, [3]

    async def write(fn, *, urgent=False):
        if channel.attempts and failing[0]:
            failing[0] -= 1
            raise StoreUnavailableError("disk full")
        return await real(fn, urgent=urgent)

    monkeypatch.setattr(db, "write", write)
    async with working(db, a=channel) as worker:
        await real(lambda conn: enqueue(conn, notice(), now_ms=SystemClock().now_ms()))
        worker.wake()
        await until(all_are(db, "sent"))
    assert len(channel.attempts) == 1
    assert failing == [0]


async def test_the_bus_hears_what_became_of_it(db):
    bus = Bus()
    async with bus.subscribe() as updates, working(db, bus=bus, a=RecordingChannel()) as worker:
        await put(db, worker, notice())
        async with asyncio.timeout(5):
            update = await anext(updates)
    assert (update.topic, update.subject, update.data["state"]) == ("notice", "n/a", "sent")


def _when(value):
    async def check():
        return bool(value())

    return check
