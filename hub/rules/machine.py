"""How a rule lives at one place: its states and steps as one table. Pure.

A condition that is there only begins to count (``entering``); when it has been there for the rule's time the rule is
``active`` and raises its alarm; when it is gone it is on its way out (``leaving``) until the time for that has passed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from hub.rules.model import LIVE_AGE_MS

State = Literal["normal", "entering", "active", "leaving"]
Step = Literal["there", "gone", "unknown", "held", "closed"]
Outcome = Literal["raise", "clear"]

TRANSITIONS: Mapping[State, Mapping[Step, State]] = MappingProxyType(
    {
        "normal": {"there": "entering"},
        "entering": {"gone": "normal", "unknown": "normal", "held": "active", "closed": "normal"},
        "active": {"gone": "leaving", "closed": "normal"},
        "leaving": {"there": "active", "held": "normal", "closed": "normal"},
    }
)
"""What a step makes of a state; a step that is not there changes nothing.

``there`` and ``gone``: a value says so. ``unknown``: no value, or none for longer than the gap; what is not known
neither begins nor ends an alarm. ``held``: it has been so for the rule's time. ``closed``: the rule's hours are over.
"""

RAISED: frozenset[State] = frozenset({"active", "leaving"})
"""States in which the rule's alarm is there."""


class Machine:
    """A rule at one place.

    Attributes:
        since_ms: when ``entering`` or ``leaving`` began, in the hub's time.
        last_ms: the last look at the condition.
    """

    __slots__ = ("last_ms", "since_ms", "state")

    def __init__(self) -> None:
        self.state: State = "normal"
        self.since_ms = 0
        self.last_ms = 0

    def take(
        self, there: bool | None, at_ms: int, *, for_ms: int = 0, clear_for_ms: int = 0, gap_ms: int = 0
    ) -> Outcome | None:
        """A look at the condition at a time.

        Args:
            there: None where nobody knows.
            for_ms, clear_for_ms: how long it must be there, or gone, before that counts.
            gap_ms: after a longer time without a look nobody knows how it was meanwhile; 0 for no limit.
        """
        state = self.state
        if self.since_ms - at_ms > LIVE_AGE_MS:
            # Nothing that is judged is so old: the clock was set back. It counts from now, and not from when it was.
            self.since_ms = self.last_ms = at_ms
        if state == "normal":
            if not there:
                return None
        elif gap_ms and at_ms - self.last_ms > gap_ms:
            if state == "entering":
                self._go("normal", at_ms)
            elif state == "leaving":
                self.since_ms = at_ms
        self.last_ms = at_ms
        if there is None:
            self._step("unknown", at_ms)
            return None
        self._step("there" if there else "gone", at_ms)
        return self._hold(at_ms, for_ms, clear_for_ms)

    def close(self, at_ms: int) -> Outcome | None:
        """The rule does not count now, or any more."""
        raised = self.state in RAISED
        self._step("closed", at_ms)
        return "clear" if raised else None

    def _hold(self, at_ms: int, for_ms: int, clear_for_ms: int) -> Outcome | None:
        waited_ms = at_ms - self.since_ms
        if self.state == "entering" and waited_ms >= for_ms:
            self._step("held", at_ms)
            return "raise"
        if self.state == "leaving" and waited_ms >= clear_for_ms:
            self._step("held", at_ms)
            return "clear"
        return None

    def _step(self, step: Step, at_ms: int) -> None:
        new = TRANSITIONS[self.state].get(step)
        if new is not None:
            self._go(new, at_ms)

    def _go(self, state: State, at_ms: int) -> None:
        self.state = state
        self.since_ms = at_ms
