"""Whether a new version does what the one before did. Pure: it is shown the running process again and again.

The new version is kept when one process of it has run for a while, and the hub was within reach of it if it was within
reach before. A gateway whose line is down anyway is not sent back for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge.upgrade.releases import Trial
from edge.vitals import Vitals

MOST_STARTS = 4
"""A version that has been started so often within its trial dies again and again."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a trial lasts: with the restart before and after it, less than five minutes.

    Attributes:
        settle_ms: for which one process must have run.
        start_ms: within which it must be ready once: while it is not, nobody hears a press.
        all_ms: after which the trial has failed.
    """

    settle_ms: int = 30_000
    all_ms: int = 180_000
    start_ms: int = 45_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the trial went; ``why`` in a word or two where it failed."""

    outcome: Literal["good", "bad"]
    why: str = ""


class Watch:
    """One trial under way.

    Args:
        now_ms: boot clock when it began.
    """

    def __init__(self, trial: Trial, patience: Patience, now_ms: int) -> None:
        self._trial = trial
        self._patience = patience
        self._began_ms = now_ms
        self._runs: set[tuple[int, int]] = set()

    def look(self, vitals: Vitals | None, *, runs: bool, now_ms: int) -> Verdict | None:
        """What is seen now; the verdict, or None while it is open.

        Args:
            runs: the process that wrote the vitals is there.
        """
        lacks = self._lacks(vitals if runs else None, now_ms)
        if lacks is None:
            return Verdict("good")
        if len(self._runs) >= MOST_STARTS:
            return Verdict("bad", "dies")
        most_ms = self._patience.all_ms if self._runs else min(self._patience.start_ms, self._patience.all_ms)
        return Verdict("bad", lacks) if now_ms - self._began_ms > most_ms else None

    def _lacks(self, vitals: Vitals | None, now_ms: int) -> str | None:
        if vitals is None or vitals.software != self._trial.new:
            return "not started"
        self._runs.add((vitals.pid, vitals.started_ms))
        if self._trial.was_reached and not vitals.reached:
            return "hub out of reach"
        return None if now_ms - vitals.started_ms >= self._patience.settle_ms else "not settled"
