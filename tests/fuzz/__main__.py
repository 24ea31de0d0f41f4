"""``python -m tests.fuzz --inputs 100000 --seed 7``: the long campaign, a line for each parser."""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from tests.fuzz import parsers, web
from tests.fuzz.campaign import run
from tests.fuzz.openapi import Tried, try_all
from tests.hub.api.conftest import opened

OPENAPI_COST = 500
"""A request by the document costs so many times what an input of a parser costs."""


def main() -> int:
    """Run it; 1 where a parser has a fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000, metavar="N", help="for each parser")
    parser.add_argument("--seed", type=int, default=int(time.time()), metavar="N")
    parser.add_argument("--only", default="", metavar="TEXT", help="parsers with that in their name")
    options = parser.parse_args()
    logging.disable()  # what is refused is logged by the thousand
    print(f"seed {options.seed}")
    print(f"{'parser':36} {'inputs':>9} {'taken':>9} {'refused':>9} {'slowest ms':>11} {'faults':>7}")
    total = faults = 0
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder, name) for name in ("parsers", "web", "openapi")]
        for place in places:
            place.mkdir()
        # One after the other: those of a server close it behind them.
        for target in chain(parsers.targets(places[0]), web.targets(places[1])):
            if options.only in target.name:
                count = run(target, max(1, options.inputs // target.cost), options.seed)
                total, faults = total + count.inputs, faults + len(count.faults)
                row = f"{count.inputs:9} {count.taken:9} {count.refused:9} {count.slowest_s * 1000:11.1f}"
                print(f"{count.target:36} {row} {len(count.faults):7}", flush=True)
                for fault in count.faults:
                    print(f"    {fault.what}\n        {fault.data[:300]!r}")
            target.close()
        if options.only in "OpenAPI":
            found = list(_openapi(places[2], options.inputs // OPENAPI_COST, options.seed))
            total, faults = (
                total + sum(one.inputs for one in found),
                faults + sum(bool(one.fault) for one in found),
            )
            answers = sum((one.answers for one in found), start=Counter[int]())
            said = ", ".join(f"{answers[status]} x {status}" for status in sorted(answers))
            print(f"OpenAPI: {len(found)} routes, {sum(one.inputs for one in found)} requests: {said}")
            for one in found:
                if one.fault:
                    print(f"    {one.route} {one.fault}")
    print(f"{total} inputs, {faults} faults")
    return 1 if faults else 0


def _openapi(folder: Path, examples: int, seed: int) -> Iterator[Tried]:
    loop = asyncio.new_event_loop()
    with opened(folder, rates=web.UNLIMITED) as hub:
        yield from try_all(hub, loop, examples=max(1, examples), seed=seed)
    loop.close()


if __name__ == "__main__":
    sys.exit(main())
