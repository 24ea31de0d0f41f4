"""How good the alarms are for who gets them, in the figures of EEMUA 191 and ISA-18.2. Pure.

Counted is each time that an alarm rang: what a person had to look at. A figure that is off names the alarms that make
it so, the worst first, so that somebody can do something about it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from types import MappingProxyType
from typing import Any, Literal

from hub.alarms.flood import WINDOW_MS, Flood, floods

Key = Literal["rate", "median", "peak", "flood", "chattering", "stale", "top", "mix", "unseen"]

LIMITS: Mapping[Key, float] = MappingProxyType(
    {
        "rate": 1.0,  # alarms per operator in ten minutes in the long run; 2 can just be managed
        "median": 1.0,
        "peak": 10.0,  # more is a flood
        "flood": 0.01,  # share of the time
        "chattering": 0.0,  # alarms
        "stale": 4.0,  # alarms: fewer than 5
        "top": 0.05,  # share of all that the ten most frequent make
        "mix": 0.05,  # share of high and critical ones
        "unseen": 0.0,  # alarms that lapsed, nobody having looked
    }
)
"""What is recommended, as the most of it."""

MIX: Mapping[int, float] = MappingProxyType({0: 0.80, 1: 0.15, 2: 0.04, 3: 0.01})
"""What share of all alarms each severity should have: 80, 15 and 5 of a hundred, the critical ones a few of the 5."""

CHATTERS = 3
"""An alarm that rings so often within CHATTERING_MS chatters."""

CHATTERING_MS = 60_000
STALE_MS = 24 * 3_600_000
TOP = 10
FEW = 100
"""Of fewer alarms than this nothing is to be learned from the most frequent."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure beside its limit.

    Attributes:
        value: None where nothing rang, so that there is none.
        blamed: ids of the alarms that have most to do with it, the worst first.
    """

    key: Key
    value: float | None
    blamed: tuple[int, ...] = ()

    @property
    def limit(self) -> float:
        """The most that is recommended."""
        return LIMITS[self.key]

    @property
    def off(self) -> bool:
        """Whether it is more than recommended."""
        return self.value is not None and self.value > self.limit

    @property
    def times(self) -> float:
        """How many times the limit it is; where none is allowed, each counts as once the limit."""
        if self.value is None:
            return 0.0
        return self.value / self.limit if self.limit else self.value


@dataclass(frozen=True, slots=True)
class Quality:
    """The figures of a time.

    Attributes:
        windows: how many alarms rang in each ten minutes, oldest first.
        top: ids of the alarms that rang most, with how often.
        mix: share of each severity; empty where nothing rang.
    """

    from_ms: int
    to_ms: int
    operators: int
    rang: int
    windows: tuple[int, ...]
    floods: tuple[Flood, ...]
    figures: tuple[Figure, ...]
    top: tuple[tuple[int, int], ...]
    mix: Mapping[int, float]

    @property
    def worst(self) -> Figure | None:
        """The figure that is furthest off; None where none is."""
        return max((one for one in self.figures if one.off), key=lambda one: one.times, default=None)


def measure(
    rang: Sequence[Mapping[str, Any]],
    *,
    active: Iterable[Mapping[str, Any]],
    unseen: Iterable[int],
    from_ms: int,
    to_ms: int,
    operators: int,
) -> Quality:
    """The figures of the alarms between two times.

    Args:
        rang: each time that an alarm rang, oldest first: id, at_ms, severity.
        active: the alarms that are there now: id, raised_ms.
        unseen: ids of those that lapsed in that time.
        operators: how many share the alarms.
    """
    inside = [one for one in rang if from_ms <= one["at_ms"] < to_ms]
    times = sorted(one["at_ms"] for one in inside)
    often = Counter(one["id"] for one in inside)
    top = tuple(often.most_common(TOP))
    loud = tuple(alarm for alarm, _ in top)
    windows = _windows(times, from_ms, to_ms)
    found = floods(times, operators=operators, now_ms=to_ms)
    severities = Counter(int(one["severity"]) for one in inside)
    mix = {severity: severities[severity] / len(inside) for severity in MIX} if inside else {}
    urgent = Counter(one["id"] for one in inside if one["severity"] >= 2)
    chattering = _chattering(inside)
    stale = sorted(
        (one for one in active if to_ms - one["raised_ms"] > STALE_MS), key=lambda one: one["raised_ms"]
    )
    lapsed = tuple(dict.fromkeys(unseen))
    shares = [count / operators for count in windows]
    figures = (
        Figure("rate", sum(shares) / len(shares), loud),
        Figure("median", median(shares), loud),
        Figure("peak", max(shares), _in_floods(inside, found) or loud),
        Figure("flood", _share(found, from_ms, to_ms), _in_floods(inside, found)),
        Figure("chattering", float(len(chattering)), tuple(chattering)),
        Figure("stale", float(len(stale)), tuple(one["id"] for one in stale)),
        Figure("top", sum(count for _, count in top) / len(inside) if len(inside) >= FEW else None, loud),
        Figure("mix", mix[2] + mix[3] if mix else None, tuple(alarm for alarm, _ in urgent.most_common(TOP))),
        Figure("unseen", float(len(lapsed)), lapsed),
    )
    return Quality(from_ms, to_ms, operators, len(inside), windows, tuple(found), figures, top, mix)


def _windows(times: Sequence[int], from_ms: int, to_ms: int) -> tuple[int, ...]:
    counts = Counter((t_ms - from_ms) // WINDOW_MS for t_ms in times)
    return tuple(counts[at] for at in range(max(1, -(-(to_ms - from_ms) // WINDOW_MS))))


def _share(found: Iterable[Flood], from_ms: int, to_ms: int) -> float:
    """How much of the time was flood."""
    spent = sum((to_ms if one.to_ms is None else one.to_ms) - one.from_ms for one in found)
    return spent / max(1, to_ms - from_ms)


def _in_floods(rang: Iterable[Mapping[str, Any]], found: Sequence[Flood]) -> tuple[int, ...]:
    """What rang most in the floods."""
    counts = Counter(
        one["id"]
        for one in rang
        if any(flood.from_ms <= one["at_ms"] < (flood.to_ms or one["at_ms"] + 1) for flood in found)
    )
    return tuple(alarm for alarm, _ in counts.most_common(TOP))


def _chattering(rang: Iterable[Mapping[str, Any]]) -> list[int]:
    """Ids of the alarms that rang again and again within a minute, the most frequent first."""
    times: dict[int, list[int]] = defaultdict(list)
    for one in rang:
        times[one["id"]].append(one["at_ms"])
    found = {
        alarm: len(at)
        for alarm, at in times.items()
        if any(
            later - earlier <= CHATTERING_MS for earlier, later in zip(at, at[CHATTERS - 1 :], strict=False)
        )
    }
    return sorted(found, key=lambda alarm: -found[alarm])
