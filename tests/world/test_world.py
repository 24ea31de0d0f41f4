"""The production code in the deterministic world: no seed breaks an invariant, and every planted bug is seen."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.world import mutants
from simulator.world.runner import run

ROOT = Path(__file__).parents[2]
SEEDS = int(os.environ.get("SIAGA_SEEDS", "1000"))
PART = 50 if SEEDS <= 5000 else 2000
MUTANT_SEEDS = 200
"""A planted bug that this many seeds do not show is not caught."""


def _told(tally):
    return "\n".join(
        f"seed {outcome.seed}: {violation}"
        for outcome in tally.failed[:5]
        for violation in outcome.violations[:3]
    ) + "\n".join(tally.failed[0].lines[-40:] if tally.failed else ())


@pytest.mark.parametrize("first", range(0, SEEDS, PART))
def test_no_seed_breaks_an_invariant(first, measured):
    tally = run(range(first, min(SEEDS, first + PART)))
    measured(f"world from seed {first}: {tally.line()}")
    assert not tally.failed, _told(tally)
    assert tally.counts["promised"] > 20 * tally.seeds, "the world must do something"


CASES = [
    int(line.split()[0])
    for line in (Path(__file__).parent / "seeds.txt").read_text().splitlines()
    if line.strip() and not line.startswith("#")
]


@pytest.mark.parametrize("seed", CASES)
def test_a_seed_that_once_failed_stays_good(seed):
    tally = run([seed])
    assert not tally.failed, _told(tally)


@pytest.mark.parametrize("name", sorted(mutants.MUTANTS))
def test_a_planted_bug_is_caught(name, measured):
    mutant = mutants.MUTANTS[name]
    # The seed that is known to show it goes first; the world may have changed since it was searched.
    tally = run([mutant.seen_at, *range(MUTANT_SEEDS)], mutant=name, stop_at_first=True)
    assert tally.failed, f"{name} lived through {tally.seeds} seeds"
    caught = {violation.invariant for violation in tally.failed[0].violations}
    measured(f"planted bug {name}: caught by {sorted(caught)} at seed {tally.failed[0].seed}")
    assert caught & set(mutant.shows), f"{name} was caught by {sorted(caught)} only"


def test_one_seed_has_one_history_whatever_the_hash_seed():
    program = (
        "from simulator.world.world import run_seed\n"
        "for seed in (3, 4, 7, 12, 21): print(seed, run_seed(seed).digest)"
    )
    histories = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "1", "4242")
    }
    assert len(histories) == 1
    digests = [line.split()[1] for line in histories.pop().splitlines()]
    assert len(set(digests)) == 5, "different seeds have different histories"
