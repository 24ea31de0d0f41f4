"""``siaga-edge``: run a gateway, check its configuration, let it enrol, upgrade it, and a technician's tools."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import shlex
import signal
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from random import SystemRandom

from contract.errors import ContractError
from edge.config import Config, load
from edge.errors import ConfigError, EdgeError
from edge.log_limits import LogLimit
from edge.visit import command as visit

log = logging.getLogger(__name__)

REFUSED = 2
"""Exit status when the gateway cannot work as it is configured: restarting does not help."""

FAILED = 1
"""Exit status when it may work after a restart, as when the card was busy."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the console script; returns the exit status."""
    options = _parser().parse_args(arguments)
    journal = logging.StreamHandler()
    journal.addFilter(LogLimit())
    logging.basicConfig(
        level=options.log.upper(), format="%(levelname)s %(name)s %(message)s", handlers=[journal]
    )
    try:
        if options.command == "version":
            return _version()
        if options.command == "upgrade":
            return _upgrade(options)
        config = load(options.config)
        if options.command == "check":
            devices = len(config.device_names)
            print(f"{options.config}: baik / good, {config.gateway.id}, {devices} perangkat / devices")
            return 0
        if options.command == "enrol":
            return _enrol(config, options)
        if options.command in visit.NAMES:
            return visit.run(config, options)
        return asyncio.run(_run(options.config))
    except (ContractError, EdgeError) as error:
        return _refuse([error])
    except OSError as error:
        print(f"siaga-edge: {error}", file=sys.stderr)
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
    text = "say in JSON which version this is, and the format of its spool"
    commands.add_parser("version", help=text, description=text)
    _add_upgrade(commands)
    visit.add_to(commands)
    return parser


def _add_upgrade(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "take a signed upgrade on trial; if it does not do what this version does, this one comes back"
    command = commands.add_parser("upgrade", help=text, description=text)
    what = command.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "file", type=Path, nargs="?", metavar="FILE", help="as siaga-provision upgrade sign wrote it"
    )
    what.add_argument(
        "--resume",
        action="store_true",
        help="end a trial that a power cut has cut off; nothing where there is none",
    )
    command.add_argument(
        "--config", type=Path, metavar="FILE", help="the gateway's TOML file; needed with FILE"
    )
    command.add_argument(
        "--folder", type=Path, metavar="DIR", help="where the versions lie; default /opt/siaga"
    )
    command.add_argument("--restart", metavar="COMMAND", help="default: systemctl restart siaga-edge.service")
    command.add_argument(
        "--settle-s", type=int, metavar="SECONDS", default=30, help="must run so long; default 30"
    )
    command.add_argument(
        "--patience-s",
        type=int,
        metavar="SECONDS",
        default=180,
        help="after which it has failed; default 180",
    )


def _version() -> int:
    # All that a gateway runs is loaded: a version that cannot be is found out before it is tried.
    import edge.app  # noqa: F401
    from edge.spool.schema import FORMAT
    from edge.version import software_version

    print(json.dumps({"software": software_version(), "spool_format": FORMAT}))
    return 0


def _upgrade(options: argparse.Namespace) -> int:
    # Imported here because a gateway that runs does not need it.
    from edge.clock import SystemClock
    from edge.upgrade.command import RESTART, TAKEN_BACK, Upgrade
    from edge.upgrade.releases import FOLDER, Releases
    from edge.upgrade.trial import Patience

    upgrade = Upgrade(
        Releases(options.folder or FOLDER),
        SystemClock(),
        Patience(options.settle_s * 1000, options.patience_s * 1000),
        shlex.split(options.restart) if options.restart else RESTART,
    )
    if options.resume:
        verdict = upgrade.resume()
    elif options.config is None:
        raise ConfigError("config", "--config is missing", "the gateway's TOML file")
    else:
        verdict = upgrade.take(options.file, load(options.config), options.config.resolve())
    if verdict is None or verdict.outcome == "good":
        print("baik / good")
        return 0
    print(f"versi lama kembali / the version before runs again: {verdict.why}", file=sys.stderr)
    return TAKEN_BACK


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


async def _run(path: Path) -> int:
    # Imported here so that `check` works where the drivers' libraries are not installed.
    from edge.app import EdgeApp
    from edge.clock import SystemClock
    from edge.desired import Chosen, Desired, run_chosen

    desired = Desired(path)

    async def run(chosen: Chosen) -> None:
        app = EdgeApp(
            chosen.config,
            clock=SystemClock(),
            random=SystemRandom(),
            config_hash=chosen.hash,
            desired=desired,
            trial=chosen.trial,
        )
        await app.run()

    await until_stopped(run_chosen(desired, run))
    return 0


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
