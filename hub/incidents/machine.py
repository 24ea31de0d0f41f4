"""The states of an incident and the ways between them, as tables. Pure.

People verify, assign, close and reopen an incident; how far its agencies are (``progress``) says the rest. A state with
no way out is a fault of the table: even a closed incident can be reopened. States are stored under English keys and
shown by their labels, Bahasa Indonesia first.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, Protocol, cast, get_args

from hub.errors import HubError

State = Literal[
    "unverified",
    "verified",
    "assigned",
    "accepted",
    "en_route",
    "on_scene",
    "contained",
    "done",
    "false_alarm",
    "duplicate",
    "handed_over",
    "cancelled",
    "reopened",
    "recovered",
]

Action = Literal[
    "verify",
    "assign",
    "accept",
    "depart",
    "arrive",
    "contain",
    "complete",
    "refuse",
    "withdraw",
    "finish",
    "mark_false",
    "mark_duplicate",
    "hand_over",
    "cancel",
    "reopen",
    "release",
]

STATES: tuple[State, ...] = get_args(State)
ACTIONS: tuple[Action, ...] = get_args(Action)

LABELS: Mapping[State, tuple[str, str]] = MappingProxyType(
    {
        "unverified": ("Belum diverifikasi", "Unverified"),
        "verified": ("Terverifikasi", "Verified"),
        "assigned": ("Ditugaskan", "Assigned"),
        "accepted": ("Diterima", "Accepted"),
        "en_route": ("Menuju lokasi", "En route"),
        "on_scene": ("Di lokasi", "On scene"),
        "contained": ("Terkendali", "Contained"),
        "done": ("Selesai", "Done"),
        "false_alarm": ("Palsu", "False alarm"),
        "duplicate": ("Duplikat", "Duplicate"),
        "handed_over": ("Dialihkan", "Handed over"),
        "cancelled": ("Dibatalkan", "Cancelled"),
        "reopened": ("Dibuka kembali", "Reopened"),
        "recovered": ("Dipulihkan dari arsip gateway", "Recovered"),
    }
)

_EXITS: Mapping[Action, State] = {
    "mark_false": "false_alarm",
    "mark_duplicate": "duplicate",
    "hand_over": "handed_over",
    "cancel": "cancelled",
}

_WITH_AGENCIES: Mapping[Action, State] = {"assign": "assigned", **_EXITS}
_THERE: Mapping[Action, State] = {**_WITH_AGENCIES, "finish": "done"}

TRANSITIONS: Mapping[State, Mapping[Action, State]] = MappingProxyType(
    {
        "unverified": {"verify": "verified", **_EXITS},
        "verified": {"assign": "assigned", "finish": "done", **_EXITS},
        "assigned": _WITH_AGENCIES,
        "accepted": _WITH_AGENCIES,
        "en_route": _WITH_AGENCIES,
        "on_scene": _THERE,
        "contained": {"assign": "assigned", "finish": "done", "hand_over": "handed_over"},
        "done": {"reopen": "reopened"},
        "false_alarm": {"reopen": "reopened"},
        "duplicate": {"reopen": "reopened"},
        "handed_over": {"reopen": "reopened"},
        "cancelled": {"reopen": "reopened"},
        "reopened": {"verify": "verified", "assign": "assigned", "finish": "done", **_EXITS},
        "recovered": {"release": "unverified", "finish": "done", **_EXITS},
    }
)
"""What a person can do with an incident in each state, and where it leads. ``assigned`` stands there for what the
agencies' parts then come to."""

BY_AGENCIES: frozenset[State] = frozenset({"assigned", "accepted", "en_route", "on_scene", "contained"})
"""States that follow from the agencies' parts."""

PERSONS: frozenset[str] = frozenset({"console", "api"})
"""Ways by which a person acts who has a login. Nothing else verifies an incident or sends an agency out."""

CLOSED: frozenset[State] = frozenset({"done", "false_alarm", "duplicate", "handed_over", "cancelled"})
"""States in which nobody works on it any more; a new press of the button opens a new incident."""

OPEN: tuple[State, ...] = tuple(state for state in STATES if state not in CLOSED)

NEEDS_NOTE: frozenset[Action] = frozenset({"mark_false", "hand_over", "cancel", "reopen", "release"})
"""Actions that ask for a reason in words."""


class Seen(Protocol):
    """When an incident's button was pressed last, and when a person last acknowledged it; hub times."""

    @property
    def last_press_ms(self) -> int: ...

    @property
    def acknowledged_ms(self) -> int | None: ...


def is_unseen(row: Seen) -> bool:
    """Whether no person has acknowledged the newest press. One that comes after an acknowledgement rings anew."""
    return row.acknowledged_ms is None or row.last_press_ms > row.acknowledged_ms


class IncidentError(HubError):
    """A person asked for something that the incident does not allow."""


class NotFoundError(IncidentError, LookupError):
    """There is no such incident."""


class VersionConflictError(IncidentError):
    """Someone else changed the incident meanwhile: read it again, then decide."""

    def __init__(self, incident_id: str, expected: int, found: int) -> None:
        super().__init__(f"incident {incident_id} is at version {found}, not {expected}", "read it again")
        self.found = found


class TransitionError(IncidentError):
    """The state has no such way, or something that the action needs is missing."""


def target(state: str, action: Action) -> State:
    """The state that an action leads to.

    Raises:
        TransitionError: the state does not offer the action.
    """
    ways = TRANSITIONS[cast(State, state)]
    if action not in ways:
        raise TransitionError(
            f"an incident that is {state} cannot {action}", "it can " + ", ".join(sorted(ways))
        )
    return ways[action]
