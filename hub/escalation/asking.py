"""One rung of a ladder: whoever is on duty there is asked, and the next rung gets its time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, Row, select

from hub import failpoints
from hub.agencies.directory import Contact, Directory
from hub.agencies.files import Step
from hub.escalation import words
from hub.escalation.machine import (
    AGAIN_MS,
    LADDERS,
    PASSING,
    ROUNDS,
    Ladder,
    Level,
    Outcome,
    wait_ms,
)
from hub.escalation.register import note_step, take
from hub.escalation.tables import escalation_steps, escalations
from hub.incidents.tables import incidents
from hub.notify.asks import Question
from hub.notify.policy import Priority
from hub.region import Region


class Ask(Protocol):
    """Puts a question to a contact, in the transaction; False where they cannot be reached: ``hub.notify.asks.ask``."""

    def __call__(self, conn: Connection, contact: Contact, question: Question, *, now_ms: int) -> bool: ...


@dataclass(frozen=True, slots=True)
class City:
    """Whom there is to ask now.

    Attributes:
        attended: whether an operator hears the page, at a time.
    """

    region: Region
    directory: Directory
    attended: Callable[[Connection, int], bool]
    ask: Ask


@dataclass(frozen=True, slots=True)
class Rung:
    """Where an escalation is: the rung that it takes next, of which round, of how often it has begun."""

    ladder: Ladder
    subject: str
    begun: int
    round: int
    rung: int

    @classmethod
    def of(cls, row: Row[Any]) -> Rung:
        """Of a row of ``escalations``."""
        return cls(row.ladder, row.subject, row.begun, row.round, row.rung)


def climb(conn: Connection, at: Rung, city: City, *, now_ms: int) -> str | None:
    """Take the rung that is due: ask who is on it, and say when the next one is. As part of the caller's transaction.

    A level at which nobody is reached is passed by at once. After the last level of the last round the escalation is
    exhausted.

    Returns:
        the incident's id; None where the escalation has gone on otherwise meanwhile, and nothing is done.
    """
    row = conn.execute(
        select(escalations).where(
            escalations.c.ladder == at.ladder,
            escalations.c.subject == at.subject,
            escalations.c.state == "waiting",
        )
    ).one_or_none()
    if row is None or Rung.of(row) != at:
        return None
    incident = conn.execute(select(incidents).where(incidents.c.id == row.incident_id)).one()
    asking = _Asking(conn, row, incident, city, now_ms)
    levels = LADDERS[at.ladder]
    places = [(round_, rung) for round_ in range(ROUNDS) for rung in range(len(levels))]
    for round_, rung in places[at.round * len(levels) + at.rung :]:
        if not asking.level(levels[rung], round_):
            continue
        wait = wait_ms(at.ladder, levels[rung], city.directory.delays(incident.kind))
        values = {"round": round_, "rung": rung + 1, "due_ms": now_ms + wait, "wait_ms": wait}
        take(conn, row, "ask", now_ms=now_ms, values=values)
        break
    else:
        take(conn, row, "exhaust", now_ms=now_ms)
    failpoints.reach("escalation.stepped")
    return str(row.incident_id)


@dataclass(frozen=True, slots=True)
class _Asking:
    """One escalation at one moment."""

    conn: Connection
    row: Row[Any]
    incident: Row[Any]
    city: City
    now_ms: int

    def level(self, level: Level, round_: int) -> bool:
        """Ask everybody of a level, on record; whether anybody was reached."""
        if level == "operator":
            asked: dict[str, Outcome] = {
                "": "page" if self.city.attended(self.conn, self.now_ms) else "unheard"
            }
        else:
            asked = self._contacts(level, round_) or {"": "nobody"}
        for contact, outcome in asked.items():
            note_step(
                self.conn,
                self.row,
                "ask",
                now_ms=self.now_ms,
                round_=round_,
                level=level,
                contact=contact,
                outcome=outcome,
            )
        return not PASSING.issuperset(asked.values())

    def _contacts(self, level: Step, round_: int) -> dict[str, Outcome]:
        directory = self.city.directory
        if self.incident.drill:
            directory = directory.exercise()
        agency = self.row.agency or self.city.region.duty_desk.id
        question = self._question(level, round_)
        return {
            contact.id: self._contact(contact, question)
            for contact in directory.on_duty(agency, level, self.now_ms)
        }

    def _contact(self, contact: Contact, question: Question) -> Outcome:
        # A clock that was set back must not keep somebody from being asked.
        told_ms = self._told_ms(contact)
        if told_ms is not None and abs(self.now_ms - told_ms) < AGAIN_MS:
            return "already"
        asked = self.city.ask(self.conn, contact, question, now_ms=self.now_ms)
        return "told" if asked else "unreachable"

    def _told_ms(self, contact: Contact) -> int | None:
        """When this person was asked this last."""
        steps = escalation_steps.c
        query = (
            select(steps.at_ms)
            .where(steps.ladder == self.row.ladder, steps.subject == self.row.subject)
            .where(steps.begun == self.row.begun, steps.contact == contact.id, steps.outcome == "told")
            .order_by(steps.n.desc())
        )
        return self.conn.execute(query.limit(1)).scalar()

    def _question(self, level: Level, round_: int) -> Question:
        row, incident = self.row, self.incident
        return Question(
            key=f"{row.ladder}/{row.subject}/{row.begun}.{round_}/{level}",
            incident_id=incident.id,
            assignment=row.assignment_id,
            kind="dispatch" if level == "first" else "escalation",
            title=words.title(row.ladder, level, incident),
            text=words.text(row.ladder, level, incident),
            priority=Priority(incident.priority),
            data={
                "incident": incident.id,
                "number": incident.number,
                "kind": incident.kind,
                "state": incident.state,
                "question": row.ladder,
                "level": level,
                "round": round_ + 1,
                "agency": row.agency,
                "assignment": row.assignment_id,
                "lat": incident.lat,
                "lon": incident.lon,
            },
            drill=incident.drill or "",
        )
