"""A text that came in, in SQL: what it means, what it does, and what is texted back. Part of the caller's transaction.

A sender's number can be forged, and texts come twice, late and from anybody. So a text decides something only with the
four digits of a question that was put to that very number; each is judged once by the gateway's name of it; nobody gets
a reply whom the hub has not asked something; and a number that guesses is not heard for an hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, Row, func, insert, select

from hub.incidents.machine import IncidentError
from hub.notify import answers, words
from hub.notify.answers import Answered, LinkOverError, Offer
from hub.notify.asks import plain_number
from hub.notify.fence import is_exercise
from hub.notify.outbox import Notice, enqueue
from hub.notify.policy import Priority
from hub.notify.sms.gateway import Text
from hub.notify.tables import asks, texts_received
from hub.notify.words import LABELS
from hub.storable import storable

Outcome = Literal[
    "answered",
    "again",
    "not_understood",
    "unknown_code",
    "over",
    "refused",
    "stranger",
    "ignored",
    "press",
    "untrusted",
]

GUESSES = 5
"""Texts of a number with a wrong code, or none, in an hour; after them none is heard."""

HOUR_MS = 3_600_000

REPLIES: dict[Outcome, str] = {
    "answered": "Siaga: {word} dicatat, terima kasih.",
    "again": "Siaga: {word} sudah dicatat.",
    "not_understood": "Siaga: balas YA, OTW, TIBA, SELESAI atau TIDAK dengan 4 angka dari pesan, mis. YA 1234.",
    "unknown_code": "Siaga: kode tidak dikenal. Lihat 4 angka pada pesan, atau telepon ruang kendali.",
    "over": "Siaga: tugas ini sudah berakhir. Telepon ruang kendali bila perlu.",
    "refused": "Siaga: tidak dapat dicatat. Telepon ruang kendali.",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a text; of one that was judged before, the outcome that it had."""

    outcome: Outcome
    incident_id: str | None = None


def take(conn: Connection, answered: Answered, channel: str, text: Text, *, now_ms: int) -> Taken:
    """Judge a text, once. Wake the notify worker after the commit: there may be a reply."""
    text = _plain(text)
    known = _known(conn, channel, text)
    if known is not None:
        return Taken(known)
    number = plain_number(text.sender)
    said = words.read(text.text)
    # A sender who hides the number is nobody, and not each contact that has none.
    theirs = (asks.c.phone == number, asks.c.phone != "")
    newest = conn.execute(select(asks).where(*theirs).order_by(asks.c.asked_ms.desc()).limit(1)).one_or_none()
    offer = None
    if said.code is not None and newest is not None:
        offer = answers.by_code(conn, number, said.code, now_ms=now_ms)
    if offer is not None and bool(offer.drill) != is_exercise(channel):
        offer = None
    outcome = _judge(conn, answered, number, said, offer=offer, newest=newest, now_ms=now_ms)
    _put(conn, channel, text, outcome, now_ms=now_ms, ask=offer.ask if offer is not None else None)
    about = offer.incident_id if offer is not None else newest.incident_id if newest is not None else None
    if outcome in REPLIES and newest is not None and bool(newest.drill) == is_exercise(channel):
        word = LABELS[said.word][0] if said.word is not None else ""
        reply = REPLIES[outcome].format(word=word)
        _reply(conn, channel, text.ref, number, newest, reply=reply, now_ms=now_ms)
    return Taken(outcome, about)


def note(conn: Connection, channel: str, text: Text, outcome: Outcome, *, now_ms: int) -> None:
    """Put a text on record that was judged elsewhere, once."""
    text = _plain(text)
    if _known(conn, channel, text) is None:
        _put(conn, channel, text, outcome, now_ms=now_ms)


def _plain(text: Text) -> Text:
    return Text(storable(text.ref), storable(text.sender), storable(text.text))


def _known(conn: Connection, channel: str, text: Text) -> Outcome | None:
    query = select(texts_received.c.outcome).where(
        texts_received.c.channel == channel, texts_received.c.ref == text.ref
    )
    found: Outcome | None = conn.execute(query).scalar()
    return found


def _put(
    conn: Connection, channel: str, text: Text, outcome: Outcome, *, now_ms: int, ask: str | None = None
) -> None:
    row = {"ref": text.ref, "sender": plain_number(text.sender), "text": text.text}
    conn.execute(
        insert(texts_received).values(channel=channel, received_ms=now_ms, outcome=outcome, ask=ask, **row)
    )


def _judge(
    conn: Connection,
    answered: Answered,
    number: str,
    said: words.Reply,
    *,
    offer: Offer | None,
    newest: Row[tuple[object, ...]] | None,
    now_ms: int,
) -> Outcome:
    if newest is None:
        return "stranger"
    if _guesses(conn, number, now_ms) >= GUESSES:
        return "ignored"
    if said.word is None or said.code is None:
        return "not_understood"
    if offer is None:
        return "unknown_code"
    try:
        news = answers.answer(conn, answered, offer, said.word, source="sms", now_ms=now_ms, note=said.note)
    except LinkOverError:
        return "over"
    except IncidentError:
        return "refused"
    return "answered" if news else "again"


def _guesses(conn: Connection, number: str, now_ms: int) -> int:
    return conn.execute(
        select(func.count())
        .select_from(texts_received)
        .where(
            texts_received.c.sender == number,
            texts_received.c.received_ms > now_ms - HOUR_MS,
            texts_received.c.outcome.in_(("not_understood", "unknown_code")),
        )
    ).scalar_one()


def _reply(
    conn: Connection,
    channel: str,
    ref: str,
    number: str,
    newest: Row[tuple[object, ...]],
    *,
    reply: str,
    now_ms: int,
) -> None:
    its = newest._mapping
    enqueue(
        conn,
        Notice(
            key=f"reply/{channel}/{ref}",
            desk=its["agency"],
            channels=(channel,),
            kind="reply",
            subject=its["incident_id"],
            title=reply,
            text=reply,
            priority=Priority.LOW,
            incident_id=its["incident_id"],
            phone=number,
            drill=its["drill"],
        ),
        now_ms=now_ms,
    )
