"""What the rules of a region's rules.toml find: that a rule's condition has begun or is over at one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

Fact = str | int | float | None


class Priority(IntEnum):
    """How urgent the alarm of a rule is, as an alarm's severity; 3 is the worst."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2
    CRITICAL = 3


class Subject(NamedTuple):
    """What a rule is about: a point, a device (no point), a site (no gateway), or the city (no site)."""

    site: str = ""
    gateway: str = ""
    device: str = ""
    point: str = ""

    def __str__(self) -> str:
        return "/".join(self)


@dataclass(frozen=True, slots=True)
class Mark:
    """The last record judged of a device."""

    gateway: str
    device: str
    epoch: str
    seq: int
    t_ms: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """A rule's alarm is to be raised or cleared.

    Attributes:
        rule: id of the rule.
        kind: its kind.
        version: of the rules that were in force.
        active: True to raise, False to clear.
        t_ms: time of the record that decided it; None where no record did (time passed, or hours ended).
        at_ms: when it happened in the hub's own time.
        age_ms: age of the record on arrival.
        title_id, title_en: what the alarm is called; empty where its kind is enough.
        reason_id, reason_en: what people read.
        advice: where it says what to do.
        tell: whether the duty desk is told of it.
        facts: the numbers behind it.
        mark: the record that decided it, None where no record did.
    """

    rule: str
    kind: str
    version: str
    subject: Subject
    active: bool
    priority: Priority
    at_ms: int
    t_ms: int | None = None
    age_ms: int = 0
    title_id: str = ""
    title_en: str = ""
    reason_id: str = ""
    reason_en: str = ""
    advice: str = ""
    tell: bool = False
    facts: Mapping[str, Fact] = field(default_factory=dict)
    mark: Mark | None = None

    @property
    def worse(self) -> bool:
        """Whether it says that something has begun."""
        return self.active

    @property
    def record(self) -> tuple[str, str, int]:
        """Gateway, epoch and number of the record that decided it; of no gateway where none did."""
        return ("", "", 0) if self.mark is None else (self.mark.gateway, self.mark.epoch, self.mark.seq)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a rule stands at one place, as it is stored for a restart. See ``hub.rules.machine.Machine``."""

    rule: str
    kind: str
    subject: Subject
    state: str
    since_ms: int
    last_ms: int
