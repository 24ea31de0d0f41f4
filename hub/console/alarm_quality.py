"""The figures of alarm quality in words: what each means, what is recommended, and what to do about the worst. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hub.alarms.flood import FLOOD_OVER
from hub.alarms.quality import Figure, Key, Quality
from hub.console.language import marked as _


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of a figure: message ids.

    Attributes:
        percent: the value is a share, told in percent.
        advice: what to do where it is off.
    """

    title: str
    recommended: str
    advice: str
    percent: bool = False


TOLD: Mapping[Key, Told] = {
    "rate": Told(
        _("Alarms per operator in 10 minutes, on average"),
        _("1; 2 can just be managed"),
        _("Too much for one person all day. Give the loudest alarms more hysteresis or a longer delay."),
    ),
    "median": Told(
        _("Alarms per operator in 10 minutes, median"),
        _("at most 1"),
        _("There is no quiet time. Look at the loudest alarms below: hysteresis and delay first."),
    ),
    "peak": Told(
        _("Most alarms per operator in 10 minutes"),
        _("10; more is a flood"),
        _("What rang together has one cause. Suppress its consequences by that cause."),
    ),
    "flood": Told(
        _("Share of the time in flood"),
        _("less than 1 %"),
        _("What rang in the floods follows from one cause, as a power cut. Suppress it by that cause."),
        percent=True,
    ),
    "chattering": Told(
        _("Chattering alarms: 3 times or more within a minute"),
        _("none"),
        _("Give it a hysteresis or a delay (for-time) in its rule. Until then shelve it."),
    ),
    "stale": Told(
        _("Stale alarms: there for more than 24 hours"),
        _("fewer than 5"),
        _("It tells nobody anything. Repair what it is about, take it out of service, or shelve it."),
    ),
    "top": Told(
        _("Share of the ten most frequent"),
        _("at most 5 %"),
        _("A few alarms make most of the noise. Begin with the first: hysteresis, delay, or another limit."),
        percent=True,
    ),
    "mix": Told(
        _("Share of high and critical ones"),
        _("5 %; medium 15 %, low 80 %"),
        _("Who calls everything urgent is not heard. Lower the priority of what can wait for ten minutes."),
        percent=True,
    ),
    "unseen": Told(
        _("Over and lapsed, seen by nobody"),
        _("none"),
        _("Nobody looked for hours. Are there too many, or too few people?"),
    ),
}


@dataclass(frozen=True, slots=True)
class Bar:
    """Ten minutes of the plot, in a box of 1000 by 100."""

    x: float
    y: float
    width: float
    height: float
    flood: bool


def bars(quality: Quality) -> list[Bar]:
    """How many alarms rang per operator, ten minutes by ten minutes; several together where they are many."""
    most = top(quality)
    group = max(1, -(-len(quality.windows) // 288))
    grouped = [max(quality.windows[at : at + group]) for at in range(0, len(quality.windows), group)]
    width = 1000 / len(grouped)
    found = []
    for at, count in enumerate(grouped):
        share = count / quality.operators
        height = 100 * share / most
        found.append(Bar(at * width, 100 - height, width * 0.85, height, share > FLOOD_OVER))
    return found


def top(quality: Quality) -> float:
    """What the plot's height stands for: at least a little more than a flood begins with."""
    return max([FLOOD_OVER * 1.2, *(count / quality.operators for count in quality.windows)])


def shown(figure: Figure) -> tuple[float | None, int]:
    """A figure's value as it is told, and with how many digits."""
    if figure.value is None:
        return None, 0
    if TOLD[figure.key].percent:
        return 100 * figure.value, 1
    return figure.value, 2 if figure.key == "rate" else 0 if figure.value == int(figure.value) else 1
