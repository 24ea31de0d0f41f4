"""What contacts answer, by whatever way, and what that proves. Each function is part of the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, Row, insert, select, update

from hub.api import audit as trail
from hub.errors import HubError
from hub.notify import facts
from hub.notify.links import Links
from hub.notify.tables import answers, asks, outbox
from hub.notify.words import LAST, Word


class LinkError(HubError, LookupError):
    """No such link: forged, cut short, or of a notice that is gone. Says no more, so that a guess learns nothing."""


class LinkOverError(HubError):
    """There is nothing to answer any more: the assignment is over, or the link's time is."""


class Answered(Protocol):
    """What an answer brings about: ``hub.incidents.assignments.answered``."""

    def __call__(
        self,
        conn: Connection,
        *,
        incident_id: str,
        assignment: str,
        agency: str,
        contact: str,
        word: Word,
        source: str,
        note: str,
        now_ms: int,
    ) -> bool:
        """Whether it was news.

        Raises:
            TransitionError: the assignment has no such way any more.
        """
        ...


@dataclass(frozen=True, slots=True)
class Offer:
    """What a contact is shown of a question.

    Attributes:
        answered: each word that was said, by anyone of the agency to this question, with its first time, ms UTC.
        over: why nothing can be answered: ``ended``, ``expired``; empty while something can.
        outbox_key: the notice whose link was opened.
    """

    ask: str
    outbox_key: str
    incident_id: str
    assignment: str
    agency: str
    contact: str
    name: str
    title: str
    text: str
    drill: str
    asked_ms: int
    expires_ms: int
    answered: Mapping[Word, int]
    over: str


def find(conn: Connection, links: Links, token: str, *, now_ms: int) -> Offer:
    """What a link asks.

    Raises:
        LinkError: there is no such link.
    """
    name = links.read(token)
    row = None if name is None else conn.execute(_LINKED.where(outbox.c.link == name)).one_or_none()
    if row is None:
        raise LinkError("no such link")
    return _offer(conn, row, now_ms)


def fetched(conn: Connection, offer: Offer, *, now_ms: int) -> None:
    """Something has fetched the link: it has arrived. Chat services do so for a preview, so no person is proven."""
    facts.note(conn, offer.outbox_key, "delivered", "link fetched", now_ms=now_ms)


def seen(conn: Connection, offer: Offer, *, now_ms: int) -> None:
    """The page has stood open before somebody."""
    fetched(conn, offer, now_ms=now_ms)
    facts.note(conn, offer.outbox_key, "seen", "page opened", now_ms=now_ms)


def answer(
    conn: Connection,
    answered: Answered,
    offer: Offer,
    word: Word,
    *,
    source: str,
    now_ms: int,
    note: str = "",
) -> bool:
    """A contact has answered; False where the same had been said before, which changes nothing.

    Args:
        source: ``link``, ``sms``, ``chat``.

    Raises:
        LinkOverError: nothing can be answered any more.
        TransitionError: the assignment has no such way.
    """
    if offer.over and word not in offer.answered:
        raise LinkOverError(f"the question is {offer.over}")
    if word in offer.answered:
        return False
    news = answered(
        conn,
        incident_id=offer.incident_id,
        assignment=offer.assignment,
        agency=offer.agency,
        contact=offer.contact,
        word=word,
        source=source,
        note=note,
        now_ms=now_ms,
    )
    conn.execute(
        insert(answers).values(
            ask=offer.ask,
            outbox_key=offer.outbox_key,
            word=word,
            source=source,
            note=note,
            at_ms=now_ms,
            news=news,
        )
    )
    for fact in ("delivered", "seen", "acted"):
        facts.note(conn, offer.outbox_key, fact, f"answered by {source}", now_ms=now_ms)
    if word in LAST:
        conn.execute(update(asks).where(asks.c.id == offer.ask).values(ended_ms=now_ms))
    trail.record(
        conn,
        f"contact:{offer.contact}",
        "assignment.answer",
        offer.incident_id,
        {"assignment": offer.assignment, "word": word, "source": source, "news": news, "note": note},
        now_ms=now_ms,
    )
    return news


def by_code(conn: Connection, phone: str, code: str, *, now_ms: int) -> Offer | None:
    """The question that a code means to a telephone; None where it means none. The newest, should there be two."""
    query = _LINKED.where(asks.c.phone == phone, asks.c.code == code).order_by(
        asks.c.asked_ms.desc(), outbox.c.key
    )
    row = conn.execute(query.limit(1)).one_or_none()
    return None if row is None else _offer(conn, row, now_ms)


def of_incident(conn: Connection, incident_id: str) -> list[dict[str, Any]]:
    """Every question of an incident with its answers, oldest first, for pages and reports."""
    rows = conn.execute(
        select(asks).where(asks.c.incident_id == incident_id).order_by(asks.c.asked_ms, asks.c.id)
    ).all()
    return [_shown(row, _answers_of(conn, row.id)) for row in rows]


def _shown(row: Row[Any], said: Sequence[Row[Any]]) -> dict[str, Any]:
    return {
        "ask": row.id,
        "contact": row.contact,
        "name": row.name,
        "agency": row.agency,
        "assignment": row.assignment,
        "asked_ms": row.asked_ms,
        "ended_ms": row.ended_ms,
        "answers": [
            {"word": one.word, "source": one.source, "note": one.note, "at_ms": one.at_ms} for one in said
        ],
    }


_LINKED = select(
    asks, outbox.c.key.label("outbox_key"), outbox.c.title.label("title"), outbox.c.text.label("text")
).join(outbox, outbox.c.ask == asks.c.id)


def _offer(conn: Connection, row: Row[Any], now_ms: int) -> Offer:
    said: dict[Word, int] = {}
    for one in _answers_of(conn, row.id):
        said.setdefault(one.word, one.at_ms)
    over = "ended" if row.ended_ms is not None else "expired" if row.expires_ms <= now_ms else ""
    return Offer(
        ask=row.id,
        outbox_key=row.outbox_key,
        incident_id=row.incident_id,
        assignment=row.assignment,
        agency=row.agency,
        contact=row.contact,
        name=row.name,
        title=row.title,
        text=row.text,
        drill=row.drill,
        asked_ms=row.asked_ms,
        expires_ms=row.expires_ms,
        answered=said,
        over=over,
    )


def _answers_of(conn: Connection, ask: str) -> Sequence[Row[Any]]:
    return conn.execute(select(answers).where(answers.c.ask == ask).order_by(answers.c.id)).all()
