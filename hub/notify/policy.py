"""How a notice lives: its states as a table, its priority, and when it is tried again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from random import Random
from types import MappingProxyType
from typing import Literal


class Priority(IntEnum):
    """How urgent; 1 is the worst."""

    CRITICAL = 1
    HIGH = 2
    MEDIUM = 3
    LOW = 4


PRIORITY_LABELS: Mapping[Priority, tuple[str, str]] = MappingProxyType(
    {
        Priority.CRITICAL: ("Kritis", "Critical"),
        Priority.HIGH: ("Tinggi", "High"),
        Priority.MEDIUM: ("Sedang", "Medium"),
        Priority.LOW: ("Rendah", "Low"),
    }
)

State = Literal["waiting", "sending", "sent", "retrying", "given_up", "held", "discarded"]
Step = Literal["take", "deliver", "fail", "refuse", "interrupt", "hold", "release", "discard", "retry"]

TRANSITIONS: Mapping[State, Mapping[Step, State]] = MappingProxyType(
    {
        "waiting": {"take": "sending", "hold": "held"},
        "sending": {
            "deliver": "sent",
            "fail": "retrying",
            "refuse": "given_up",
            "interrupt": "retrying",
            "hold": "held",
        },
        "retrying": {"take": "sending", "refuse": "given_up", "hold": "held"},
        "held": {"release": "waiting", "discard": "discarded"},
        "given_up": {"retry": "waiting"},
        "sent": {},
        "discarded": {},
    }
)
"""Every state and the steps out of it. ``sent`` and ``discarded`` are ends; all others have a way on."""

UNFINISHED: tuple[State, ...] = ("waiting", "sending", "retrying")
"""States in which the worker still owes an attempt."""


@dataclass(frozen=True, slots=True)
class Retry:
    """When a failed attempt is made again.

    Attributes:
        first_s, factor, most_s: the pause after the n-th failure is ``first_s × factor^(n-1)``, at most ``most_s``.
        jitter: share by which a pause is made shorter or longer at random.
        give_up_s: age from which a failed notice is not tried again.
        fallback_after: failures after which the fallback channel is told too, while this one goes on.
        fallback_s: it is told sooner where the next attempt would begin later than this after the first one, as when
            a receiver hangs or asks for half a minute.
    """

    first_s: float = 1.0
    factor: float = 2.0
    most_s: float = 300.0
    jitter: float = 0.2
    give_up_s: float = 24 * 3600.0
    fallback_after: int = 3
    fallback_s: float = 15.0

    def pause_ms(self, failures: int, random: Random, *, asked_s: float | None = None) -> int:
        """The pause after so many failures (1 and up); never shorter than a receiver asked for, up to ``most_s``."""
        grown = self.first_s * self.factor ** min(failures - 1, 32)
        pause_s = min(grown, self.most_s) * random.uniform(1 - self.jitter, 1 + self.jitter)
        if asked_s is not None:
            pause_s = max(pause_s, min(asked_s, self.most_s))
        return round(pause_s * 1000)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from an attempt.

    Attributes:
        step: of the row.
        pause_ms: until the next attempt; None where there is none.
        fallback: tell the next channel too.
    """

    step: Step
    pause_ms: int | None = None
    fallback: bool = False


def judge(
    outcome: Literal["delivered", "failed", "refused"],
    *,
    failures: int,
    tried_ms: int,
    retry: Retry,
    random: Random,
    asked_s: float | None = None,
) -> Verdict:
    """What to do with a row after an attempt.

    Args:
        failures: failed attempts of the row, this one included.
        tried_ms: how long ago the first attempt was made.
        asked_s: pause that the receiver asked for.
    """
    if outcome == "delivered":
        return Verdict("deliver")
    if outcome == "refused" or tried_ms >= retry.give_up_s * 1000:
        return Verdict("refuse", fallback=True)
    pause_ms = retry.pause_ms(failures, random, asked_s=asked_s)
    late = tried_ms + pause_ms > retry.fallback_s * 1000
    return Verdict("fail", pause_ms=pause_ms, fallback=failures >= retry.fallback_after or late)
