"""The demo left alone for a long time, and what its processes take, minute by minute.

    python -m simulator.soak --minutes 95 --consoles 5 --out soak

Starts the demo, writes OUT.jsonl as it goes, ends the demo, and says what grew. Exit status 1 when something did, when
a log holds an error, or when the demo itself ended with one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx

from simulator import growth, proc
from simulator.growth import Line, Minute
from simulator.processes import Child

EVERY_S = 60.0
READY_S = 120.0
END_S = 180.0
FEWEST = 4
"""Minutes after the warm-up below which a slope is noise."""


def processes(root: int) -> Iterator[tuple[str, proc.Usage]]:
    """The demo and what it has started, by name; two of one name are told apart by a number."""
    seen: dict[str, int] = {}
    for pid in (root, *proc.children(root)):
        taken = proc.usage(pid)
        if taken is None:
            continue
        name = proc.name_of(proc.command_line(pid))
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name}-{seen[name]}", taken


def measure(root: int, folder: Path, at_s: float) -> Minute:
    """One look at everything. Logs are counted apart from the folder that they are in."""
    disk = {one.name: proc.disk_bytes(one) / 1024 for one in sorted(folder.iterdir()) if one.is_dir()}
    for log in folder.rglob("*.log"):
        size_kb = log.stat().st_blocks / 2
        disk[log.relative_to(folder).parts[0]] -= size_kb
        disk["logs"] = disk.get("logs", 0) + size_kb
    return Minute(at_s, {name: asdict(taken) for name, taken in processes(root)}, disk)


class Consoles:
    """People who look: each logs in, keeps the event stream open, and asks for the pages' data now and then."""

    PATHS = ("/", "/incidents", "/rivers", "/beds", "/gateways", "/events", "/api/alarms", "/api/stations")

    def __init__(self, where: Mapping[str, Any], count: int, paths: Sequence[str] = PATHS) -> None:
        self._where = where
        self._count = count
        self._paths = paths
        self.events = 0
        self.answers = 0
        self.troubles: list[str] = []

    async def run(self) -> None:
        """Look until cancelled."""
        await asyncio.gather(*(self._one(at) for at in range(self._count)))

    async def _one(self, at: int) -> None:
        await asyncio.sleep(at * 0.5)
        login = {"name": "operator", "password": self._where["logins"]["operator"]}
        async with httpx.AsyncClient(base_url=self._where["api"], timeout=30, trust_env=False) as client:
            (await client.post("/api/login", json=login)).raise_for_status()
            await asyncio.gather(self._listen(client), self._ask(client))

    async def _listen(self, client: httpx.AsyncClient) -> None:
        while True:
            try:
                async with client.stream("GET", "/api/stream", timeout=None) as answer:
                    async for line in answer.aiter_lines():
                        self.events += line.startswith("event:")
            except httpx.HTTPError as error:
                self.troubles.append(f"stream {error!r}")
            await asyncio.sleep(2)

    async def _ask(self, client: httpx.AsyncClient) -> None:
        while True:
            for path in self._paths:
                try:
                    answer = await client.get(path)
                    answer.raise_for_status()
                    self.answers += 1
                except httpx.HTTPError as error:
                    self.troubles.append(f"{path} {error!r}")
                await asyncio.sleep(1)


class Soak:
    """One soak.

    Args:
        minutes: how long.
        consoles: how many look on.
        out: where ``OUT.jsonl`` (what was measured) and ``OUT.log`` (what the demo said) go.
    """

    def __init__(
        self, minutes: float, consoles: int, out: Path, paths: Sequence[str] = Consoles.PATHS
    ) -> None:
        self._minutes = minutes
        self._consoles = consoles
        self._out = out
        self._paths = paths
        self._home = out.parent / f"{out.name}-home"

    def run(self) -> int:
        """Do it; exit status."""
        shutil.rmtree(self._home, ignore_errors=True)
        log = self._out.with_suffix(".log")
        log.unlink(missing_ok=True)
        command = [sys.executable, "-m", "simulator.cli", "--home", str(self._home)]
        # When we are killed the kernel tells the demo, and it ends in good order.
        demo = Child("demo", command, log, death=signal.SIGINT)
        demo.start()
        try:
            return asyncio.run(self._watch(demo))
        finally:
            demo.stop(signal.SIGINT, timeout_s=END_S)

    async def _watch(self, demo: Child) -> int:
        where = await self._where(demo)
        folder = Path(where["folder"])
        began_s = time.monotonic()
        consoles = Consoles(where, self._consoles, self._paths)
        looking = asyncio.create_task(consoles.run())
        minutes: list[Minute] = []
        logs = Logs(folder)
        try:
            with self._out.with_suffix(".jsonl").open("w") as rows:
                while (at_s := time.monotonic() - began_s) <= self._minutes * 60 and demo.alive:
                    minutes.append(measure(demo.pid, folder, round(at_s, 1)))
                    rows.write(json.dumps(asdict(minutes[-1])) + "\n")
                    rows.flush()
                    logs.read()
                    if looking.done():
                        looking.result()
                    await asyncio.sleep(EVERY_S - (time.monotonic() - began_s) % EVERY_S)
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
        logs.read()
        troubles = logs.troubles
        code = await asyncio.to_thread(demo.stop, signal.SIGINT, timeout_s=END_S)
        print(account(minutes, troubles))
        print(
            f"consoles: {self._consoles}, events {consoles.events}, answers {consoles.answers}, "
            f"troubles {consoles.troubles[:5]}"
        )
        print(f"the demo ended with {code}")
        return 0 if code == 0 and not wrong(minutes, troubles) and not consoles.troubles else 1

    async def _where(self, demo: Child) -> dict[str, Any]:
        file = self._home / "demo.json"
        end_s = time.monotonic() + READY_S
        while not file.exists():
            if not demo.alive or time.monotonic() > end_s:
                raise SystemExit(f"the demo did not start; see {self._out.with_suffix('.log')}")
            await asyncio.sleep(0.2)
        found: dict[str, Any] = json.loads(file.read_text())
        return found


