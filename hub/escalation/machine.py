"""How an escalation lives: its ladders, states and steps as tables, and what an incident asks for. Pure.

A ladder is a question and whom it is put to, one after the other. What an incident and its agencies' parts are says
whether the question stands (``needs``), and nothing else begins or ends an escalation: so none is lost, and there are
never two. Time alone takes it up the ladder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, Protocol, get_args

from hub.incidents.machine import CLOSED, Seen, is_unseen
from hub.incidents.progress import ANSWERED, ENDED

Ladder = Literal["acknowledge", "decide", "agency"]
Level = Literal["operator", "first", "second", "supervisor", "head"]
State = Literal["waiting", "answered", "exhausted", "ended"]
Step = Literal["begin", "ask", "exhaust", "answer", "end"]

LADDERS: Mapping[Ladder, tuple[Level, ...]] = MappingProxyType(
    {
        "acknowledge": ("operator", "supervisor", "head"),
        "decide": ("operator", "supervisor", "head"),
        "agency": ("first", "second", "supervisor", "head"),
    }
)
"""Whom a question is put to: that somebody sees an incident, that somebody decides what it is and who goes, that an
agency says yes. The operator is asked by the page and its sound, all others by a notice."""

ROUNDS = 2
"""How often a ladder is climbed before the escalation is exhausted: then an alarm stands, until somebody answers."""

TRANSITIONS: Mapping[State, Mapping[Step, State]] = MappingProxyType(
    {
        "waiting": {"ask": "waiting", "exhaust": "exhausted", "answer": "answered", "end": "ended"},
        "answered": {"begin": "waiting", "end": "ended"},
        "exhausted": {"begin": "waiting", "answer": "answered", "end": "ended"},
        "ended": {"begin": "waiting", "answer": "answered"},
    }
)
"""What a step makes of a state; a step that is not there is not taken."""

Outcome = Literal["told", "already", "unreachable", "nobody", "unheard", "page", ""]
"""What came of asking: a notice is in the outbox; this person was asked a moment ago; they have no channel; the level
has nobody; no operator hears the page; the page shows it. Empty for steps that ask nobody."""

PASSING: frozenset[Outcome] = frozenset({"unreachable", "nobody", "unheard"})
"""Outcomes that reached nobody: the next level is asked at once."""

AGAIN_MS = 300_000
"""Within this time nobody is asked the same thing twice, though they stand on two rungs."""


class Delays(Protocol):
    """How long each level is waited for, in seconds."""

    @property
    def operator_s(self) -> float: ...

    @property
    def dispatch_s(self) -> float: ...

    @property
    def agency_s(self) -> float: ...

    @property
    def second_s(self) -> float: ...

    @property
    def supervisor_s(self) -> float: ...


def wait_ms(ladder: Ladder, level: Level, delays: Delays) -> int:
    """How long that level is waited for."""
    if level == "operator":
        seconds = delays.dispatch_s if ladder == "decide" else delays.operator_s
    else:
        seconds = {"first": delays.agency_s, "second": delays.second_s}.get(level, delays.supervisor_s)
    return round(seconds * 1000)


def left_ms(due_ms: int, wait_ms: int, now_ms: int) -> int:
    """How long there is still to wait, as the wall clock has it: never longer than the whole wait, if it was set back
    meanwhile; nothing, if it was set forward."""
    return max(0, min(wait_ms, due_ms - now_ms))


class Part(Protocol):
    """An agency's assignment."""

    @property
    def id(self) -> str: ...

    @property
    def agency(self) -> str: ...

    @property
    def state(self) -> str: ...

    @property
    def assigned_ms(self) -> int: ...


class Incident(Seen, Protocol):
    """What an escalation needs to know of an incident."""

    @property
    def id(self) -> str: ...

    @property
    def state(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Need:
    """A question as it stands now.

    Attributes:
        subject: the incident's id, or the assignment's.
        stands: ``begin`` while it is open, ``answer`` when somebody has answered, ``end`` when it is pointless.
        cause_ms: of what has opened it; a new cause begins even an exhausted escalation anew.
        rung: that it begins at.
    """

    ladder: Ladder
    subject: str
    stands: Literal["begin", "answer", "end"]
    cause_ms: int
    agency: str | None = None
    rung: int = 0


def needs(incident: Incident, parts: Iterable[Part]) -> list[Need]:
    """Every question that an incident puts, or has put. A recovered one puts none: nothing of it leaves the hub
    before a person has released it."""
    if incident.state == "recovered":
        return []
    closed = incident.state in CLOSED
    unseen = is_unseen(incident)
    seen_once = incident.acknowledged_ms is not None
    decided = incident.state not in ("unverified", "verified", "reopened")
    found = [
        Need(
            "acknowledge",
            incident.id,
            "end" if closed else "begin" if unseen else "answer",
            incident.last_press_ms,
        )
    ]
    if seen_once:
        stands: Literal["begin", "answer", "end"] = "end" if closed else "answer" if decided else "begin"
        found.append(Need("decide", incident.id, stands, incident.acknowledged_ms or 0))
    for part in parts:
        ended = closed or part.state in ENDED
        part_stands: Literal["begin", "answer", "end"] = (
            "end" if ended else "answer" if part.state in ANSWERED else "begin"
        )
        # Whoever has just said that they cannot is not asked first.
        rung = 1 if part.state == "refused" else 0
        found.append(Need("agency", part.id, part_stands, part.assigned_ms, part.agency, rung))
    return found


def step_to(state: State | None, need: Need, cause_ms: int | None) -> Step | None:
    """The step that brings an escalation to where its need has it; None where it is there already.

    Args:
        state: of the escalation; None where there is none yet.
        cause_ms: what it last began for.
    """
    if state is None:
        return "begin" if need.stands == "begin" else None
    if need.stands == "begin":
        fresh = state in ("answered", "ended") or (state == "exhausted" and cause_ms != need.cause_ms)
        return "begin" if fresh else None
    to: Step = need.stands
    return to if to in TRANSITIONS[state] and TRANSITIONS[state][to] != state else None


STATES: tuple[State, ...] = get_args(State)
