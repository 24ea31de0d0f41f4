"""``python -m simulator.press_day [--seed N] [--seeds N] [--operators N] [--hours H] [--mistakes N]``."""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import Connection, StaticPool, create_engine

import hub.tables  # noqa: F401 - declares every table
from hub.agencies.reading import read, texts_of
from hub.db import metadata
from hub.region import load
from simulator.press_day.day import Day
from simulator.press_day.outcome import Outcome, outcome
from simulator.press_day.plan import Scale

PROFILE = Path(__file__).resolve().parents[2] / "profiles" / "kota-contoh"

STEPS = (
    ("acknowledge", "acknowledged"),
    ("verify", "rung back, verified"),
    ("assign", "agency assigned"),
    ("accept", "agency answered"),
    ("arrive", "on scene"),
)
"""What is told of the press in earnest."""

NEEDED = ("acknowledge", "verify", "assign", "accept", "arrive", "finish")
"""Steps that the press in earnest must have come to."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Live through a day and print its figures; 0 when nobody was left without an answer, 1 when somebody was."""
    usual = Scale()
    parser = argparse.ArgumentParser(prog="python -m simulator.press_day", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1, help="so many days, from this seed on")
    parser.add_argument("--operators", type=int, default=usual.operators)
    parser.add_argument("--hours", type=float, default=usual.hours)
    parser.add_argument("--mistakes", type=int, default=usual.mistakes, help="one more press is in earnest")
    chosen = parser.parse_args(arguments)
    scale = Scale(hours=chosen.hours, mistakes=chosen.mistakes, operators=chosen.operators)
    began_s = time.monotonic()
    days = [lived_alone(scale, seed) for seed in range(chosen.seed, chosen.seed + chosen.seeds)]
    for line in told(days[0]) if len(days) == 1 else told_together(days):
        print(line)
    print(f"{len(days)} x {chosen.hours:g} h in {time.monotonic() - began_s:.0f} s")
    return 0 if all(all_well(day) for day in days) else 1


def lived_alone(scale: Scale, seed: int) -> Outcome:
    """What a day came to that has a database in memory for itself."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    metadata.create_all(engine)
    with engine.connect() as conn:
        found = lived(conn, scale, seed)
    engine.dispose()
    return found


def lived(conn: Connection, scale: Scale, seed: int) -> Outcome:
    """What a day in Kota Contoh came to; ``conn`` is on the hub's tables, empty."""
    profile = load(PROFILE)
    directory = read(texts_of(PROFILE), profile)
    day = Day(conn, profile, directory, scale, seed)
    day.run()
    return outcome(conn, day.presses, directory.delays("panic"))


def all_well(found: Outcome) -> bool:
    """Whether every press is in one incident, the one in earnest was brought to its end, and nobody waited unheard."""
    complete = found.found == found.presses and not found.doubled
    answered = not any(wait.to_ms is None for wait in found.waits)
    return complete and answered and not found.unescalated and set(NEEDED) <= set(found.earnest)


def told(found: Outcome) -> Iterator[str]:
    """The figures, a line each."""
    yield f"presses                                  {found.presses:6d}   {found.found} found, 1 in earnest"
    yield f"incidents                                {found.incidents:6d}   {found.joined} presses joined an open one"
    yield f"  most presses of one                    {found.most_joined:6d}"
    yield f"  two of one button open at once         {found.doubled:6d}"
    yield "the press in earnest, from the press:"
    for step, name in STEPS:
        after = f"{found.earnest[step] / 1000:.0f} s" if step in found.earnest else "never"
        yield f"  {name:<38}{after:>7}"
    yield "questions answered after:                median     95 %     most"
    for question, name in (
        ("acknowledge", "acknowledged"),
        ("decide", "decided"),
        ("agency", "by the agency"),
    ):
        figures = "".join(f"{found.share(question, part) / 1000:7.0f} s" for part in (0.5, 0.95, 1))
        yield f"  {name:<34}{figures}"
    yield f"  acknowledged within 15 s               {100 * found.within('acknowledge', 15_000):6.1f} %"
    levels = ", ".join(f"{count} {level}" for level, count in found.told.items())
    yield f"messages                                 {sum(found.told.values()):6d}   {levels}"
    yield f"  most in a minute                       {found.peak_told:6d}   presses {found.peak_pressed}"
    yield f"everybody asked twice, then an alarm     {found.exhausted:6d}"
    yield f"stood too long, and nobody else asked    {len(found.unescalated):6d}"


def told_together(days: Sequence[Outcome]) -> Iterator[str]:
    """The figures of several days: the press in earnest is one a day, and says little alone."""
    yield f"the press in earnest, of {len(days)} days:          median    worst"
    for step, name in STEPS:
        after = [day.earnest.get(step, float("inf")) / 1000 for day in days]
        yield f"  {name:<38}{statistics.median(after):7.0f} s{max(after):7.0f} s"
    within = [100 * day.within("acknowledge", 15_000) for day in days]
    yield f"{'acknowledged within 15 s, %':<40}{statistics.median(within):7.0f}  {min(within):7.0f}"
    for name, figures in (
        ("incidents", [day.incidents for day in days]),
        ("presses that joined an open one", [day.joined for day in days]),
        ("messages", [sum(day.told.values()) for day in days]),
        (
            "  to supervisors and heads",
            [day.told.get("supervisor", 0) + day.told.get("head", 0) for day in days],
        ),
        ("  most in a minute", [day.peak_told for day in days]),
        ("everybody asked twice, then an alarm", [day.exhausted for day in days]),
    ):
        yield f"{name:<40}{statistics.median(figures):7.0f}  {max(figures):7.0f}"
    yield f"presses without an incident, or in two  {sum(day.presses - day.found + day.doubled for day in days):7d}"
    yield f"stood too long, and nobody else asked   {sum(len(day.unescalated) for day in days):7d}"


if __name__ == "__main__":
    sys.exit(main())
