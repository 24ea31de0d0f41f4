"""Feeds a parser with inputs and counts: taken, refused in the way that it promises, and everything else, a fault."""

from __future__ import annotations

import time
import traceback
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.mutation import Mutator

SLOW_S = 2.0
"""An input that takes longer is a fault: whoever sends it could stop us with it."""

MOST_FAULTS = 20
"""How many different faults are kept of one parser."""


@dataclass(frozen=True, slots=True)
class Target:
    """A parser that reads bytes from outside.

    Attributes:
        feed: reads one input; what it returns is of no matter.
        seeds: sound inputs.
        refusals: how it says that an input is none; anything else that it raises is a fault.
        close: lets go what it holds.
        only_refuses: none of the seeds is taken.
        cost: of one input; a campaign gives it so many times fewer.
    """

    name: str
    feed: Callable[[bytes], object]
    seeds: Sequence[bytes]
    refusals: tuple[type[BaseException], ...] = ()
    close: Callable[[], None] = lambda: None
    cost: int = 1
    only_refuses: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """An input that did what none may do."""

    what: str
    data: bytes


@dataclass(slots=True)
class Count:
    """What came of a parser's inputs."""

    target: str
    inputs: int = 0
    taken: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    faults: list[Fault] = field(default_factory=list)


def run(target: Target, inputs: int, seed: int, *, slow_s: float = SLOW_S) -> Count:
    """Feed a target with so many inputs of a seed."""
    # Not hash(): that differs from run to run.
    mutator = Mutator(target.seeds, seed ^ zlib.crc32(target.name.encode()))
    count, seen = Count(target.name), set[tuple[str, str]]()
    for _ in range(inputs):
        data = mutator.next()
        began_s = time.perf_counter()
        what, where = _judge(target, data, count)
        took_s = time.perf_counter() - began_s
        count.inputs += 1
        count.slowest_s = max(count.slowest_s, took_s)
        if not what and took_s > slow_s:
            what, where = "slow", f"took {took_s:.1f} s"
        # One mistake is told once, however many inputs come upon it.
        if what and (what, where.partition(" ")[0]) not in seen and len(seen) < MOST_FAULTS:
            seen.add((what, where.partition(" ")[0]))
            count.faults.append(Fault(f"{what} {where}", data))
    return count


def _judge(target: Target, data: bytes, count: Count) -> tuple[str, str]:
    """What kind of fault an input is, and where; empty for none."""
    try:
        target.feed(data)
    except target.refusals:
        count.refused += 1
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return type(error).__name__, f"{Path(frame.filename).name}:{frame.lineno} {error}"[:200]
    else:
        count.taken += 1
    return "", ""
