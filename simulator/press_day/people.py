"""Who is asked by escalations, scripted: a supervisor who sends operators back, an agency whose first does not hear."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from sqlalchemy import Connection

from hub.agencies.directory import Contact
from hub.incidents import assignments
from hub.incidents.progress import Word
from hub.notify import asks
from hub.notify.asks import Question
from simulator.press_day.agenda import Agenda

FETCHES_MS = (45_000, 120_000)
"""Least and most time from a message to somebody of the command room until the operators are back at the desk."""

ANSWERS: tuple[tuple[Word, int, int], ...] = (
    ("received", 20_000, 60_000),
    ("on_the_way", 60_000, 180_000),
    ("on_scene", 300_000, 900_000),
    ("done", 1_200_000, 2_400_000),
)
"""What an agency's contact answers, and how long after the last step, least and most."""


class People:
    """Everybody but the operators.

    Args:
        fetch: sends the operators back to the desk.
        finished: told when an agency is through with an incident.
    """

    def __init__(
        self,
        conn: Connection,
        agenda: Agenda,
        random: Random,
        *,
        fetch: Callable[[int], None],
        finished: Callable[[str, int], None],
    ) -> None:
        self._conn = conn
        self._agenda = agenda
        self._random = random
        self._fetch = fetch
        self._finished = finished
        self._answering: set[str] = set()

    def ask(self, conn: Connection, contact: Contact, question: Question, *, now_ms: int) -> bool:
        """The hub's own way of asking; the one who was asked does what the script says."""
        told = asks.ask(conn, contact, question, now_ms=now_ms)
        if not told:
            return False
        if question.assignment is None:
            self._agenda.add(now_ms + self._random.randint(*FETCHES_MS), self._fetch)
        elif question.data["level"] != "first" and question.assignment not in self._answering:
            self._answering.add(question.assignment)
            self._answer_in_turn(contact, question, now_ms)
        return True

    def _answer_in_turn(self, contact: Contact, question: Question, now_ms: int) -> None:
        at_ms = now_ms
        for word, least_ms, most_ms in ANSWERS:
            at_ms += self._random.randint(least_ms, most_ms)
            self._agenda.add(at_ms, self._answering_with(contact, question, word))

    def _answering_with(self, contact: Contact, question: Question, word: Word) -> Callable[[int], None]:
        def answer(at_ms: int) -> None:
            assignments.answered(
                self._conn,
                incident_id=question.incident_id,
                assignment=str(question.assignment),
                agency=contact.agency,
                contact=contact.id,
                word=word,
                source="link",
                note="",
                now_ms=at_ms,
            )
            if word == "done":
                self._finished(question.incident_id, at_ms)

        return answer
