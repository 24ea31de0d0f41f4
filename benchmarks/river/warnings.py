"""How early a rate of rise or a post upstream warns of Siaga 3, how often in vain, and how often not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.river.alarms import Span
from benchmarks.river.posts import HOUR_MS, TRAVEL_H

RATES_M_H = {"depok": (0.1, 0.2, 0.3), "manggarai": (0.1, 0.2, 0.3)}
WINDOW_S, GAP_S = 3 * 3600, 2 * 3600
"""The file has one value an hour: a rate is the line through three hours."""

APART_MS = 24 * HOUR_MS
"""Siaga 3 that comes back within a day of having been left is the same event."""

BEFORE_MS = 24 * HOUR_MS
"""A warning further ahead than this has nothing to do with the event."""


@dataclass(frozen=True, slots=True)
class Warned:
    """What a rule was worth at a post.

    Attributes:
        events: how often the post reached Siaga 3, floods of one day counted once.
        ahead: of those, how often the rule had warned before.
        lead_h: hours from its warning to the event, of those; ascending.
        warnings: how often it warned.
        in_vain: of those, how often no event came within a day, and none was on.
    """

    name: str
    events: int
    ahead: int
    lead_h: tuple[float, ...]
    warnings: int
    in_vain: int

    @property
    def median_h(self) -> float | None:
        """Middle of the lead times; None without any."""
        return median(self.lead_h) if self.lead_h else None


def events(at_siaga_3: Sequence[Span]) -> list[Span]:
    """Times at Siaga 3 or worse, joined where less than a day lies between them."""
    joined: list[Span] = []
    for begins, until in at_siaga_3:
        last = joined[-1][1] if joined else None
        if joined and last is not None and begins - last <= APART_MS:
            joined[-1] = (joined[-1][0], until)
        else:
            joined.append((begins, until))
    return joined


def judge(name: str, floods: Sequence[Span], warnings: Sequence[Span]) -> Warned:
    """Hold the warnings of a rule against the events of its post.

    A warning counts for an event that begins within a day after the warning began; the earliest of those is its lead.
    One that begins with the event or while it is on is neither ahead nor in vain.
    """
    lead = []
    for begins, _ in floods:
        before = [start for start, _ in warnings if begins - BEFORE_MS <= start < begins]
        if before:
            lead.append((begins - min(before)) / HOUR_MS)
    in_vain = sum(
        1
        for start, _ in warnings
        if not any(
            start <= begins <= start + BEFORE_MS or (begins <= start and (until is None or start <= until))
            for begins, until in floods
        )
    )
    return Warned(name, len(floods), len(lead), tuple(sorted(lead)), len(warnings), in_vain)


def rules() -> str:
    """The rules that warn, as rules.toml: rates of rise at both posts, and the posts above them."""
    words = 'reason_id = "{value}"\nreason_en = "{value}"\nadvice = "/rivers"\n'
    parts = [
        f'[[rule]]\nid = "naik-{post}-{round(rate * 100)}"\nkind = "rise"\ndevices = ["gw-{post}/duga-air"]\n'
        f'quantity = "level_m"\nper_h = {rate}\nwindow_s = {WINDOW_S}\ngap_s = {GAP_S}\n{words}'
        for post, rates in RATES_M_H.items()
        for rate in rates
    ]
    parts += [
        f'[[rule]]\nid = "hulu-{above}-{below}-{siaga}"\nkind = "upstream"\nstation = "{below}"\n'
        f'upstream = "{above}"\nsiaga = {siaga}\ngap_s = {GAP_S}\n{words}'
        for above, ways in TRAVEL_H.items()
        for below, _, _ in ways
        for siaga in (3, 2)
    ]
    return "\n".join(parts)


def post_of(rule: str) -> str:
    """The post that a rule of ``rules`` warns."""
    kind, first, *rest = rule.split("-")
    return first if kind == "naik" else rest[0]
