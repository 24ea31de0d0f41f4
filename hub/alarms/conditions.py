"""What follows from what an alarm is about. Pure.

A condition is a word, or for a rule of the region profile ``cause:rule``. Its *cause* is the part before the colon:
alarms of one cause are of one sort, whatever their place.
"""

from __future__ import annotations

SILENT = "silent"
"""The gateway is not heard: its children follow from that and say nothing new."""

OUTAGE = "outage"
"""Many gateways are not heard: what one of them says by its silence follows from that."""

MOMENTARY: frozenset[str] = frozenset(
    {"panic_unreadable", "panic_unstored", "copied_card", "spool_quarantined", "software_left_behind"}
)
"""Conditions that happen and do not last: nothing will ever say that they are over, so they are when a person has seen
them, and begin anew when they happen again."""

CHILDREN: frozenset[str] = frozenset({"device_down", "no_data", "stuck", "panic_fault", "spool_full", "ring"})
"""Causes that a silent gateway explains. A river's level and a press are none of them: what was so when the gateway
fell silent is so until somebody knows better."""

PRESSES: frozenset[str] = frozenset({"panic", "panic_unreadable", "panic_unstored"})
"""Causes behind which a person may be in need: never shelved, suppressed, taken out of service or collapsed."""


def cause(condition: str) -> str:
    """The sort of a condition."""
    return condition.partition(":")[0]


def is_momentary(condition: str) -> bool:
    """Whether nothing will ever say that it is over."""
    return cause(condition) in MOMENTARY


def is_child(condition: str) -> bool:
    """Whether the silence of its gateway explains it."""
    return cause(condition) in CHILDREN


def is_of_equipment(condition: str) -> bool:
    """Whether it tells of the city's equipment and not of the city."""
    return is_child(condition) or cause(condition) in (SILENT, OUTAGE)


def is_press(condition: str) -> bool:
    """Whether a person may be in need behind it."""
    return cause(condition) in PRESSES
