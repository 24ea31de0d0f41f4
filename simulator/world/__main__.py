"""``python -m simulator.world --seeds 1000 [--from 0] [--mutant NAME] [--jobs 2]``."""

from __future__ import annotations

import argparse
import os
import sys

from simulator.world import mutants
from simulator.world.runner import run

SHOWN_FAILURES = 3


def main(arguments: list[str] | None = None) -> int:
    """Run seeds; 0 if every invariant held (with a mutant: if it was caught)."""
    parser = argparse.ArgumentParser(prog="python -m simulator.world", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many (default 1000)")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first one (default 0)")
    parser.add_argument("--mutant", choices=sorted(mutants.MUTANTS), help="plant this bug first")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default all cores)")
    parser.add_argument(
        "--lines", type=int, default=60, help="lines of a failing seed's trace that are shown"
    )
    options = parser.parse_args(arguments)
    seeds = range(options.first, options.first + options.seeds)
    tally = run(
        seeds,
        mutant=options.mutant,
        jobs=options.jobs,
        stop_at_first=options.mutant is not None,
        progress=lambda line: print(line, file=sys.stderr, flush=True),
    )
    for outcome in tally.failed[:SHOWN_FAILURES]:
        print(f"seed {outcome.seed}: {len(outcome.violations)} violations, trace {outcome.digest[:16]}")
        for violation in outcome.violations[:5]:
            print(f"  {violation}")
        for line in outcome.lines[-options.lines :] if options.lines else ():
            print(f"    {line}")
    if len(tally.failed) > SHOWN_FAILURES:
        print("failed seeds:", *[outcome.seed for outcome in tally.failed])
    print(tally.line())
    if options.mutant:
        print(f"{options.mutant}: {'caught' if tally.failed else 'NOT caught'} within {tally.seeds} seeds")
        return 0 if tally.failed else 1
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
