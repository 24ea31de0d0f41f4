"""Many seeds, on several processes, with a word of progress now and then."""

from __future__ import annotations

import multiprocessing
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import FrameType

from simulator.world import mutants
from simulator.world.oracle import Violation
from simulator.world.world import Outcome, run_seed

PROGRESS_S = 5.0
SEED_S = 20
"""A seed takes a fraction of a second; one that takes so long never ends."""


@dataclass
class Tally:
    """What many seeds came to.

    Attributes:
        cpu_s: processor time of all seeds, summed over processes.
    """

    seeds: int = 0
    failed: list[Outcome] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    cpu_s: float = 0.0
    wall_s: float = 0.0
    virtual_s: float = 0.0

    def line(self) -> str:
        """In one line."""
        per_seed_ms = self.cpu_s / max(1, self.seeds) * 1000
        return (
            f"{self.seeds} seeds, {len(self.failed)} failed, {self.counts['promised']} records promised, "
            f"{self.counts['faults']} faults, {self.virtual_s / 3600:.1f} h of world time, "
            f"{per_seed_ms:.0f} ms of CPU a seed, {self.wall_s:.0f} s"
        )


def _one(job: tuple[int, str | None]) -> tuple[Outcome, float]:
    seed, mutant = job
    began = time.process_time()
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(SEED_S)
    try:
        with mutants.planted(mutant):
            outcome = run_seed(seed)
    except TimeoutError as error:
        outcome = Outcome(seed, "", [Violation("code", f"no end after {SEED_S} s: {error}")], {}, [])
    finally:
        signal.alarm(0)
    if not outcome.violations:
        outcome.lines.clear()
    return outcome, time.process_time() - began


def _too_long(_number: int, frame: FrameType | None) -> None:
    place = "".join(traceback.format_stack(frame, limit=6))
    raise TimeoutError(place)


def run(
    seeds: Iterable[int],
    *,
    mutant: str | None = None,
    jobs: int = 1,
    stop_at_first: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Tally:
    """Run seeds and add up what came of them."""
    tally = Tally()
    began = told = time.monotonic()
    for outcome, cpu_s in _results(((seed, mutant) for seed in seeds), jobs):
        tally.seeds += 1
        tally.cpu_s += cpu_s
        tally.virtual_s += outcome.virtual_s
        tally.counts.update(outcome.counts)
        tally.wall_s = time.monotonic() - began
        if outcome.violations:
            tally.failed.append(outcome)
            if progress:
                progress(f"seed {outcome.seed}: {outcome.violations[0]}")
            if stop_at_first:
                break
        if progress and time.monotonic() - told > PROGRESS_S:
            told = time.monotonic()
            progress(tally.line())
    return tally


def _results(jobs: Iterable[tuple[int, str | None]], processes: int) -> Iterator[tuple[Outcome, float]]:
    if processes == 1:
        yield from map(_one, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        # In order, so that "within so many seeds" means the same on any machine.
        yield from pool.imap(_one, jobs)
