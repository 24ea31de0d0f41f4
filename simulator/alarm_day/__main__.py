"""``python -m simulator.alarm_day [--seed N] [--operators N] [--hours H] [--gateways N] [--presses N]``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import StaticPool, create_engine

import hub.tables  # noqa: F401 - declares every table
from hub.db import metadata
from hub.region import load
from hub.rules import book
from simulator.alarm_day.day import Day, Outcome
from simulator.alarm_day.plan import Scale

PROFILE = Path(__file__).resolve().parents[2] / "profiles" / "kota-contoh"


def main(arguments: Sequence[str] | None = None) -> int:
    """Live through a day and print its figures; 0 when nothing was missed, 1 when something was."""
    usual = Scale()
    parser = argparse.ArgumentParser(prog="python -m simulator.alarm_day", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--operators", type=int, default=usual.operators)
    parser.add_argument("--hours", type=float, default=usual.hours)
    parser.add_argument("--gateways", type=int, default=usual.gateways, help="that lose their power")
    parser.add_argument(
        "--presses", type=int, default=usual.presses, help="by mistake; one more is in earnest"
    )
    chosen = parser.parse_args(arguments)
    scale = Scale(
        hours=chosen.hours,
        gateways=chosen.gateways,
        presses=chosen.presses,
        operators=chosen.operators,
    )
    began_s = time.monotonic()
    engine = create_engine("sqlite://", poolclass=StaticPool)
    metadata.create_all(engine)
    with engine.connect() as conn:
        outcome = Day(conn, load(PROFILE), scale, chosen.seed, rules=PROFILE / book.NAME).run()
    engine.dispose()
    for line in told(outcome):
        print(line)
    print(f"{chosen.hours:g} h in {time.monotonic() - began_s:.0f} s")
    return 0 if all_well(outcome) else 1


def all_well(outcome: Outcome) -> bool:
    """Whether nothing was missed: no alarm from old records, the press in earnest always seen, no alarm lost."""
    press = outcome.true_press
    seen = press.waited_ms is not None and 0 < press.looks == press.shown
    return outcome.backfill_rang == 0 and seen and outcome.pressed == outcome.presses and not outcome.wrong


def told(outcome: Outcome) -> Iterator[str]:
    """The figures, a line each."""
    quality = outcome.quality
    figures = {one.key: one for one in quality.figures}
    press = outcome.true_press
    yield f"alarms that rang                         {quality.rang:8d}   for {quality.operators} operators"
    for key, name in (("rate", "mean"), ("median", "median"), ("peak", "peak")):
        one = figures[key]  # type: ignore[index]
        yield f"  per operator in 10 min, {name:<8}       {one.value:8.2f}   recommended {one.limit:g}"
    yield f"share of time in flood                   {100 * (figures['flood'].value or 0):8.2f} % recommended < 1"
    yield f"longest list                             {outcome.most_listed:8d}   in {outcome.most_lines} lines"
    yield f"children suppressed                      {outcome.suppressed:8d}"
    yield f"records that came late                   {outcome.backfilled:8d}   with {outcome.late_presses} presses"
    yield f"alarms raised by backfill                {outcome.backfill_rang:8d}"
    yield f"presses                                  {outcome.presses:8d}   {outcome.pressed} found, 1 in earnest"
    waited = "nobody" if press.waited_ms is None else f"{press.waited_ms / 1000:.0f} s"
    yield f"  in earnest: acknowledged after         {waited:>8}"
    yield f"  a line of its own that sounds          {press.shown:8d}   of {press.looks} looks"
    yield f"chattering alarms                        {figures['chattering'].value or 0:8.0f}"
    yield f"conditions without their alarm, or back  {len(outcome.wrong):8d}"


if __name__ == "__main__":
    sys.exit(main())
