"""What the subscriber does with messages before and after their lane, without a broker."""

from random import Random

import pytest
from sqlalchemy import select

from contract.topics import topic
from hub.alarms import service as alarms
from hub.alarms.tables import alarms as rows
from hub.db import Database
from hub.fleet.liveness import Liveness
from hub.ingest import subscriber as module
from hub.ingest.accept import Dead
from hub.ingest.broker import Address
from hub.ingest.pipeline import Pipeline
from hub.ingest.quota import Quotas, Rates
from hub.ingest.subscriber import Subscriber
from tests.hub.ingest.frames import GATEWAY, GATEWAYS, NOW_MS

NOWHERE = Address("127.0.0.1", 1, "", "", "")


class Time:
    """A clock that tests set."""

    at_ms = NOW_MS

    def now_ms(self) -> int:
        return self.at_ms

    def mono_ms(self) -> int:
        return self.at_ms - NOW_MS


class Lanes:
    """What the subscriber needs of the lanes behind it to judge the flow."""

    flow = "open"

    def __init__(self) -> None:
        self.told: list[str] = []

    def set_flow(self, flow: str) -> None:
        self.flow = flow
        self.told.append(flow)


@pytest.fixture
def subscriber(tmp_path):
    db = Database(f"sqlite:///{tmp_path}/hub.sqlite")
    db.open()
    clock = Time()
    made = Subscriber(
        control_address=NOWHERE,
        telemetry_address=NOWHERE,
        db=db,
        clock=clock,
        gateways=GATEWAYS,
        liveness=Liveness([]),
        pipeline=Pipeline(clock),
        quotas=Quotas(Rates()),
        random=Random(1),
    )
    lanes = Lanes()
    made.feed(None, lanes, lanes)
    yield made, db, clock, lanes
    db.close()


async def test_an_unreadable_press_asks_anew_after_a_pause_and_not_at_each_try(subscriber):
    made, db, clock, _ = subscriber

    async def came(minutes: int) -> str:
        clock.at_ms = NOW_MS + minutes * 60_000
        dead = Dead("json", "so", GATEWAY, topic(3, GATEWAY, "up/panic"), b"%d" % minutes)
        await db.write(made._keeping([dead], prune=False))
        return str(await db.read(lambda conn: conn.execute(select(rows.c.state)).scalar_one()))

    assert await came(0) == "unacknowledged"
    await db.write(lambda conn: alarms.acknowledge(conn, 1, actor="ani", now_ms=clock.at_ms))
    assert await came(1) == "normal", "the gateway tries the same one again"
    assert await came(2) == "normal"
    assert await came(60) == "unacknowledged", "seen once is not seen for ever"


def test_samples_of_one_gateway_that_floods_are_dropped_and_hold_nobody_up(subscriber, monkeypatch):
    monkeypatch.setattr(module, "SAMPLE_BYTES_LEAST", 1)
    made, _, _, lanes = subscriber
    payload = b"x" * 50_000
    for _ in range(200):
        made._on_sample("siaga/1/03/rsud-01/up/telemetry", payload, False)
    made._on_sample("siaga/1/07/pos-07/up/telemetry", payload, False)
    assert made._pipeline.counts["dropped.telemetry"] == 120
    assert (len(made._sample_frames), lanes.told) == (81, [])
    made._sample_frames.get_nowait()
    assert made._sample_frames.get_nowait()[0] == "siaga/1/07/pos-07/up/telemetry"


def test_samples_of_all_that_are_more_than_fit_put_all_on_hold(subscriber):
    made, _, _, lanes = subscriber
    for at in range(1200):
        made._on_sample(f"siaga/1/07/pos-{at % 10}/up/telemetry", b"x", False)
    assert lanes.told == ["hold"]
    assert len(made._sample_frames) == 1000
