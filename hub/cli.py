"""``siaga-hub``: run the hub, check its configuration, back it up and restore it, add a user."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import gc
import getpass
import json
import logging
import secrets
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import uvloop

from contract.errors import ContractError
from grafana import commands as walls
from hub import life
from hub.api.auth import invitations, users
from hub.api.auth.passwords import Passwords, check_new
from hub.api.auth.roles import Role
from hub.app import HubApp, Ready
from hub.backup import commands as backups
from hub.beside import in_store
from hub.check import findings
from hub.clock import SystemClock
from hub.config import HubConfig, load_config, read_secret
from hub.errors import HubError
from hub.install import commands as services
from hub.programmes import commands as programmes
from hub.programmes import files as reached
from hub.region import load as load_region
from hub.retention import commands as rights
from hub.rollups import commands as totals
from hub.rules import book as books
from hub.rules import commands as rules

T = TypeVar("T")

REFUSED = 2
"""Exit status when the hub cannot work as it is configured: restarting does not help."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the console script; returns the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=options.log.upper(), format="%(levelname)s %(name)s %(message)s")
    for chatty in ("gmqtt", "httpx", "httpcore", "alembic"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    try:
        if "bare" in options:
            bare: Callable[[argparse.Namespace], int] = options.bare
            return bare(options)
        config = load_config(options.config)
        work: Callable[[HubConfig, argparse.Namespace], int] = options.work
        return work(config, options)
    except (ContractError, HubError, OSError) as error:
        print(f"siaga-hub: {error}", file=sys.stderr)
        return REFUSED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="siaga-hub", description="Pusat kendali kota / The hub of a city.")
    parser.add_argument("--log", default="info", choices=["debug", "info", "warning", "error"])
    commands = parser.add_subparsers(dest="command", required=True)
    run = _command(commands, "run", _run, "receive, judge, tell and answer until stopped")
    run.add_argument(
        "--setup-code-file", type=Path, metavar="FILE", help="where the set-up code goes (mode 0600)"
    )
    _command(
        commands,
        "check",
        _check,
        "read configuration, profile, secrets and certificates and say what is wrong",
    )
    mark = _command(
        commands, "restore-mark", _restore_mark, "after a backup was restored, before the hub runs"
    )
    mark.add_argument(
        "--above",
        type=int,
        default=0,
        metavar="N",
        help="the highest generation that ever ran, where the backup is older than an earlier restore",
    )
    keep = _command(commands, "backup", backups.backup, "write one encrypted file of all that a hub is")
    backups.options_of_backup(keep)
    backups.add_bare(commands)
    rules.add_bare(commands)
    kept = _command(
        commands, "retention", rights.retention, "let go now of what is over, or say what would go"
    )
    rights.options_of_retention(kept)
    gone = _command(commands, "erase", rights.erase, "erase the attendance of one person")
    rights.options_of_erase(gone)
    pack = _command(commands, "breach", rights.breach_pack, "write what the report of a breach needs")
    rights.options_of_breach(pack)
    held = _command(commands, "audit", rights.check_trail, "whether the audit trail holds, and its head")
    rights.options_of_audit(held)
    rolled = _command(commands, "rollups", totals.rollups, "whether rollups have the totals of the samples")
    totals.options(rolled)
    reports = _command(
        commands,
        "programmes",
        programmes.programmes,
        "take what offices report of their programmes, from a CSV file",
    )
    programmes.options(reports)
    services.add_install(commands)
    grafana = commands.add_parser("grafana", help="the walls").add_subparsers(required=True)
    pushed = _command(grafana, "push", walls.push, "bring Grafana to what the profile says; safe to repeat")
    walls.options_of_push(pushed)
    files = _command(
        grafana, "files", walls.files, "write what Grafana reads at its start, instead of pushing"
    )
    walls.options_of_files(files)
    users_commands = commands.add_parser("users").add_subparsers(required=True)
    add = _command(users_commands, "add", _add_user, "make a user")
    add.add_argument("name")
    add.add_argument("--full-name", default="")
    add.add_argument("--role", action="append", required=True, choices=[role.value for role in Role])
    add.add_argument(
        "--password-file", type=Path, metavar="FILE", help="else it is asked for; never an argument"
    )
    reset = _command(
        users_commands, "reset", _reset_user, "a new set-up code for a user who has lost the password"
    )
    reset.add_argument("name")
    reset.add_argument("--factor", action="store_true", help="the second factor is lost too")
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    work: Callable[[HubConfig, argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text)
    command.add_argument("--config", type=Path, required=True, metavar="FILE", help="the hub's TOML file")
    command.set_defaults(work=work)
    return command


def _run(config: HubConfig, options: argparse.Namespace) -> int:
    code_file = options.setup_code_file or options.config.resolve().parent / "setup-code"

    def say(ready: Ready) -> None:
        _write_code(code_file, ready.setup_code)
        said = {
            "ready": True,
            "api": ready.api,
            "setup_code_file": str(code_file) if ready.setup_code else None,
        }
        print(json.dumps(said), flush=True)
        _calm_collector()

    async def work() -> None:
        hub = HubApp(config, clock=SystemClock(), on_ready=say)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, hub.stop)
        await hub.run()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())
    return 0


def _calm_collector() -> None:
    """Look for garbage in circles more rarely, and never again among what was made at the start.

    A frame of samples is hundreds of tuples, so under load the collector would run many times a second over
    everything there is; the frames themselves have no circles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _write_code(path: Path, code: str | None) -> None:
    """The set-up code in a file that only this account can read; no file where there are users already."""
    path.unlink(missing_ok=True)
    if code is not None:
        path.touch(mode=0o600)
        path.write_text(code + "\n", encoding="utf-8")


def _check(config: HubConfig, options: argparse.Namespace) -> int:
    region = load_region(Path(config.profile))
    books.read(Path(config.profile) / books.NAME, region)
    reached.read(Path(config.profile))
    found = findings(config, region, dt.datetime.now(dt.UTC))
    for one in sorted(found, key=lambda one: not one.serious):
        print(f"{options.config}: {one}")
    if any(one.serious for one in found):
        return REFUSED
    print(f"{options.config}: baik / good, {region.name}, {len(region.gateways)} gateway")
    return 0


def _restore_mark(config: HubConfig, options: argparse.Namespace) -> int:
    now_ms = SystemClock().now_ms()
    inc, held = in_store(
        config,
        lambda conn: life.mark_restored(conn, now_ms=now_ms, random=secrets.randbits, above=options.above),
        exclusive=True,
    )
    print(f"generasi / generation {inc[0]}; {held} pemberitahuan ditahan / notices held")
    return 0


def _add_user(config: HubConfig, options: argparse.Namespace) -> int:
    if options.password_file is not None:
        password = read_secret(str(options.password_file))
    else:
        password = getpass.getpass(f"Kata sandi / password for {options.name}: ")
    check_new(password, name=options.name)
    hashed = Passwords().hash(password)
    now_ms = SystemClock().now_ms()
    user = in_store(
        config,
        lambda conn: users.add(
            conn, options.name, options.full_name, options.role, hashed, actor="cli", now_ms=now_ms
        ),
        exclusive=False,
    )
    print(f"{user.name}: {' '.join(sorted(user.roles))}")
    return 0


def _reset_user(config: HubConfig, options: argparse.Namespace) -> int:
    now_ms = SystemClock().now_ms()
    code = in_store(
        config,
        lambda conn: invitations.reset(conn, options.name, actor="cli", now_ms=now_ms, factor=options.factor),
        exclusive=False,
    )
    print(f"kode penyiapan / set-up code: {code} (/activate, 3 hari / days)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
