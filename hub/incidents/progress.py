"""How far an agency is with its part of an incident, and what the incident is by its agencies' parts. Pure.

Each agency has an assignment of its own with its own clock; the incident's state follows from them. A step may skip
those before it: who answers in the rain presses "on scene" and not "received" first. Who could not come may come after
all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, get_args

from hub.incidents.machine import State

Part = Literal["assigned", "accepted", "en_route", "on_scene", "contained", "done", "refused", "withdrawn"]
"""State of an assignment."""

PartStep = Literal["accept", "depart", "arrive", "contain", "complete", "refuse", "withdraw"]

PARTS: tuple[Part, ...] = get_args(Part)
PART_STEPS: tuple[PartStep, ...] = get_args(PartStep)

PART_TRANSITIONS: Mapping[Part, Mapping[PartStep, Part]] = MappingProxyType(
    {
        "assigned": {
            "accept": "accepted",
            "depart": "en_route",
            "arrive": "on_scene",
            "complete": "done",
            "refuse": "refused",
            "withdraw": "withdrawn",
        },
        "accepted": {
            "depart": "en_route",
            "arrive": "on_scene",
            "complete": "done",
            "refuse": "refused",
            "withdraw": "withdrawn",
        },
        "en_route": {
            "arrive": "on_scene",
            "complete": "done",
            "refuse": "refused",
            "withdraw": "withdrawn",
        },
        "on_scene": {"contain": "contained", "complete": "done", "withdraw": "withdrawn"},
        "contained": {"arrive": "on_scene", "complete": "done", "withdraw": "withdrawn"},
        "refused": {
            "accept": "accepted",
            "depart": "en_route",
            "arrive": "on_scene",
            "withdraw": "withdrawn",
        },
        "done": {},
        "withdrawn": {},
    }
)
"""What agencies and people make of an assignment. ``done`` and ``withdrawn`` are ends: an agency that is needed again
gets a new assignment with a new clock."""

PART_LABELS: Mapping[Part, tuple[str, str]] = MappingProxyType(
    {
        "assigned": ("Ditugaskan", "Assigned"),
        "accepted": ("Diterima", "Accepted"),
        "en_route": ("Menuju lokasi", "En route"),
        "on_scene": ("Di lokasi", "On scene"),
        "contained": ("Terkendali", "Contained"),
        "done": ("Selesai", "Done"),
        "refused": ("Tidak bisa", "Cannot"),
        "withdrawn": ("Ditarik", "Withdrawn"),
    }
)

AtWork = Literal["assigned", "accepted", "en_route", "on_scene", "contained"]

AT_WORK: tuple[AtWork, ...] = get_args(AtWork)
"""Parts that somebody works on or is asked to, from the least far to the furthest."""

ANSWERED: frozenset[Part] = frozenset({"accepted", "en_route", "on_scene", "contained"})
"""Parts of agencies that have said yes and are not through."""

ENDED: frozenset[Part] = frozenset({"done", "withdrawn"})

MOMENTS: Mapping[Part, str] = MappingProxyType(
    {
        "assigned": "assigned_ms",
        "accepted": "accepted_ms",
        "en_route": "departed_ms",
        "on_scene": "arrived_ms",
        "contained": "contained_ms",
        "done": "ended_ms",
        "withdrawn": "ended_ms",
    }
)
"""The column that says when an assignment first came to a state."""

Word = Literal["received", "on_the_way", "on_scene", "done", "cannot"]

WORDS: Mapping[Word, PartStep] = MappingProxyType(
    {
        "received": "accept",
        "on_the_way": "depart",
        "on_scene": "arrive",
        "done": "complete",
        "cannot": "refuse",
    }
)
"""What a contact answers, and the step that it is."""


def derived(parts: Iterable[Part]) -> State:
    """What an incident is by its agencies' parts.

    As far as the furthest of those at work; ``contained`` where all have finished, for a person closes it; and
    ``verified`` again where nobody is left.
    """
    states = set(parts)
    for state in reversed(AT_WORK):
        if state in states:
            return state
    return "contained" if "done" in states else "verified"
