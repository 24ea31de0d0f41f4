"""``siaga-edge``: run a gateway, or check its configuration."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import logging
import signal
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from random import SystemRandom

from contract.errors import ContractError
from edge.config import Config, load
from edge.errors import EdgeError

log = logging.getLogger(__name__)

REFUSED = 2
"""Exit status when the gateway cannot work as it is configured: restarting does not help."""

FAILED = 1
"""Exit status when it may work after a restart, as when the card was busy."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the console script; returns the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=options.log.upper(), format="%(levelname)s %(name)s %(message)s")
    try:
        config = load(options.config)
        if options.command == "check":
            devices = len(config.device_names)
            print(f"{options.config}: baik / good, {config.gateway.id}, {devices} perangkat / devices")
            return 0
        if options.command == "enrol":
            return _enrol(config, options)
        return asyncio.run(_run(config, _hash(options.config)))
    except (ContractError, EdgeError) as error:
        return _refuse([error])
    except OSError as error:
        print(f"siaga-edge: {options.config}: {error}", file=sys.stderr)
        return REFUSED
    except BaseExceptionGroup as group:
        refusals, others = group.split(EdgeError)
        if others is not None or refusals is None:
            raise
        return _refuse(_leaves(refusals))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="siaga-edge", description="The gateway of a site.")
    parser.add_argument("--log", default="info", choices=["debug", "info", "warning", "error"])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("run", "read the devices and report to the hub until stopped"),
        ("check", "read the configuration and say what is wrong with it"),
        ("enrol", "make a key, and get its certificate with a claim"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument(
            "--config", type=Path, required=True, metavar="FILE", help="the gateway's TOML file"
        )
        if name == "enrol":
            word = command.add_mutually_exclusive_group(required=True)
            word.add_argument("--claim", help="the line that siaga-provision claim add has printed")
            word.add_argument("--claim-file", type=Path, metavar="FILE", help="a file with that line")
    return parser


def _enrol(config: Config, options: argparse.Namespace) -> int:
    # Imported here because a gateway that runs needs it at a renewal only.
    from contract import claim
    from edge.clock import SystemClock
    from edge.enrolment import enrol

    text = options.claim or options.claim_file.read_text(encoding="utf-8")
    got = enrol(config, claim.parse(text), SystemClock())
    days = (got.ends_ms - got.begins_ms) // 86_400_000
    print(f"{config.broker.cert_file}: {config.gateway.id}, {days} hari / days")
    return 0


async def _run(config: Config, config_hash: str) -> int:
    # Imported here so that `check` works where the drivers' libraries are not installed.
    from edge.app import EdgeApp
    from edge.clock import SystemClock

    app = EdgeApp(
        config,
        clock=SystemClock(),
        random=SystemRandom(),
        config_hash=config_hash,
    )
    await until_stopped(app.run())
    return 0


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def until_stopped(work: Coroutine[None, None, None]) -> None:
    """Run until SIGTERM or SIGINT; then let what runs commit what it holds."""
    running = asyncio.create_task(work, name="gateway")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


def _refuse(errors: Sequence[ContractError | EdgeError]) -> int:
    """Say why it does not run; the exit status for it."""
    for error in errors:
        print(f"siaga-edge: {error}", file=sys.stderr)
    return FAILED if all(error.retryable for error in errors) else REFUSED


def _leaves(group: BaseExceptionGroup[EdgeError]) -> list[EdgeError]:
    found: list[EdgeError] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
