"""``siaga-hub install``: writes the services of this machine, or shows what it would write."""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from contract.credentials import looked_for_in
from contract.whole_file import write_text
from hub.check import findings
from hub.config import HubConfig, load_config
from hub.errors import ConfigError
from hub.install.units import Places, enabled, files
from hub.region import load as load_region

HERE = Path("/")
SYSTEMD_S = 60.0
CITY = "city.toml"

State = Literal["new", "changed", "same"]

_CREDENTIAL = re.compile(r"""["']credential:([A-Za-z0-9_.-]+)["']""")


def add_install(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command; it reads the hub's file itself, as the services will see it."""
    text = "write the services of this machine, for systemd, with hardening"
    command = commands.add_parser("install", help=text, description=text)
    command.set_defaults(bare=install)
    command.add_argument("--config", type=Path, required=True, metavar="FILE", help="the hub's TOML file")
    command.add_argument("--dry-run", action="store_true", help="show every file, write none")
    command.add_argument(
        "--authority", type=Path, metavar="FOLDER", help="the issuing authority is on this machine"
    )
    command.add_argument(
        "--broker",
        type=Path,
        default=Path("/etc/mosquitto/siaga"),
        metavar="FOLDER",
        help="of mosquitto.conf",
    )
    command.add_argument(
        "--watch", type=Path, metavar="FILE", help="run siaga-watch here too; better on another machine"
    )
    command.add_argument(
        "--secrets",
        type=Path,
        default=Path("/etc/siaga/secrets"),
        metavar="FOLDER",
        help="of credential:NAME",
    )
    command.add_argument(
        "--programs", type=Path, default=Path(sys.prefix) / "bin", metavar="FOLDER", help="of siaga-hub"
    )
    command.add_argument(
        "--into", type=Path, default=HERE, metavar="FOLDER", help="write below this folder, start nothing"
    )
    command.add_argument("--now", action="store_true", help="enable and start the services too")


def install(options: argparse.Namespace) -> int:
    """Write the services. What is wrong with configuration, secrets and certificates is told first.

    Returns:
        2 where the hub would not start as it is configured; nothing was written then.
    """
    with looked_for_in(options.secrets):
        config = load_config(options.config)
    found = findings(config, load_region(Path(config.profile)), dt.datetime.now(dt.UTC))
    for one in sorted(found, key=lambda one: not one.serious):
        print(f"{options.config}: {one}", file=sys.stderr)
    if any(one.serious for one in found) and not options.dry_run:
        return 2
    places = places_of(config, options)
    wanted = files(places, credentials_in(options.config.read_text(encoding="utf-8")))
    states = compare(wanted, options.into)
    for path, state in states.items():
        print(f"{state:8}{path}")
        if options.dry_run and state != "same":
            print("\n".join(f"        {line}" for line in wanted[path].splitlines()))
    if options.dry_run:
        return 0
    for path, text in wanted.items():
        if states[path] != "same":
            write_text(_below(options.into, path), text, mode=0o644)
    units = enabled(places)
    if options.into != HERE:
        return 0
    for command in commands(units, start=options.now):
        print(" ".join(command), file=sys.stderr)
        subprocess.run(command, check=True, timeout=SYSTEMD_S)
    if not options.now:
        print(f"lalu / then: systemctl enable --now {' '.join(units)}")
    return 0


def places_of(config: HubConfig, options: argparse.Namespace) -> Places:
    """Where things are, by the hub's file and what was said.

    Raises:
        ConfigError: a place is not absolute, or has a space or a percent sign in it, which units read otherwise.
    """
    places = Places(
        programs=options.programs,
        config=options.config.resolve(),
        secrets=options.secrets,
        authority=options.authority,
        broker=options.broker,
        backups=Path(config.backup.folder) if config.backup.folder else None,
        store=Path(config.database.file).parent if config.database.file else None,
        profile=Path(config.profile),
        watch=options.watch,
        heads=Path(config.audit.file).parent if config.audit.file else None,
        authority_heads=_authority_heads(options.authority),
    )
    for place in dataclasses.astuple(places):
        if place is not None and not re.fullmatch(r"/[A-Za-z0-9_./@:+-]*", str(place)):
            raise ConfigError(
                f"{str(place)!r} cannot stand in a service file", "an absolute path of plain letters"
            )
    return places


def _authority_heads(authority: Path | None) -> Path | None:
    """Where the authority notes the head of its trail, by its ``city.toml``."""
    if authority is None or not (authority / CITY).exists():
        return None
    with (authority / CITY).open("rb") as file:
        named = tomllib.load(file).get("audit", {}).get("file")
    return None if named is None else (authority / named).parent


def credentials_in(text: str) -> list[str]:
    """The names of the secrets that a hub's file leaves to systemd."""
    return sorted(set(_CREDENTIAL.findall(text)))


def compare(wanted: Mapping[Path, str], into: Path) -> dict[Path, State]:
    """For each file whether it is there, and as it should be."""
    states: dict[Path, State] = {}
    for path, text in wanted.items():
        there = _below(into, path)
        if not there.exists():
            states[path] = "new"
        else:
            states[path] = "same" if there.read_text(encoding="utf-8") == text else "changed"
    return states


def commands(units: list[str], *, start: bool) -> list[list[str]]:
    """What systemd is told: accounts and folders first, then the services."""
    found = [["systemd-sysusers"], ["systemd-tmpfiles", "--create"], ["systemctl", "daemon-reload"]]
    if start:
        found.append(["systemctl", "enable", "--now", *units])
    return found


def _below(into: Path, path: Path) -> Path:
    return into.joinpath(*path.parts[1:])
