"""What networks report of a text: it alone proves delivered, and a text that never arrives is told elsewhere."""

import json

import pytest
from sqlalchemy import select

from hub.alarms.reads import active
from hub.clock import SystemClock
from hub.notify import facts
from hub.notify.channels.by_sms import SmsChannel
from hub.notify.channels.recording import RecordingChannel
from hub.notify.sms.fates import WAIT_MS, FateReader, awaited
from hub.notify.sms.gammu_sql import GammuSql
from hub.notify.sms.gateway import Fate, Reporting, SmsUnavailableError
from hub.notify.sms.http_provider import HttpProvider
from hub.notify.tables import deliveries
from hub.outbound import Outbound
from tests.hub.notify.receiver import receiving
from tests.hub.notify.smsd_tables import Smsd
from tests.hub.notify.test_outbox import notice
from tests.hub.notify.test_worker import all_are, put, until, working


@pytest.fixture
def smsd(tmp_path):
    found = Smsd(f"sqlite:///{tmp_path}/smsd.db")
    yield found
    found.engine.dispose()


@pytest.fixture
def gateway(tmp_path, smsd):
    return GammuSql(f"sqlite:///{tmp_path}/smsd.db")


async def sent(db, gateway):
    async with working(db, sms=SmsChannel(gateway)) as worker:
        await put(db, worker, notice(channels=("sms", "b"), phone="+6281210000001"))
        await until(all_are(db, "sent"))


async def looked(db, gateway, woken=None):
    wake = (lambda: None) if woken is None else (lambda: woken.append(1))
    await FateReader({"sms": gateway}, db, SystemClock(), wake=wake).look()


async def proven(db):
    found = await db.read(lambda conn: facts.of_notice(conn, "n/sms"))
    return {fact: one["how"] for fact, one in found.items() if one is not None}


async def test_a_text_is_delivered_when_the_network_says_so_and_not_before(db, gateway, smsd):
    await sent(db, gateway)
    assert await proven(db) == {"sent": "sms: taken"}
    for status in ("SendingOK", "DeliveryPending"):
        if smsd.parts():
            smsd.sends(status)
        smsd.reports(status)
        await looked(db, gateway)
        assert await proven(db) == {"sent": "sms: taken"}
    smsd.reports("DeliveryOK")
    await looked(db, gateway)
    assert await proven(db) == {"sent": "sms: taken", "delivered": "sms: DeliveryOK"}
    # It is asked of no more, and what is proven stays.
    assert await db.read(lambda conn: awaited(conn, "sms", now_ms=SystemClock().now_ms())) == {}
    smsd.reports("DeliveryFailed")
    await looked(db, gateway)
    assert await proven(db) == {"sent": "sms: taken", "delivered": "sms: DeliveryOK"}


async def test_a_text_that_never_arrives_is_told_by_the_next_channel_once_and_is_an_alarm(db, gateway, smsd):
    await sent(db, gateway)
    smsd.sends("SendingError")
    woken = []
    for _ in range(3):
        await looked(db, gateway, woken)
    assert woken == [1]
    assert await proven(db) == {"sent": "sms: taken"}
    other = RecordingChannel()
    async with working(db, b=other) as worker:
        worker.wake()
        await until(all_are(db, "sent"))
    assert list(other.delivered) == ["n/b"]
    detail = select(deliveries.c.detail).where(deliveries.c.outbox_key == "n/sms")
    assert await db.read(lambda conn: conn.execute(detail).scalars().all()) == ["not delivered: SendingError"]
    raised = await db.read(active)
    assert [(one["condition"], one["device"]) for one in raised] == [("notice_given_up", "sms")]


async def test_a_report_is_waited_for_two_days_and_one_of_another_channel_not_at_all(db, gateway):
    await sent(db, gateway)
    now_ms = SystemClock().now_ms()
    assert len(await db.read(lambda conn: awaited(conn, "sms", now_ms=now_ms))) == 1
    assert await db.read(lambda conn: awaited(conn, "sms", now_ms=now_ms + WAIT_MS)) == {}
    assert await db.read(lambda conn: awaited(conn, "other", now_ms=now_ms)) == {}


async def test_a_gateway_that_is_away_is_told_once_and_asked_again(db, gateway, smsd, caplog, tmp_path):
    await sent(db, gateway)
    smsd.sends("DeliveryOK")
    reader = FateReader({"sms": gateway}, db, SystemClock(), wake=lambda: None)
    (tmp_path / "smsd.db").rename(tmp_path / "away")
    for _ in range(2):
        await reader.look()
    (tmp_path / "away").rename(tmp_path / "smsd.db")
    await reader.look()
    said = [one.getMessage().split()[0] for one in caplog.records if "sms_fates" in one.getMessage()]
    assert said[:1] == ["sms_fates_unread"]
    assert said.count("sms_fates_unread") == 1
    assert "delivered" in await proven(db)


async def test_a_provider_is_asked_for_what_it_was_given():
    async with receiving() as receiver:
        said = {"a": "delivered", "b": "failed", "c": "unknown", "d": 7}
        receiver.respond = lambda asked: (200, json.dumps({"fates": said}).encode())
        outbound = Outbound([], allow_private=[receiver.place])
        provider = HttpProvider(receiver.url, "t" * 16, outbound)
        assert isinstance(provider, Reporting)
        assert await provider.fates(["a", "b", "c", "d", "e"]) == {
            "a": Fate("delivered", "provider"),
            "b": Fate("failed", "provider"),
        }
        assert json.loads(receiver.received[0].body) == {"fates": ["a", "b", "c", "d", "e"]}
        receiver.respond = lambda asked: (200, b'{"fates": ["a"]}')
        assert await provider.fates(["a"]) == {}
        receiver.script.append(503)
        with pytest.raises(SmsUnavailableError):
            await provider.fates(["a"])
        await outbound.aclose()
