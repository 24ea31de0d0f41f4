"""Texts that come back: believed with the digits of a question from the number that was asked, once, and never else."""

import asyncio

import pytest
from sqlalchemy import select

from hub.bus import Bus
from hub.clock import SystemClock
from hub.db import Database
from hub.notify import answers, asks
from hub.notify.channels.base import Answer
from hub.notify.sms import inbox
from hub.notify.sms.gateway import Text
from hub.notify.sms.inbox import GUESSES, HOUR_MS, REPLIES, take
from hub.notify.sms.reader import SmsReader
from hub.notify.tables import asks as asks_rows
from hub.notify.tables import outbox, texts_received
from tests.hub.city import NOW
from tests.hub.notify.asking import Assignments, contact, put_incident, question
from tests.hub.notify.test_outbox import attempt
from tests.hub.notify.test_sms import gammu

FROM = "081210000001"


@pytest.fixture
def asked(conn):
    put_incident(conn)
    asks.ask(conn, contact(channels=("sms",)), question(), now_ms=NOW)
    (message,) = attempt(conn, Answer("delivered"))
    return message


def text(conn, said, there=None, *, sender=FROM, ref=None, now_ms=NOW, channel="sms"):
    its = Text(ref or f"{said}/{now_ms}", sender, said)
    return take(conn, there or Assignments(), channel, its, now_ms=now_ms).outcome


def replies(conn):
    return (
        conn.execute(select(outbox.c.text).where(outbox.c.kind == "reply").order_by(outbox.c.key))
        .scalars()
        .all()
    )


def test_a_word_and_the_digits_from_the_contacts_telephone_answer(conn, asked):
    there = Assignments()
    assert text(conn, f"tidak {asked.code} mobil rusak", there) == "answered"
    (said,) = there.said
    assert (said["word"], said["source"], said["note"], said["contact"]) == (
        "cannot",
        "sms",
        "mobil rusak",
        "sari",
    )
    assert replies(conn) == ["Siaga: Tidak bisa dicatat, terima kasih."]
    (row,) = conn.execute(select(outbox).where(outbox.c.kind == "reply")).all()
    assert (row.channel, row.phone) == ("sms", "+6281210000001")
    assert answers.of_incident(conn, "i1")[0]["answers"][0]["source"] == "sms"


def test_the_same_text_listed_again_does_nothing_more(conn, asked):
    there = Assignments()
    for _ in range(3):
        assert text(conn, f"YA {asked.code}", there, ref="m1") == "answered"
    assert len(there.said) == len(replies(conn)) == 1
    assert text(conn, f"YA {asked.code}", there, ref="m2") == "again"
    assert len(there.said) == 1


@pytest.mark.parametrize(
    ("said", "sender", "outcome"),
    [
        ("YA {code}", "081299999999", "stranger"),
        ("YA {code}", "INFO", "stranger"),
        ("YA {code}", "", "stranger"),
        ("YA", FROM, "not_understood"),
        ("{code}", FROM, "not_understood"),
        ("YA TIDAK {code}", FROM, "not_understood"),
        ("YA {other}", FROM, "unknown_code"),
    ],
)
def test_anything_else_decides_nothing(conn, asked, said, sender, outcome):
    there = Assignments()
    other = f"{(int(asked.code) + 1) % 10_000:04d}"
    assert text(conn, said.format(code=asked.code, other=other), there, sender=sender) == outcome
    assert there.said == []
    assert bool(replies(conn)) is (outcome != "stranger")


def test_a_number_that_guesses_is_not_heard_for_an_hour(conn, asked):
    there = Assignments()
    for n in range(GUESSES):
        assert (
            text(conn, f"YA {(int(asked.code) + 1 + n) % 10_000:04d}", there, ref=f"g{n}") == "unknown_code"
        )
    told = len(replies(conn))
    assert text(conn, f"YA {asked.code}", there, ref="right") == "ignored"
    assert (there.said, len(replies(conn))) == ([], told)
    assert text(conn, f"YA {asked.code}", there, ref="later", now_ms=NOW + HOUR_MS + 1) == "answered"


def test_what_is_over_or_refused_says_so(conn, asked):
    assert text(conn, f"SELESAI {asked.code}", Assignments({"done"})) == "refused"
    asks.close(conn, assignment="i1-1", now_ms=NOW)
    assert text(conn, f"YA {asked.code}") == "over"
    assert len(replies(conn)) == 2


