"""A rule in force, and what all its places share: its numbers, its hours, its words. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from string import Formatter
from zoneinfo import ZoneInfo

from contract.kinds import KINDS
from hub.rules import files
from hub.rules.hours import Calendar
from hub.rules.machine import RAISED, Machine
from hub.rules.model import Sample
from hub.rules.order import age_ms
from hub.rules.places import Places
from hub.rules.verdict import Fact, Mark, Priority, Standing, Subject, Verdict

COMMON_WORDS = frozenset({"site", "device", "point", "unit", "value", "limit", "minutes"})
"""What every reason may name in braces."""

WORDS: Mapping[str, frozenset[str]] = {
    "rise": frozenset({"rate", "next", "next_at", "downstream"}),
    "ratio": frozenset({"count", "total", "percent"}),
    "count": frozenset({"count"}),
    "upstream": frozenset({"upstream", "level", "arrives", "latest"}),
}
"""What the reasons of a kind may name besides."""

LOOKED_AT_WHEN_ASKED = frozenset({"no_data", "count", "combination"})
"""Kinds that are known all the time, not only when a sample comes: for them a long time between two looks is no gap."""


def words_in(text: str) -> list[str]:
    """The names in braces of a reason; one with a format behind it whole, for no fact is called so.

    Raises:
        ValueError: a brace is not closed.
    """
    return [
        name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
        for _, name, form, conversion in Formatter().parse(text)
        if name is not None
    ]


class Law:
    """A rule of a book at work.

    Attributes:
        version: of the rules in force; it moves on although the rule itself is the same.
        moved: the places whose state has changed since it was last stored; shared by all rules of an engine.
        dead: taken out of force; what still waits of it is dropped.
    """

    def __init__(
        self,
        entry: files.AnyRule,
        places: Places,
        *,
        version: str,
        during: Calendar | None = None,
        outside: Calendar | None = None,
    ) -> None:
        self.entry: files.AnyRule = entry
        self.kind = files.kind_of(entry)
        self.version = version
        self.priority = Priority[entry.priority.upper()]
        self.for_ms = round(entry.for_s * 1000)
        self.clear_for_ms = round(entry.clear_for_s * 1000)
        self.gap_ms = 0 if self.kind in LOOKED_AT_WHEN_ASKED else round(entry.gap_s * 1000)
        self.places = places
        self.zone = ZoneInfo(places.region.zone)
        self.moved: dict[Judge, None] = {}
        self.dead = False
        self._during = during
        self._outside = outside
        self.scheduled = during is not None or outside is not None

    def is_open(self, at_ms: int) -> bool:
        """Whether the rule counts at that time."""
        if self._during is not None and not self._during.holds(at_ms):
            return False
        return self._outside is None or not self._outside.holds(at_ms)

    def names(self, subject: Subject) -> dict[str, Fact]:
        """What a reason may say of a place in words."""
        entry, region, place = self.entry, self.places.region, (subject.gateway, subject.device)
        site = region.sites.get(subject.site)
        device = self.places.devices.get(place)
        quantity = None if device is None else KINDS[device.kind].quantities.get(subject.point)
        spans = (getattr(entry, key, None) for key in ("after_s", "window_s", "for_s"))
        span_s = next(span for span in spans if span is not None)
        limits = (getattr(entry, key, None) for key in ("above", "below", "above_pct", "per_h", "at_least"))
        return {
            "site": region.name if site is None else site.name,
            "device": self.places.name(place),
            "point": subject.point,
            "unit": "" if quantity is None else quantity.unit,
            "limit": next((limit for limit in limits if limit is not None), None),
            "minutes": span_s / 60,
        }

    def local(self, at_ms: int) -> str:
        """A time as people of the region read it."""
        return f"{datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(self.zone):%H:%M}"


class Judge(Machine, ABC):
    """A rule at one place. What is there to be looked at differs by kind: see ``hub.rules.kinds``."""

    __slots__ = ("due_ms", "law", "queued", "subject")

    def __init__(self, law: Law, subject: Subject) -> None:
        super().__init__()
        self.law = law
        self.subject = subject
        self.due_ms: int | None = None
        self.queued = False

    @abstractmethod
    def look(self, sample: Sample, at_ms: int) -> Verdict | None:
        """A sample of a device that it watches."""

    def wake(self, now_ms: int, listening_ms: int | None) -> Verdict | None:
        """Time has come to where it asked to be woken (``due_ms``)."""
        self.due_ms = None
        return None

    def standing(self) -> Standing:
        """How it stands, to be stored."""
        return Standing(
            self.law.entry.id, self.law.kind, self.subject, self.state, self.since_ms, self.last_ms
        )

    def warm(self, sample: Sample, at_ms: int) -> None:
        """A sample of before the hub's start: what it remembers of the past, and never an alarm."""

    def facts(self) -> dict[str, Fact]:
        """The numbers behind a verdict."""
        return {}

    def settle(self, there: bool | None, at_ms: int, sample: Sample | None = None) -> Verdict | None:
        """What follows from the condition being there, gone, or unknown."""
        before = self.state
        if before == "normal" and not there:
            return None
        law = self.law
        if law.is_open(at_ms):
            outcome = self.take(
                there, at_ms, for_ms=law.for_ms, clear_for_ms=law.clear_for_ms, gap_ms=law.gap_ms
            )
        else:
            outcome = self.close(at_ms)
        if self.state != before:
            law.moved[self] = None
        return None if outcome is None else self.verdict(outcome == "raise", at_ms, sample)

    @property
    def raised(self) -> bool:
        """Whether its alarm is there."""
        return self.state in RAISED

    def verdict(self, active: bool, at_ms: int, sample: Sample | None = None) -> Verdict:
        """The verdict as it goes to the alarms, in words of people when it raises."""
        entry, facts = self.law.entry, self.facts()
        names = self.law.names(self.subject) if active else {}
        said = {**names, **facts}
        return Verdict(
            rule=entry.id,
            kind=self.law.kind,
            version=self.law.version,
            subject=self.subject,
            active=active,
            priority=self.law.priority,
            at_ms=at_ms,
            t_ms=None if sample is None else sample.t_ms,
            age_ms=0 if sample is None else age_ms(sample, at_ms),
            title_id=entry.title_id,
            title_en=entry.title_en,
            reason_id=_said(entry.reason_id, said, comma=",") if active else "",
            reason_en=_said(entry.reason_en, said) if active else "",
            advice=entry.advice,
            tell=entry.tell and active,
            facts={
                **{key: names[key] for key in ("limit", "unit") if names.get(key) not in (None, "")},
                **facts,
            },
            mark=None
            if sample is None
            else Mark(sample.gateway, sample.device, sample.stream[1], sample.seq, sample.t_ms, at_ms),
        )


def _said(text: str, names: Mapping[str, Fact], *, comma: str = ".") -> str:
    return text.format_map({name: _shown(names.get(name), comma) for name in words_in(text)})


def _shown(fact: Fact, comma: str) -> str:
    """A fact in a sentence; – where nobody knows it."""
    if fact is None:
        return "–"
    if not isinstance(fact, float):
        return str(fact)
    return f"{fact:.2f}".rstrip("0").rstrip(".").replace(".", comma)
