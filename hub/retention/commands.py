"""``siaga-hub retention``, ``erase``, ``audit`` and ``breach``: what is kept, a person's scans, and the trail."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
from functools import partial
from pathlib import Path

from hub import breach
from hub.anchoring import FilePlace
from hub.api import audit
from hub.api.audit import Head
from hub.beside import in_store, with_store
from hub.clock import SystemClock
from hub.config import HubConfig
from hub.db import Database
from hub.errors import HubError
from hub.region import load as load_region
from hub.retention import erasure
from hub.retention.erasure import Person
from hub.retention.periods import Periods
from hub.retention.purge import BY_CLASS
from hub.retention.worker import Retention

BREACH_MS = 72 * 3_600_000
"""How far back a pack looks where nothing is said: as long as there is time to report."""


class TamperedError(HubError):
    """The audit trail does not hold."""


def options_of_retention(command: argparse.ArgumentParser) -> None:
    """Of ``retention``."""
    command.add_argument("--dry-run", action="store_true", help="only say what would go")


def options_of_erase(command: argparse.ArgumentParser) -> None:
    """Of ``erase``."""
    command.add_argument("who", help="the pseudonym, as the personnel agency has it in its roster")
    command.add_argument("--key", required=True, metavar="ID", help="id of the city's key that made it")
    command.add_argument("--reason", required=True, help="for the trail; no name and no pseudonym")
    command.add_argument("--dry-run", action="store_true", help="only say how many scans would go")


def options_of_audit(command: argparse.ArgumentParser) -> None:
    """Of ``audit``."""
    command.add_argument("--head", metavar="N:DIGEST", help="a head that was noted elsewhere before")


def options_of_breach(command: argparse.ArgumentParser) -> None:
    """Of ``breach``."""
    command.add_argument("out", type=Path, metavar="FILE", help="the pack, a zip; it must not be there yet")
    command.add_argument(
        "--since", type=_moment, metavar="TIME", help="2026-11-20T00:00+07:00; else 72 hours ago"
    )
    command.add_argument("--until", type=_moment, metavar="TIME", help="else now")


def _moment(text: str) -> int:
    """A time of the command line in ms; it says its zone, for a report must not be hours off."""
    at = dt.datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return int(at.timestamp() * 1000)


def retention(config: HubConfig, options: argparse.Namespace) -> int:
    """Let go now of what is over in SQL, or count it. InfluxDB's policy is set by the hub that runs."""
    clock = SystemClock()
    periods = Periods(config.retention.by_class)

    async def work(db: Database) -> dict[str, int]:
        if options.dry_run:
            return await _counted(db, periods, clock.now_ms())
        noted = Path(config.audit.file) if config.audit.file else None
        return dict(await Retention(periods, db, clock, series={}, noted=noted).look())

    for name, rows in with_store(config, work).items():
        days = periods.days.get(name)
        print(f"{name}: {rows} baris / rows" + ("" if days is None else f", {days} hari / days"))
    return 0


async def _counted(db: Database, periods: Periods, now_ms: int) -> dict[str, int]:
    found = dict.fromkeys(BY_CLASS, 0)
    for name, parts in BY_CLASS.items():
        before_ms = periods.before_ms(name, now_ms)
        if before_ms is not None:
            found[name] = sum([await db.read(partial(part.count, before_ms=before_ms)) for part in parts])
    return found


def erase(config: HubConfig, options: argparse.Namespace) -> int:
    """Erase a person's scans, on record in the trail and, where it is configured, away from the store."""
    person = Person(options.key, options.who)
    now_ms = SystemClock().now_ms()

    async def work(db: Database) -> int:
        if config.audit.file and not options.dry_run:
            line: dict[str, str | int] = {"erased": person.subject, "at_ms": now_ms}
            await asyncio.to_thread(FilePlace(Path(config.audit.file)).append, line)
        swept = await erasure.sweep(db, {person.subject: now_ms}, dry=options.dry_run)
        if not options.dry_run:
            await db.write(
                lambda conn: erasure.record(
                    conn, person, swept.scans, actor="cli", reason=options.reason, now_ms=now_ms
                )
            )
        return swept.scans

    scans = with_store(config, work)
    print(
        f"{scans} pindaian {'akan dihapus / scans would go' if options.dry_run else 'dihapus / scans are gone'}"
    )
    if not config.audit.file and not options.dry_run:
        print(
            "[audit] file tidak ada / is not set: cadangan yang dipulihkan membawanya kembali / a restored backup"
        )
    return 0


def check_trail(config: HubConfig, options: argparse.Namespace) -> int:
    """Verify the whole trail, against a noted head too if one is given.

    Raises:
        TamperedError: it does not hold; the first row that does not is named.
    """
    noted = Head.parse(options.head) if options.head else None
    if noted is None and config.audit.file:
        noted = FilePlace(Path(config.audit.file)).newest()
    fault, head = in_store(config, lambda conn: (audit.first_fault(conn, anchor=noted), audit.head(conn)))
    if fault is not None:
        raise TamperedError(f"the trail was tampered with: {fault}", "compare with a backup")
    print(f"utuh / whole: {head}")
    return 0


def breach_pack(config: HubConfig, options: argparse.Namespace) -> int:
    """Write what the report of a breach needs. That it was written is in the trail."""
    now_ms = SystemClock().now_ms()
    since_ms = options.since if options.since is not None else now_ms - BREACH_MS
    until_ms = options.until if options.until is not None else now_ms
    noted = FilePlace(Path(config.audit.file)).newest() if config.audit.file else None
    city = load_region(Path(config.profile)).name

    async def work(db: Database) -> dict[str, str]:
        files = await db.read(
            lambda conn: breach.contents(conn, city=city, since_ms=since_ms, until_ms=until_ms, noted=noted)
        )
        detail: dict[str, audit.Scalar] = {"since_ms": since_ms, "until_ms": until_ms}
        await db.write(lambda conn: audit.record(conn, "cli", "breach.pack", "breach", detail, now_ms=now_ms))
        return files

    breach.save(options.out, with_store(config, work))
    print(options.out)
    return 0
