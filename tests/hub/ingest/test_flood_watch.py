"""A gateway beyond its quota: told to hold, an alarm where it goes on, and all over when it is quiet."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from contract import codec
from contract.messages import Receipt
from contract.topics import topic
from hub.alarms.tables import alarms
from hub.db import Database
from hub.ingest.answers import Answers
from hub.ingest.flood_watch import FloodWatch
from hub.ingest.quota import PERSISTS_MS, QUIET_MS, Quotas, Rates
from tests.hub.ingest.frames import GATEWAY, GATEWAYS, NOW_MS

PRESSES, SAMPLES = topic(3, GATEWAY, "up/panic"), topic(3, GATEWAY, "up/telemetry")


class Floods:
    """A watch with a clock that the test sets, and what it says."""

    def __init__(self, db: Database) -> None:
        self.at_ms = 0
        self.said: list[tuple[str, str]] = []
        self.quotas = Quotas(Rates(panic=8_000, telemetry=8_000))
        self.answers = Answers((1, 7), GATEWAYS, self, control=self._hear, telemetry=self._hear)
        self.db = db
        self.watch = FloodWatch(self.quotas, self.answers, GATEWAYS, db=db, clock=self)

    def now_ms(self) -> int:
        return NOW_MS + self.at_ms

    def mono_ms(self) -> int:
        return self.at_ms

    def _hear(self, where: str, payload: bytes, urgent: bool) -> None:
        receipt = codec.decode_receipt(payload)
        assert isinstance(receipt, Receipt)
        self.said.append((where, receipt.flow))

    async def look(self, at_ms: int) -> None:
        self.at_ms = at_ms
        await self.watch.look()

    def send(self, where: str, number: int = 1_000) -> None:
        for _ in range(number):
            self.quotas.admits(where, 100, self.at_ms)

    async def alarm(self) -> tuple[Any, ...] | None:
        query = select(alarms.c.gateway, alarms.c.state, alarms.c.severity).where(
            alarms.c.condition == "over_quota"
        )
        found = await self.db.read(lambda conn: conn.execute(query).one_or_none())
        return None if found is None else tuple(found)


@pytest.fixture
def floods(tmp_path) -> Iterator[Floods]:
    db = Database(f"sqlite:///{tmp_path}/hub.sqlite")
    db.open()
    yield Floods(db)
    db.close()


async def test_who_floods_for_ten_seconds_is_an_alarm_that_ends_a_minute_after_the_flood(floods):
    floods.send(PRESSES)
    await floods.look(0)
    assert await floods.alarm() is None, "a moment is nobody's alarm"
    assert floods.watch.by_gateway() == {GATEWAY: [{"lane": "panic", "refused": 920, "for_ms": 0}]}
    floods.at_ms = PERSISTS_MS
    floods.send(PRESSES)
    await floods.look(PERSISTS_MS)
    assert await floods.alarm() == (GATEWAY, "unacknowledged", 2)
    await floods.look(PERSISTS_MS + QUIET_MS)
    assert await floods.alarm() == (GATEWAY, "returned", 2)
    assert floods.watch.by_gateway() == {}


async def test_an_alarm_of_before_the_hub_s_restart_ends_too(floods):
    floods.send(PRESSES)
    floods.at_ms = PERSISTS_MS
    floods.send(PRESSES)
    await floods.look(PERSISTS_MS)
    again = Floods(floods.db)
    await again.look(0)
    assert await floods.alarm() == (GATEWAY, "returned", 2)


async def test_one_gateway_is_told_to_hold_and_to_go_on_and_no_other_is_told_anything(floods):
    floods.answers.hold(GATEWAY)
    floods.answers.hold(GATEWAY)
    floods.answers.hold("gw-tidak-ada")
    down = topic(3, GATEWAY, "down/receipt")
    assert floods.said == [(down, "hold")]
    assert floods.answers.flow == "open"

    floods.send(SAMPLES, 80)
    await floods.look(0)
    assert floods.said == [(down, "hold")]
    await floods.look(5_000)
    assert floods.said == [(down, "hold"), (down, "open")]
    await floods.look(6_000)
    assert len(floods.said) == 2


async def test_a_gateway_that_holds_for_its_own_sake_still_holds_when_all_others_may_go_on(floods):
    floods.answers.hold(GATEWAY)
    floods.said.clear()
    floods.answers.set_flow("open")
    assert dict(floods.said)[topic(3, GATEWAY, "down/receipt")] == "hold"
    assert {flow for where, flow in floods.said if GATEWAY not in where} == {"open"}


async def test_a_gateway_whose_cell_the_profile_has_changed_ends_no_watch(floods):
    """It was told to hold for what it sent in the cell before; in its own there is nothing of it."""
    floods.answers.hold(GATEWAY)
    await floods.look(0)
    assert [flow for _, flow in floods.said] == ["hold", "open"]