class Logs:
    """Warnings and errors in the logs of a folder, read as they grow; the demo empties those that become long.

    Attributes:
        troubles: how often each was said, by log.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, int] = {}
        self.troubles: dict[str, dict[str, int]] = {}

    def read(self) -> None:
        """Read what is new."""
        for log in sorted(self._folder.rglob("*.log")):
            with log.open(errors="replace") as file:
                size = log.stat().st_size
                file.seek(self._read.get(log, 0) if size >= self._read.get(log, 0) else 0)
                for said, count in growth.troubles(file).items():
                    mine = self.troubles.setdefault(log.name, {})
                    mine[said] = mine.get(said, 0) + count
                self._read[log] = size


def wrong(minutes: Sequence[Minute], troubles: Mapping[str, Mapping[str, int]]) -> list[str]:
    """What is not as it should be."""
    found = [
        f"{log}: {said}" for log, lines in troubles.items() for said in lines if "warn" not in said.lower()
    ]
    if len(growth.settled(minutes)) < FEWEST:
        return found
    found += [
        f"{one.name} grows by {one.per_hour:.1f} MB an hour" for one in growth.memory(minutes) if not one.flat
    ]
    for what in ("files", "threads"):
        found += [
            f"{one.name} has {one.last:.0f} {what}, at first {one.first:.0f}"
            for one in growth.counts(minutes, what)
            if not one.flat
        ]
    return found


def account(minutes: Sequence[Minute], troubles: Mapping[str, Mapping[str, int]]) -> str:
    """The tables and the verdict as text."""
    length_s = minutes[-1].at_s - minutes[0].at_s if minutes else 0
    out = [f"{length_s / 60:.0f} minutes, {len(growth.settled(minutes))} measurements after the warm-up", ""]
    out += _table("RSS, MB", growth.memory(minutes))
    for what in ("files", "threads"):
        moving = [one for one in growth.counts(minutes, what) if one.most != one.first or not one.flat]
        out += _table(f"{what} (those that change)", moving)
    out += _table("disk, MB", growth.disk(minutes))
    out += _cpu(minutes)
    out += [f"{log}: {count} x {said}" for log, lines in troubles.items() for said, count in lines.items()]
    found = wrong(minutes, troubles)
    out += ["", "\n".join(found) if found else "all flat, no error in any log"]
    return "\n".join(out)


def _table(title: str, lines: Sequence[Line]) -> list[str]:
    out = [f"{title:32} {'first':>9} {'last':>9} {'most':>9} {'an hour':>9}"]
    for one in lines:
        mark = "" if one.flat else "  grows"
        out.append(
            f"{one.name:32} {one.first:9.1f} {one.last:9.1f} {one.most:9.1f} {one.per_hour:+9.2f}{mark}"
        )
    return [*out, ""]


def _cpu(minutes: Sequence[Minute]) -> list[str]:
    after = growth.settled(minutes)
    if len(after) < 2:
        return []
    first, last = after[0], after[-1]
    out = [f"{'processor, % of one':32} {'mean':>9}"]
    for name, taken in last.processes.items():
        before = first.processes.get(name)
        if before is not None and before["pid"] == taken["pid"]:
            spent_s = taken["cpu_s"] - before["cpu_s"]
            out.append(f"{name:32} {100 * spent_s / (last.at_s - first.at_s):9.2f}")
    return [*out, ""]


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak; 0 when nothing grew and nothing went wrong."""
    parser = argparse.ArgumentParser(prog="python -m simulator.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=95)
    parser.add_argument("--consoles", type=int, default=0, help="how many look on")
    parser.add_argument("--out", type=Path, default=Path(".siaga/soak"))
    parser.add_argument("--path", action="append", help="what the consoles ask for; else the data of the API")
    parser.add_argument("--read", type=Path, metavar="FILE", help="only say what a .jsonl of before shows")
    chosen = parser.parse_args(arguments)
    if chosen.read is not None:
        minutes = [Minute(**json.loads(line)) for line in chosen.read.read_text().splitlines()]
        print(account(minutes, {}))
        return 1 if wrong(minutes, {}) else 0
    out = chosen.out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    os.environ["PYTHONUNBUFFERED"] = "1"
    return Soak(chosen.minutes, chosen.consoles, out, chosen.path or Consoles.PATHS).run()


if __name__ == "__main__":
    sys.exit(main())
