"""Who presses which button when, drawn from a seed: mistakes alone or in fits, and one press in earnest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from hub.region import Gateway, Region
from simulator.alarm_day.plan import HOUR_MS, MINUTE_MS, by_day
from simulator.alarm_day.town import small_gateways

BEGIN_MS = 1_790_000_000_000

BREAK_EVERY_MS, BREAK_MS = 2 * HOUR_MS, 15 * MINUTE_MS
"""Operators are no machines."""

FIT_SHARE = 0.35
"""So many of the mistakes are fits: somebody presses until somebody comes."""

FIT_MOST = 5
"""Most presses of a fit."""

RESTLESS_SHARE = 0.3
"""So many of the mistakes are at the few buttons that children have found."""

APART_MS = 20 * MINUTE_MS
"""The button of the press in earnest was left alone for so long before it, and is afterwards."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything.

    Attributes:
        hours: in which it all happens, most of it in the middle.
        mistakes: presses by mistake; one more is in earnest.
        buttons: that can be pressed.
        restless: of those, that children have found.
        operators: before one list.
    """

    hours: float = 24.0
    mistakes: int = 700
    buttons: int = 150
    restless: int = 6
    operators: int = 2


@dataclass(frozen=True, slots=True)
class Absence:
    """An operator is not at the desk between two times, unless somebody fetches them back."""

    operator: int
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Press:
    """A press: when (hub time, ms), and where."""

    at_ms: int
    gateway: str
    device: str
    earnest: bool = False


def absences(scale: Scale) -> list[Absence]:
    """Each operator leaves the desk for BREAK_MS in every BREAK_EVERY_MS, one after the other; once all do at once."""
    end_ms = BEGIN_MS + round(scale.hours * HOUR_MS)
    found = [
        Absence(number, from_ms, from_ms + BREAK_MS)
        for number in range(scale.operators)
        for from_ms in range(BEGIN_MS + number * BREAK_MS, end_ms, BREAK_EVERY_MS)
    ]
    lonely_ms = BEGIN_MS + round(scale.hours * HOUR_MS * 0.75)
    return found + [Absence(number, lonely_ms, lonely_ms + BREAK_MS) for number in range(scale.operators)]


def plan(region: Region, scale: Scale, random: Random) -> tuple[Press, ...]:
    """All presses in their order. The one in earnest comes in the minute in which most mistakes are made."""
    boards = small_gateways(region)
    begin_ms, end_ms = BEGIN_MS, BEGIN_MS + round(scale.hours * HOUR_MS)
    mistakes: list[Press] = []
    while len(mistakes) < scale.mistakes:
        few = boards[: scale.restless] if random.random() < RESTLESS_SHARE else boards
        left = scale.mistakes - len(mistakes)
        mistakes += _fit(random.choice(few), by_day(begin_ms, end_ms, random), left, random)
    return tuple(
        sorted([*mistakes, _earnest(mistakes, boards, scale, random)], key=lambda press: press.at_ms)
    )


def _fit(board: Gateway, at_ms: int, left: int, random: Random) -> list[Press]:
    """One mistake: a press, or a few of the same button within seconds."""
    count = random.randint(2, FIT_MOST) if random.random() < FIT_SHARE else 1
    found = []
    for _ in range(min(count, left)):
        found.append(Press(at_ms, board.id, "tombol"))
        at_ms += random.randrange(1_500, 20_000)
    return found


def _earnest(mistakes: Sequence[Press], boards: Sequence[Gateway], scale: Scale, random: Random) -> Press:
    at_ms = _busiest_ms(mistakes) + 100
    busy = {press.gateway for press in mistakes if abs(press.at_ms - at_ms) < APART_MS}
    # Where one was pressed by mistake before, its history speaks against it: that is the hard case.
    doubted = {press.gateway for press in mistakes if press.at_ms < at_ms} - busy
    calm = [board.id for board in boards[scale.restless :] if board.id not in busy]
    return Press(
        at_ms, random.choice([one for one in calm if one in doubted] or calm), "tombol", earnest=True
    )


def _busiest_ms(mistakes: Sequence[Press]) -> int:
    """In the middle of the minute that has most mistakes."""
    minutes = [press.at_ms // MINUTE_MS for press in mistakes]
    return max(sorted(set(minutes)), key=minutes.count) * MINUTE_MS + MINUTE_MS // 2
