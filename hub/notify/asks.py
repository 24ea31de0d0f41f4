"""Questions to contacts: a notice that a person is to answer, on the channels of that person, in their order."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, insert, select, update

from hub.agencies.directory import Contact
from hub.errors import HubError
from hub.notify.outbox import Notice, enqueue
from hub.notify.policy import Priority
from hub.notify.tables import asks

VALID_MS = 24 * 3_600_000
"""A question that nobody has answered after a day is no question any more; escalations are over long before."""

CODES = 10_000


class AskError(HubError):
    """The contact may not be asked this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a contact is asked.

    Attributes:
        key: of who asks, unique for all time: the same question to the same contact is asked once.
        assignment: the agency's part that an answer is about; None where there is nothing to answer.
        kind: ``dispatch``, ``escalation``, … for receivers to sort by.
        drill: id of the drill, which exercise contacts alone are asked; empty: in earnest.
    """

    key: str
    incident_id: str
    assignment: str | None
    kind: str
    title: str
    text: str
    priority: Priority
    data: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)
    drill: str = ""


def ask(conn: Connection, contact: Contact, question: Question, *, now_ms: int) -> bool:
    """Ask a contact, once; False where this was asked before or the contact has no channel. Wake the worker after
    the commit.

    Raises:
        AskError: a real contact for a drill, or one for exercises in earnest. Nothing is written.
    """
    if contact.exercise != bool(question.drill):
        raise AskError(
            f"contact {contact.id} is {'for exercises' if contact.exercise else 'real'}, and the question is of "
            f"{question.drill or 'no drill'}"
        )
    phone = plain_number(contact.phone)
    same = (asks.c.key == question.key, asks.c.contact == contact.id)
    if not contact.channels or conn.execute(select(asks.c.id).where(*same)).first() is not None:
        return False
    ask_id = hashlib.sha256(json.dumps([question.key, contact.id]).encode()).hexdigest()[:16]
    conn.execute(
        insert(asks).values(
            id=ask_id,
            key=question.key,
            contact=contact.id,
            name=contact.name,
            agency=contact.agency,
            incident_id=question.incident_id,
            assignment=question.assignment,
            phone=phone,
            # What comes from no number answers nothing, so there is nothing to say.
            code=_code(conn, phone, now_ms) if question.assignment and phone else "",
            drill=question.drill,
            asked_ms=now_ms,
            expires_ms=now_ms + VALID_MS,
        )
    )
    enqueue(
        conn,
        Notice(
            key=f"ask/{question.key}/{contact.id}",
            desk=contact.agency,
            channels=contact.channels,
            kind=question.kind,
            subject=question.incident_id,
            title=question.title,
            text=question.text,
            priority=question.priority,
            data={**question.data, "contact": contact.id, "assignment": question.assignment},
            incident_id=question.incident_id,
            ask=ask_id if question.assignment else None,
            phone=phone,
            email=contact.email,
            drill=question.drill,
        ),
        now_ms=now_ms,
    )
    return True


def close(conn: Connection, *, assignment: str, now_ms: int) -> int:
    """The assignment is over: its links and codes serve no more; how many questions that ends. Idempotent."""
    its = (asks.c.assignment == assignment, asks.c.ended_ms.is_(None))
    return conn.execute(update(asks).where(*its).values(ended_ms=now_ms)).rowcount


def plain_number(phone: str) -> str:
    """A telephone number as it is compared: ``0812-3456 789``, ``62812…`` and ``+62812…`` are one.

    What is no number, as the name by which an operator sends advertisements, is left as it is.
    """
    digits = phone.translate(str.maketrans("", "", " -.()/"))
    if not digits.removeprefix("+").isascii() or not digits.removeprefix("+").isdigit():
        return phone.strip()
    if digits.startswith("+"):
        return digits
    if digits.startswith("00"):
        return f"+{digits[2:]}"
    if digits.startswith("0"):
        return f"+62{digits[1:]}"
    return f"+{digits}" if digits.startswith("62") else digits


def _code(conn: Connection, phone: str, now_ms: int) -> str:
    """Four digits that mean no other question to that telephone for as long as one of them can be answered."""
    live = (asks.c.phone == phone, asks.c.ended_ms.is_(None), asks.c.expires_ms > now_ms)
    used = set(conn.execute(select(asks.c.code).where(*live)).scalars())
    while (code := f"{secrets.randbelow(CODES):04d}") in used:
        pass
    return code
