"""Which presses a gateway is told to be acknowledged, and when."""

import asyncio

import pytest
from sqlalchemy import select

import hub.tables  # noqa: F401
from hub.bus import Bus
from hub.errors import StoreUnavailableError
from hub.incidents import actions
from hub.incidents.service import Incidents
from hub.incidents.tables import incidents
from hub.incidents.timeline import Actor
from hub.ingest import answered as module
from hub.ingest.answered import SHOWN_MS, Answered, answered
from tests.hub.city import NOW, REGION, press

SITI = Actor("siti", "console")
FIRST, SECOND, OTHER = "1" * 32, "2" * 32, "3" * 32


class Clock:
    def now_ms(self):
        return NOW + 2000

    def mono_ms(self):
        return 1


def opened(conn, event):
    Incidents(REGION).panic(conn, event)
    return conn.execute(select(incidents.c.id).order_by(incidents.c.number.desc())).scalars().first()


def acknowledged(conn, incident, at_ms=NOW + 1000):
    actions.acknowledge(conn, incident, actor=SITI, now_ms=at_ms)


async def test_presses_are_answered_once_a_person_has_seen_them(database):
    def work(conn):
        one = opened(conn, press(event_id=FIRST))
        opened(conn, press(gateway="gw-pasar", event_id=OTHER))
        before = answered(conn, since_ms=NOW - SHOWN_MS)
        acknowledged(conn, one)
        return one, before, answered(conn, since_ms=NOW - SHOWN_MS)

    one, before, after = await database.write(work)
    assert before == {}
    assert after == {"gw-rs-1": [FIRST]}

    def later(conn):
        opened(conn, press(event_id=SECOND, at=NOW + 5000))
        joined = answered(conn, since_ms=NOW - SHOWN_MS, incident=one)
        acknowledged(conn, one, NOW + 6000)
        both = answered(conn, since_ms=NOW - SHOWN_MS, incident=one)
        return joined, both, answered(conn, since_ms=NOW + 1), answered(conn, since_ms=NOW, incident="other")

    joined, both, late, foreign = await database.write(later)
    assert joined == {"gw-rs-1": [FIRST]}, "the second press came after the acknowledgement"
    assert both == {"gw-rs-1": [SECOND, FIRST]}
    assert late == {"gw-rs-1": [SECOND]}, "no lamp shows the first one any more"
    assert foreign == {}


async def test_an_id_that_the_hub_made_itself_is_not_said(database):
    def work(conn):
        acknowledged(conn, opened(conn, press(event_id="raw-17")))
        return answered(conn, since_ms=0)

    assert await database.write(work) == {}


async def test_it_is_said_at_once_and_again_for_who_was_away(database, monkeypatch):
    monkeypatch.setattr(module, "AGAIN_S", 0.2)
    bus, said = Bus(), asyncio.Queue()
    one = await database.write(lambda conn: opened(conn, press(event_id=FIRST)))
    telling = asyncio.create_task(
        Answered(database, Clock(), bus, lambda *what: said.put_nowait(what)).run(), name="answered"
    )
    await asyncio.sleep(0.05)
    bus.publish("incident", one)
    await asyncio.sleep(0.3)
    assert said.empty(), "nobody has acknowledged it"
    await database.write(lambda conn: acknowledged(conn, one))
    bus.publish("incident", one)
    for _ in range(3):
        async with asyncio.timeout(5):
            assert await said.get() == ("gw-rs-1", [FIRST])
    telling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await telling


async def test_a_store_that_is_away_stops_nothing(database, monkeypatch, caplog):
    monkeypatch.setattr(module, "AGAIN_S", 0.05)
    one = await database.write(lambda conn: opened(conn, press(event_id=FIRST)))
    await database.write(lambda conn: acknowledged(conn, one))
    said, real, tries = asyncio.Queue(), database.read, 0

    async def read(fn):
        nonlocal tries
        tries += 1
        if tries == 1:
            raise StoreUnavailableError("gone")
        return await real(fn)

    monkeypatch.setattr(database, "read", read)
    telling = asyncio.create_task(
        Answered(database, Clock(), Bus(), lambda *what: said.put_nowait(what)).run(), name="answered"
    )
    async with asyncio.timeout(5):
        assert await said.get() == ("gw-rs-1", [FIRST])
    assert "answered_not_told" in caplog.text
    telling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await telling
