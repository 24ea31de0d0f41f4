"""A contact is asked once, answers by a link that nobody can guess, and only what is proven is on record."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from hub.api.tables import audit
from hub.errors import ConfigError
from hub.incidents.machine import TransitionError
from hub.notify import answers, asks, attempts, facts, words
from hub.notify.answers import LinkError, LinkOverError
from hub.notify.asks import AskError, plain_number
from hub.notify.channels.base import Answer
from hub.notify.links import Links
from hub.notify.outbox import FenceError, enqueue
from hub.notify.tables import asks as asked_rows
from hub.notify.tables import outbox
from tests.hub.city import NOW
from tests.hub.notify.asking import LINKS, Assignments, contact, put_incident, question
from tests.hub.notify.test_outbox import attempt, notice

OK = Answer("delivered")


@pytest.fixture
def asked(conn):
    """The first contact of an agency was asked, and its first channel has taken the notice."""
    put_incident(conn)
    assert asks.ask(conn, contact(), question(), now_ms=NOW)
    (message,) = attempt(conn, OK)
    return message


def offer(conn, message, now_ms=NOW):
    return answers.find(conn, LINKS, LINKS.token(message.link), now_ms=now_ms)


def proven(conn):
    return {
        key: {fact: one and one["at_ms"] for fact, one in found.items()}
        for key, found in facts.of(conn, "i1").items()
    }


def test_a_question_is_asked_once_of_each_contact(conn, asked):
    assert not asks.ask(conn, contact(), question(), now_ms=NOW + 1)
    assert asks.ask(conn, contact("budi", phone="0813"), question(), now_ms=NOW + 1)
    assert asks.ask(conn, contact(), question("agency/1/2"), now_ms=NOW + 1)
    assert conn.execute(select(outbox.c.key).order_by(outbox.c.key)).scalars().all() == [
        "ask/agency/1/1/budi/a",
        "ask/agency/1/1/sari/a",
        "ask/agency/1/2/sari/a",
    ]


def test_who_has_no_channel_is_not_asked_and_that_is_told(conn):
    put_incident(conn)
    assert not asks.ask(conn, contact(channels=()), question(), now_ms=NOW)
    assert conn.execute(select(asked_rows)).all() == []


def test_the_message_has_the_number_the_code_and_a_link_that_is_its_own(conn, asked):
    assert (asked.phone, len(asked.code), asked.key) == ("+6281210000001", 4, "ask/agency/1/1/sari/a")
    assert LINKS.url(asked.link).startswith("https://siaga.contoh.example/j/")
    assert offer(conn, asked).contact == "sari"


def test_a_fallback_channel_has_another_link_to_the_same_question(conn):
    put_incident(conn)
    asks.ask(conn, contact(), question(), now_ms=NOW)
    (first,) = attempt(conn, Answer("refused"))
    (second,) = attempt(conn, OK)
    assert (first.channel, second.channel) == ("a", "b")
    assert first.link != second.link
    assert first.code == second.code
    assert offer(conn, first).ask == offer(conn, second).ask


@pytest.mark.parametrize(
    "spoil", [lambda t: t[:-1], lambda t: t + "x", lambda t: "A" + t[1:], lambda t: "", lambda t: "é" * 28]
)
def test_a_link_that_the_hub_has_not_signed_opens_nothing(conn, asked, spoil):
    token = LINKS.token(asked.link)
    assert answers.find(conn, LINKS, token, now_ms=NOW).contact == "sari"
    with pytest.raises(LinkError):
        answers.find(conn, LINKS, spoil(token), now_ms=NOW)


def test_what_the_database_holds_is_not_enough_for_a_link(conn, asked):
    with pytest.raises(LinkError):
        answers.find(conn, Links("https://x", b"q" * 32), LINKS.token(asked.link), now_ms=NOW)
    with pytest.raises(ConfigError):
        Links("https://x", b"short")


@given(st.text(max_size=60))
def test_no_text_is_a_link(text):
    assert LINKS.read(text) is None


def test_sent_delivered_seen_and_acted_are_proven_one_by_one(conn, asked):
    key = asked.key
    assert proven(conn)[key] == {"sent": NOW, "delivered": None, "seen": None, "acted": None}
    answers.fetched(conn, offer(conn, asked), now_ms=NOW + 1)
    assert proven(conn)[key] == {"sent": NOW, "delivered": NOW + 1, "seen": None, "acted": None}
    answers.seen(conn, offer(conn, asked), now_ms=NOW + 2)
    assert proven(conn)[key] == {"sent": NOW, "delivered": NOW + 1, "seen": NOW + 2, "acted": None}
    answers.answer(conn, Assignments(), offer(conn, asked), "received", source="link", now_ms=NOW + 3)
    assert proven(conn)[key] == {"sent": NOW, "delivered": NOW + 1, "seen": NOW + 2, "acted": NOW + 3}
    answers.fetched(conn, offer(conn, asked), now_ms=NOW + 9)
    assert proven(conn)[key]["delivered"] == NOW + 1


def test_what_failed_proves_nothing(conn):
    put_incident(conn)
    asks.ask(conn, contact(), question(), now_ms=NOW)
    attempt(conn, Answer("failed", 500))
    assert set(proven(conn)["ask/agency/1/1/sari/a"].values()) == {None}


def test_a_receiver_that_has_it_proves_delivery_and_a_service_does_not(conn):
    put_incident(conn)
    asks.ask(conn, contact(), question(), now_ms=NOW)
    attempt(conn, Answer("delivered", 200, proves="delivered"))
    assert proven(conn)["ask/agency/1/1/sari/a"]["delivered"] == NOW


def test_each_answer_counts_once_and_is_in_the_trail(conn, asked):
    there = Assignments()
    assert answers.answer(conn, there, offer(conn, asked), "received", source="link", now_ms=NOW)
    assert not answers.answer(conn, there, offer(conn, asked), "received", source="link", now_ms=NOW + 1)
    assert answers.answer(conn, there, offer(conn, asked), "on_scene", source="sms", now_ms=NOW + 2)
    assert [one["word"] for one in there.said] == ["received", "on_scene"]
    assert there.said[0]["assignment"] == "i1-1"
    assert offer(conn, asked).answered == {"received": NOW, "on_scene": NOW + 2}
    assert (
        conn.execute(select(audit.c.actor, audit.c.action)).all()
        == [("contact:sari", "assignment.answer")] * 2
    )
    (shown,) = answers.of_incident(conn, "i1")
    assert [(one["word"], one["source"]) for one in shown["answers"]] == [
        ("received", "link"),
        ("on_scene", "sms"),
    ]


@pytest.mark.parametrize("last", ["done", "cannot"])
def test_after_the_last_word_there_is_nothing_more_to_say(conn, asked, last):
    there = Assignments()
    answers.answer(conn, there, offer(conn, asked), last, source="link", now_ms=NOW)
    assert offer(conn, asked).over == "ended"
    with pytest.raises(LinkOverError):
        answers.answer(conn, there, offer(conn, asked), "received", source="link", now_ms=NOW + 1)
    assert not answers.answer(conn, there, offer(conn, asked), last, source="link", now_ms=NOW + 1)


def test_a_link_ends_with_its_assignment_and_with_its_time(conn, asked):
    assert offer(conn, asked).over == ""
    assert offer(conn, asked, NOW + asks.VALID_MS).over == "expired"
    assert asks.close(conn, assignment="other", now_ms=NOW) == 0
    assert asks.close(conn, assignment="i1-1", now_ms=NOW) == 1
    assert asks.close(conn, assignment="i1-1", now_ms=NOW) == 0
    with pytest.raises(LinkOverError):
        answers.answer(conn, Assignments(), offer(conn, asked), "received", source="link", now_ms=NOW)


def test_what_the_assignment_refuses_leaves_no_answer(conn, asked):
    with pytest.raises(TransitionError):
        answers.answer(conn, Assignments({"done"}), offer(conn, asked), "done", source="link", now_ms=NOW)
    assert offer(conn, asked).answered == {}
    assert proven(conn)[asked.key]["acted"] is None


@pytest.mark.parametrize(
    ("text", "word", "code"),
    [
        ("YA 4821", "received", "4821"),
        ("4821 siap, regu 2 berangkat", None, "4821"),
        ("otw 4821", "on_the_way", "4821"),
        ("Tiba  di lokasi. 4821", "on_scene", "4821"),
        ("SELESAI#4821", "done", "4821"),
        ("tidak 4821 mobil rusak", "cannot", "4821"),
        ("86 4821", "received", "4821"),
        ("YA", "received", None),
        ("4821", None, "4821"),
        ("YA 4821 4822", "received", None),
        ("YA 14821", "received", None),
        ("ya ya 4821", "received", "4821"),
        ("", None, None),
        ("PROMO 50% hub 081234567890", None, None),
    ],
)
def test_what_a_text_means(text, word, code):
    found = words.read(text)
    assert (found.word, found.code) == (word, code)


def test_what_is_around_the_words_is_the_note():
    assert words.read("tidak 4821 mobil rusak").note == "mobil rusak"


@given(st.text(max_size=200))
def test_any_text_is_read(text):
    found = words.read(text)
    assert found.word is None or found.word in words.WORDS
    assert found.code is None or (len(found.code) == 4 and found.code in text)


@pytest.mark.parametrize("phone", ["0812-3456 789", "+62 812 3456789", "62812.3456.789", "0062 812 3456789"])
def test_a_number_is_one_however_it_is_written(phone):
    assert plain_number(phone) == "+628123456789"


@pytest.mark.parametrize("phone", ["INFO", "123", "", "+6281", "٠٨١٢"])
def test_what_is_no_such_number_becomes_none(phone):
    assert plain_number(phone) != "+628123456789"


def test_a_drill_asks_exercise_contacts_and_in_earnest_only_real_ones(conn):
    put_incident(conn, "i1")
    put_incident(conn, "l1", drill="d1")
    stand_in = contact("latihan", exercise=True, channels=("latihan-a",))
    drill = question(incident_id="l1", drill="d1")
    for wrong in ((contact(), drill), (stand_in, question())):
        with pytest.raises(AskError):
            asks.ask(conn, *wrong, now_ms=NOW)
    # A contact whose mark was forgotten, a drill whose id was forgotten, a channel of the other side.
    for wrong in (
        (contact(exercise=True), drill),
        (contact("latihan", channels=("latihan-a",)), question()),
        (contact(), question(incident_id="l1")),
        (stand_in, question(drill="d1")),
    ):
        with pytest.raises(FenceError), conn.begin_nested():
            asks.ask(conn, *wrong, now_ms=NOW)
    assert conn.execute(select(outbox)).all() == []
    assert asks.ask(conn, stand_in, drill, now_ms=NOW)


def test_each_worker_takes_the_rows_of_its_side_and_marks_them(conn):
    put_incident(conn, "l1", drill="d1")
    asks.ask(
        conn,
        contact("latihan", exercise=True, channels=("latihan-a",)),
        question(incident_id="l1", drill="d1"),
        now_ms=NOW,
    )
    enqueue(conn, notice(), now_ms=NOW)
    free = lambda lane: 10  # noqa: E731
    (real,) = attempts.take(conn, free, now_ms=NOW).messages
    assert (real.key, real.title) == ("n/a", "t")
    assert attempts.recover(conn, now_ms=NOW, exercise=True) == 0
    (drill,) = attempts.take(conn, free, now_ms=NOW, exercise=True).messages
    assert drill.title == "LATIHAN / EXERCISE: Insiden 12: RSUD Contoh"
    assert drill.text.startswith("INI LATIHAN")
    assert attempts.recover(conn, now_ms=NOW, exercise=True) == 1
