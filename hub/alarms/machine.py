"""How an alarm lives: its states and steps as tables, after ISA-18.2. Pure.

An alarm is over only when its condition is gone *and* a person has seen it; a condition that came and went while
nobody looked stays as ``returned`` until somebody does, or until it lapses (``times``).

A withheld alarm does not ring. What its condition does meanwhile goes on *beneath*, so that nothing is lost when it is
released: the table BENEATH says how, ENTERING with what a hold begins, RELEASED what it ends in.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeGuard, cast, get_args

from hub.errors import HubError

Base = Literal["normal", "unacknowledged", "acknowledged", "returned"]
Withheld = Literal["shelved", "suppressed", "out_of_service"]
State = Literal[
    "normal", "unacknowledged", "acknowledged", "returned", "shelved", "suppressed", "out_of_service"
]
Beneath = Literal["normal", "unannounced", "unacknowledged", "acknowledged", "returned"]
"""What the condition of a withheld alarm is; ``unannounced`` is there and nobody was told."""

Step = Literal[
    "raise",
    "rearm",
    "worsen",
    "ease",
    "clear",
    "acknowledge",
    "lapse",
    "shelve",
    "outgrow",
    "suppress",
    "take_out",
    "release",
]

BASES: tuple[Base, ...] = get_args(Base)
"""States of an alarm that nothing withholds."""

WITHHELD: frozenset[State] = frozenset({"shelved", "suppressed", "out_of_service"})
"""States that do not ring whatever the condition does. Each has its reason on record."""

ACTIVE: frozenset[State] = frozenset({"unacknowledged", "acknowledged"})
"""Announced states in which the condition is there."""

UNSEEN: frozenset[State] = frozenset({"unacknowledged", "returned"})
"""Announced states in which a person has still to look."""

PRESENT: frozenset[Beneath] = frozenset({"unannounced", "unacknowledged", "acknowledged"})
"""What an alarm may be while its condition is there, withheld or not."""

TRANSITIONS: Mapping[State, Mapping[Step, State]] = MappingProxyType(
    {
        "normal": {
            "raise": "unacknowledged",
            "shelve": "shelved",
            "suppress": "suppressed",
            "take_out": "out_of_service",
        },
        "unacknowledged": {
            "rearm": "unacknowledged",
            "worsen": "unacknowledged",
            "ease": "unacknowledged",
            "clear": "returned",
            "acknowledge": "acknowledged",
            "shelve": "shelved",
            "suppress": "suppressed",
            "take_out": "out_of_service",
        },
        "acknowledged": {
            "rearm": "unacknowledged",
            "worsen": "unacknowledged",
            "ease": "acknowledged",
            "clear": "normal",
            "shelve": "shelved",
            "suppress": "suppressed",
            "take_out": "out_of_service",
        },
        "returned": {
            "raise": "unacknowledged",
            "acknowledge": "normal",
            "lapse": "normal",
            "shelve": "shelved",
            "suppress": "suppressed",
            "take_out": "out_of_service",
        },
        "shelved": {
            "shelve": "shelved",
            "outgrow": "unacknowledged",
            "suppress": "suppressed",
            "take_out": "out_of_service",
        },
        "suppressed": {"shelve": "shelved", "suppress": "suppressed", "take_out": "out_of_service"},
        "out_of_service": {"suppress": "suppressed"},
    }
)
"""What a step makes of a state; a step that is not there changes nothing and is not recorded. From a withheld state
``release`` leads to what RELEASED says."""

BENEATH: Mapping[Beneath, Mapping[Step, Beneath]] = MappingProxyType(
    {
        "normal": {"raise": "unannounced"},
        "unannounced": {
            "rearm": "unannounced",
            "worsen": "unannounced",
            "ease": "unannounced",
            "clear": "normal",
            "acknowledge": "acknowledged",
        },
        "unacknowledged": {
            "rearm": "unacknowledged",
            "worsen": "unacknowledged",
            "ease": "unacknowledged",
            "clear": "returned",
            "acknowledge": "acknowledged",
        },
        "acknowledged": {
            "rearm": "unannounced",
            "worsen": "unannounced",
            "ease": "acknowledged",
            "clear": "normal",
        },
        "returned": {"raise": "unacknowledged", "acknowledge": "normal"},
    }
)
"""What a step makes of the condition of an alarm that is withheld, and stays so."""

SEEN: Mapping[Beneath, Beneath] = MappingProxyType(
    {
        "normal": "normal",
        "unannounced": "unannounced",
        "unacknowledged": "unannounced",
        "acknowledged": "unannounced",
        "returned": "normal",
    }
)
"""What lies beneath when a *person* withholds an alarm: they have seen it, and it rings anew if it is still there at
the end. What the hub suppresses by itself stays what it was: nobody has seen anything."""

RELEASED: Mapping[Beneath, Base] = MappingProxyType(
    {
        "normal": "normal",
        "unannounced": "unacknowledged",
        "unacknowledged": "unacknowledged",
        "acknowledged": "acknowledged",
        "returned": "returned",
    }
)
"""What an alarm is when nothing withholds it any more."""

ANNOUNCING: frozenset[Step] = frozenset({"raise", "rearm", "worsen", "outgrow", "release"})
"""Steps that ring, where they lead to ``unacknowledged``: these are the alarms that an operator gets."""


class AlarmError(HubError, LookupError):
    """There is no such alarm."""


class WithholdError(HubError):
    """This alarm cannot be withheld in this way."""


class Position(NamedTuple):
    """Where an alarm is: its state, and what its condition is beneath; the same word where it is not withheld."""

    state: State
    beneath: Beneath


NORMAL = Position("normal", "normal")


def is_withheld(state: State) -> TypeGuard[Withheld]:
    """Whether an alarm in this state does not ring, whatever its condition does."""
    return state in WITHHELD


def is_present(position: Position) -> bool:
    """Whether the condition is there."""
    return position.beneath in PRESENT


def move(position: Position, step: Step) -> Position | None:
    """Where a step leads; None where the tables have no such step there."""
    state, beneath = position
    if step == "release" and is_withheld(state):
        released = RELEASED[beneath]
        return Position(released, released)
    to = TRANSITIONS[state].get(step)
    if to is not None:
        if not is_withheld(to):
            return Position(to, cast(Base, to))
        return Position(to, beneath if step == "suppress" else SEEN[beneath])
    under = BENEATH[beneath].get(step) if is_withheld(state) else None
    return None if under is None else Position(state, under)


def positions(start: Position = NORMAL) -> frozenset[Position]:
    """Every position that an alarm can come to from that one."""
    found, fresh = {start}, [start]
    while fresh:
        at = fresh.pop()
        for step in get_args(Step):
            after = move(at, step)
            if after is not None and after not in found:
                found.add(after)
                fresh.append(after)
    return frozenset(found)


def raising(
    position: Position, severity: int, new_severity: int, *, rearm: bool, shelved_severity: int | None = None
) -> Step | None:
    """The step that a raised condition is, None where it says nothing new.

    Args:
        shelved_severity: of a shelved alarm, how bad it was when somebody shelved it. What is worse than that was
            not shelved by anybody.
    """
    if position.state == "shelved" and shelved_severity is not None and new_severity > shelved_severity:
        return "outgrow"
    if not is_present(position):
        return "raise"
    if new_severity > severity:
        return "worsen"
    if rearm:
        return "rearm"
    return "ease" if new_severity < severity else None


def announces(step: str, state: str) -> bool:
    """Whether that step to that state rings: an alarm as the counts of alarms mean it."""
    return state == "unacknowledged" and step in ANNOUNCING
