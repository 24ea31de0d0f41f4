"""``python -m benchmarks``: measure, print the table, write the results and the plot."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine, plot, table
from benchmarks.aims import AIMS
from benchmarks.parts import PARTS
from benchmarks.place import ROOT


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status. An aim that is not reached is no failure: it is in the table."""
    parser = _parser()
    options = parser.parse_args(arguments)
    for name in options.part:
        if name not in PARTS:
            parser.error(f"no part {name!r}; there are {', '.join(PARTS)}")
    chosen = options.part or [
        name for name, part in PARTS.items() if not part.needs or os.environ.get(part.needs)
    ]
    home: Path = options.home
    home.mkdir(parents=True, exist_ok=True)
    results = _earlier(home / "bench.json") if options.part else {}
    notes: dict[str, Any] = {}
    print(machine.name(), flush=True)
    failed = []
    for name in chosen:
        began_s = time.monotonic()
        print(f"{name}: {PARTS[name].about} …", flush=True)
        try:
            found = _measure(name, home, quick=options.quick)
        except Exception:
            # What the other parts have measured in ten minutes must not be lost with it.
            traceback.print_exc()
            failed.append(name)
            continue
        notes |= found.pop("notes", {})
        merge(results, found)
        (home / "bench.json").write_text(json.dumps(results, indent=2) + "\n")
        print(f"{name}: {time.monotonic() - began_s:.0f} s", flush=True)
    (home / "bench.svg").write_text(plot.render(results))
    print(f"\n{table.render(results, AIMS)}\n")
    for what, value in notes.items():
        print(f"{what}: {json.dumps(value)}")
    print(f"\n{home / 'bench.json'}, {home / 'bench.svg'}")
    if failed:
        print(f"not measured, for what is said above: {', '.join(failed)}")
        return 1
    return 0


def merge(into: dict[str, Any], piece: Mapping[str, Any]) -> None:
    """Put a part's piece into the results, table by table."""
    for key, value in piece.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value


def _measure(name: str, home: Path, *, quick: bool) -> dict[str, Any]:
    part = PARTS[name]
    folder = Path(tempfile.mkdtemp(prefix=f"bench-{name}-", dir=home))
    try:
        found = asyncio.run(part.load()(folder.resolve(), quick=quick))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not part.under:
        return found
    notes = found.pop("notes", {})
    return {part.under: found, "notes": notes}


def _earlier(path: Path) -> dict[str, Any]:
    """The results of an earlier run, into which those of a few parts go."""
    if not path.exists():
        return {}
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="How fast Siaga is on this machine."
    )
    parser.add_argument("part", nargs="*", help="; ".join(f"{n}: {p.about}" for n, p in PARTS.items()))
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a moment of each, to see that it works; no figure means anything",
    )
    parser.add_argument(
        "--home", type=Path, default=ROOT / ".siaga", metavar="FOLDER", help="for data and results"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
