"""A gateway of the rehearsal city: the gateway itself, with pins that are pressed through a socket.

    python -m simulator.gateway --config FILE --control SOCKET

Everything but the pins is the product. The socket takes one JSON object a line and answers each with one:

    {"do": "press", "pin": 17, "ms": 400}   pulls the line down for so long; answers at once with the time
    {"do": "hold", "pin": 17}               pulls it down; {"do": "release", "pin": 17} lets go
    {"do": "rest"}                          polls no device any more and commits what was read
    {"do": "account"}                       what the spool has promised, by lane
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import logging
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import SystemRandom
from typing import Any

from gpiozero.pins.mock import MockFactory

from edge.app import EdgeApp
from edge.cli import until_stopped
from edge.clock import SystemClock
from edge.config import Config, load

log = logging.getLogger(__name__)


class Control:
    """The socket's side of a gateway."""

    def __init__(self, app: EdgeApp, pins: MockFactory, clock: SystemClock) -> None:
        self._app = app
        self._pins = pins
        self._clock = clock
        self._releases: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def listening(self, path: Path) -> AsyncIterator[None]:
        """Answer on a unix socket inside the block."""
        server = await asyncio.start_unix_server(self._serve, str(path))
        try:
            yield
        finally:
            server.close()
            for task in self._releases:
                task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while line := await reader.readline():
                writer.write(json.dumps(await self._answer(line)).encode() + b"\n")
                await writer.drain()
        writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            order = json.loads(line)
            match order["do"]:
                case "press":
                    return self._press(int(order["pin"]), float(order["ms"]))
                case "hold":
                    return self._drive(int(order["pin"]), pressed=True)
                case "release":
                    return self._drive(int(order["pin"]), pressed=False)
                case "rest":
                    return {"committed": await self._app.sampler.rest()}
                case "account":
                    return self._account()
                case unknown:
                    return {"error": f"{unknown!r} is no order"}
        except (ValueError, KeyError, TypeError) as error:
            return {"error": repr(error)}

    def _press(self, pin: int, hold_ms: float) -> dict[str, Any]:
        answer = self._drive(pin, pressed=True)
        task = asyncio.create_task(self._let_go(pin, hold_ms / 1000), name="release")
        self._releases.add(task)
        task.add_done_callback(self._releases.discard)
        return answer

    async def _let_go(self, pin: int, after_s: float) -> None:
        await asyncio.sleep(after_s)
        self._drive(pin, pressed=False)

    def _drive(self, pin: int, *, pressed: bool) -> dict[str, Any]:
        line = self._pins.pin(pin)
        at = {"wall_ms": time.time_ns() // 1_000_000, "mono_ms": self._clock.mono_ms()}
        if pressed:
            line.drive_low()
        else:
            line.drive_high()
        return at

    def _account(self) -> dict[str, Any]:
        """Per lane what was promised in its epoch, and what of it is not settled yet."""
        spool, now_ms = self._app.spool, self._clock.mono_ms()
        lanes = {
            lane: {
                "epoch": account.epoch,
                "next": account.next,
                "floor": account.floor,
                "settled": [list(one) for one in account.settled],
            }
            for lane, account in spool.accounts(now_ms).items()
        }
        return {
            "lanes": lanes,
            "lost": [[loss.lane, loss.epoch, loss.first, loss.last, loss.reason] for loss in spool.losses()],
            "closed": [
                [one.lane, one.epoch, one.next, [list(r) for r in one.moved]] for one in spool.closed()
            ],
            "dropped": self._app.sampler.dropped,
        }


async def _run(config: Config, config_hash: str, control: Path) -> None:
    pins = MockFactory()
    clock = SystemClock()
    app = EdgeApp(config, clock=clock, random=SystemRandom(), pins=pins, config_hash=config_hash)
    async with Control(app, pins, clock).listening(control):
        await until_stopped(app.run())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one gateway until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m simulator.gateway", description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--control", type=Path, required=True)
    parser.add_argument("--log", default="info")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(
        level=chosen.log.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    config_hash = hashlib.sha256(chosen.config.read_bytes()).hexdigest()
    chosen.control.unlink(missing_ok=True)
    asyncio.run(_run(load(chosen.config), config_hash, chosen.control))
    return 0


if __name__ == "__main__":
    sys.exit(main())
