"""``siaga-demo``: a simulated city on real protocols."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from contract.whole_file import write_text
from simulator.demo import ROUND_S, Demo, Play
from simulator.failure import FAILED, explain
from simulator.processes import ANY_PORT, Wish
from simulator.report import Report
from simulator.scenario import SHORTEST_S
from simulator.telling import Presenter, Silent

PROFILE = Path(__file__).resolve().parents[1] / "profiles" / "kota-contoh"


PAGES_PORT, CONTROL_PORT = 8080, 8081
"""Where people find the pages and the control page, when nobody else is there."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0 when everything adds up, 1 when not or when something failed, 2 when it was misused."""
    chosen = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.ERROR)
    try:
        home = chosen.home.resolve()
        home.mkdir(parents=True, exist_ok=True)
        found = asyncio.run(_run(chosen, home))
    except asyncio.CancelledError:
        print("siaga-demo: dihentikan / stopped", file=sys.stderr)
        return FAILED
    except Exception as error:  # whatever it was, a person is told in words
        logging.getLogger(__name__).debug("failed", exc_info=True)
        failure = explain(error)
        print(failure.text(), file=sys.stderr)
        return failure.status
    if chosen.json is not None:
        write_text(chosen.json.resolve(), json.dumps(found.as_json(), indent=2) + "\n", mode=0o644)
    for problem in found.problems:
        print(f"siaga-demo: {problem}", file=sys.stderr)
    return FAILED if found.problems else 0


async def _run(chosen: argparse.Namespace, home: Path) -> Report:
    stop = asyncio.Event()
    play = Play(
        home,
        chosen.profile.resolve(),
        chosen.seconds,
        seed=chosen.seed,
        postgres=chosen.postgres,
        port=_wish(chosen.port, PAGES_PORT, chosen),
        control_port=_wish(chosen.control_port, CONTROL_PORT, chosen),
    )
    with _stopped_by_signals(stop):
        demo = Demo(play, teller=Silent() if chosen.headless else Presenter(), stop=stop)
        return await demo.run()


def _wish(port: int | None, usual: int, chosen: argparse.Namespace) -> Wish:
    """A port that was asked for must be it; people get the usual one if it is free, machines any."""
    if port is not None:
        return Wish(port, must=True)
    return ANY_PORT if chosen.headless else Wish(usual)


@contextlib.contextmanager
def _stopped_by_signals(stop: asyncio.Event) -> Iterator[None]:
    """The first signal ends the play in good order; the second ends everything at once, leaving nothing
    running."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None

    def end() -> None:
        if stop.is_set():
            task.cancel()
        stop.set()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, end)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="siaga-demo",
        description="Kota simulasi dengan protokol sungguhan / A simulated city on real protocols.",
    )
    parser.add_argument(
        "--for",
        dest="seconds",
        type=float,
        metavar="SECONDS",
        help=f"how long to play, at least {SHORTEST_S:g}; else in rounds of {ROUND_S:g} until Ctrl-C",
    )
    parser.add_argument(
        "--port", type=int, metavar="PORT", help=f"of the pages; {PAGES_PORT} if free, else any"
    )
    parser.add_argument(
        "--control-port",
        type=int,
        metavar="PORT",
        help=f"of the control page; {CONTROL_PORT} if free, else any",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts there")
    parser.add_argument("--headless", action="store_true", help="tell only what is wrong")
    parser.add_argument("--profile", type=Path, default=PROFILE, metavar="FOLDER", help="region profile")
    parser.add_argument("--postgres", action="store_true", help="keep SQL in PostgreSQL instead of SQLite")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another story")
    parser.add_argument(
        "--home", type=Path, default=Path(".siaga"), metavar="FOLDER", help="for data and demo.json"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
