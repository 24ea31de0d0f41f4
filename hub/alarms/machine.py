"""How an alarm lives: its states and steps as one table. Pure.

An alarm is over only when its condition is gone *and* a person has seen it; a condition that came and went while
nobody looked stays as ``returned`` until somebody does.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from hub.errors import HubError

State = Literal["normal", "unacknowledged", "acknowledged", "returned"]
Step = Literal["raise", "rearm", "worsen", "ease", "clear", "acknowledge"]

ACTIVE: frozenset[State] = frozenset({"unacknowledged", "acknowledged"})
"""States in which the condition is there."""

UNSEEN: frozenset[State] = frozenset({"unacknowledged", "returned"})
"""States in which a person has still to look."""

TRANSITIONS: Mapping[State, Mapping[Step, State]] = MappingProxyType(
    {
        "normal": {"raise": "unacknowledged"},
        "unacknowledged": {
            "rearm": "unacknowledged",
            "worsen": "unacknowledged",
            "ease": "unacknowledged",
            "clear": "returned",
            "acknowledge": "acknowledged",
        },
        "acknowledged": {
            "rearm": "unacknowledged",
            "worsen": "unacknowledged",
            "ease": "acknowledged",
            "clear": "normal",
        },
        "returned": {"raise": "unacknowledged", "acknowledge": "normal"},
    }
)
"""What a step makes of a state; a step that is not there changes nothing and is not recorded."""


class AlarmError(HubError, LookupError):
    """There is no such alarm."""


MOMENTARY: frozenset[str] = frozenset(
    {"panic_unreadable", "panic_unstored", "copied_card", "spool_quarantined"}
)
"""Conditions that happen and do not last: nothing will ever say that they are over, so they are when a person has seen
them, and begin anew when they happen again."""


def raising(state: State, severity: int, new_severity: int, *, rearm: bool) -> Step | None:
    """The step that a raised condition is, None where it says nothing new."""
    if state not in ACTIVE:
        return "raise"
    if new_severity > severity:
        return "worsen"
    if rearm:
        return "rearm"
    return "ease" if new_severity < severity else None