def test_an_answer_by_a_modem_for_exercises_is_of_an_exercise_alone(conn, asked):
    there = Assignments()
    assert text(conn, f"YA {asked.code}", there, channel="latihan-sms") == "unknown_code"
    assert there.said == []
    assert replies(conn) == []


def test_every_reply_fits_into_one_text():
    assert all(len(reply.format(word="Menuju lokasi")) <= 160 for reply in REPLIES.values())


def test_who_hides_the_number_answers_for_nobody(conn):
    put_incident(conn)
    asks.ask(conn, contact(channels=("chat",), phone=""), question(), now_ms=NOW)
    (message,) = attempt(conn, Answer("delivered"))
    assert message.code == ""
    conn.execute(asks_rows.update().values(code="1234"))
    assert text(conn, "YA 1234", sender="") == "stranger"
    assert replies(conn) == []


@pytest.mark.parametrize("odd", ["\0", "\ud800"])
def test_a_text_with_what_no_store_takes_is_judged_like_another(conn, asked, odd):
    assert text(conn, f"YA {asked.code} {odd}", ref=f"m{odd}") == "answered"
    for _ in range(2):
        inbox.note(conn, "sms", Text(f"n{odd}", FROM, f"YA {odd}"), "untrusted", now_ms=NOW)
    stored = conn.execute(select(texts_received.c.text)).scalars().all()
    assert len(stored) == 2
    assert all(one.startswith("YA") and odd not in one for one in stored)


class Modem:
    """A gateway with these texts, which lets go of none that it does not know."""

    def __init__(self, *texts):
        self.texts = list(texts)

    async def send(self, number, text, *, key):
        raise AssertionError("no text is sent by it")

    async def received(self):
        return tuple(self.texts)

    async def let_go(self, ref):
        self.texts = [one for one in self.texts if one.ref != ref]


async def test_a_text_that_cannot_be_taken_keeps_no_other_from_it(tmp_path, monkeypatch):
    db = Database(f"sqlite:///{tmp_path}/hub.sqlite")
    db.open()

    def judging(conn, answered, channel, said, *, now_ms):
        if said.ref == "bad":
            raise RuntimeError("a mistake")
        return take(conn, answered, channel, said, now_ms=now_ms)

    monkeypatch.setattr(inbox, "take", judging)
    modem = Modem(Text("bad", FROM, "x"), Text("good", FROM, "x"))
    reader = SmsReader({"sms": modem}, db, SystemClock(), Bus(), answered=Assignments(), wake=lambda: None)
    await reader.look()
    assert [one.ref for one in modem.texts] == ["bad"]
    db.close()


async def test_a_gateway_that_hangs_holds_up_no_other(tmp_path):
    db = Database(f"sqlite:///{tmp_path}/hub.sqlite")
    db.open()
    let_go = asyncio.Event()

    class Stuck(Modem):
        async def received(self):
            await asyncio.Event().wait()

    class Watched(Modem):
        async def let_go(self, ref):
            let_go.set()

    modems = {"a": Stuck(), "b": Watched(Text("m1", FROM, "x"))}
    reader = SmsReader(modems, db, SystemClock(), Bus(), answered=Assignments(), wake=lambda: None)
    task = asyncio.create_task(reader.run())
    await asyncio.wait_for(let_go.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    db.close()


async def test_the_reader_lets_go_of_a_text_only_when_it_is_on_record(tmp_path, monkeypatch):
    db = Database(f"sqlite:///{tmp_path}/hub.sqlite")
    db.open()
    woken = []
    async with gammu(tmp_path) as modem:
        reader = SmsReader(
            {"sms": modem.gateway},
            db,
            SystemClock(),
            Bus(),
            answered=Assignments(),
            wake=lambda: woken.append(1),
        )
        modem.arrive(FROM, "YA 4821")
        with monkeypatch.context() as broken:
            broken.setattr(db, "write", _failing)
            await reader.look()
        assert len(await modem.gateway.received()) == 1
        await reader.look()
        assert await modem.gateway.received() == []
        assert await db.read(lambda conn: conn.execute(select(texts_received.c.outcome)).scalars().all()) == [
            "stranger"
        ]
        assert woken == [1]
        modem.go_away()
        await reader.look()
        await reader.look()
    db.close()


async def _failing(fn, *, urgent=False):
    raise RuntimeError("disk")
