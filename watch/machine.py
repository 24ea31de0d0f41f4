"""When people are told: a table. Pure.

A press is answered or not; what that means follows from the state. ``overdue`` is a press without an answer when
nothing was answered for as long as the configuration bears.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

State = Literal["waiting", "working", "failing", "down"]
"""``waiting`` for the first answer; ``down`` is failing, and people were told."""

Signal = Literal["answered", "unanswered", "overdue"]
Word = Literal["down", "up"]
"""What people are told."""

TRANSITIONS: Mapping[State, Mapping[Signal, State]] = {
    "waiting": {"answered": "working", "unanswered": "failing", "overdue": "down"},
    "working": {"answered": "working", "unanswered": "failing", "overdue": "down"},
    "failing": {"answered": "working", "unanswered": "failing", "overdue": "down"},
    "down": {"answered": "working", "unanswered": "down", "overdue": "down"},
}

WORDS: Mapping[tuple[State, State], Word] = {
    ("waiting", "down"): "down",
    ("working", "down"): "down",
    ("failing", "down"): "down",
    ("down", "working"): "up",
}
"""What is told at a change of state; all others are told to nobody."""


@dataclass(frozen=True, slots=True)
class Watching:
    """What is known.

    Attributes:
        since_ms: when the first of the presses without an answer began, monotonic; None while they are answered.
    """

    state: State = "waiting"
    since_ms: int | None = None


def judge(
    known: Watching, *, answered: bool, began_ms: int, now_ms: int, down_after_ms: int
) -> tuple[Watching, Word | None]:
    """What is known after a press, and what people are told.

    Args:
        began_ms, now_ms: when the press began, and when its answer came or was given up; monotonic.
    """
    if answered:
        after = Watching(TRANSITIONS[known.state]["answered"], None)
    else:
        since_ms = began_ms if known.since_ms is None else known.since_ms
        signal: Signal = "overdue" if now_ms - since_ms >= down_after_ms else "unanswered"
        after = replace(known, state=TRANSITIONS[known.state][signal], since_ms=since_ms)
    return after, WORDS.get((known.state, after.state))
