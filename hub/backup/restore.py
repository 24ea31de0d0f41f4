"""Putting a backup back, on a machine where nothing is yet. Safe to call again after it was interrupted."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import msgspec
from sqlalchemy import Connection

from contract.credentials import looked_for_in
from hub import life
from hub.api import audit
from hub.app import influx_config
from hub.backup import archive, files, rows, series
from hub.backup.archive import Manifest
from hub.backup.errors import BackupError
from hub.backup.keys import Identity
from hub.backup.rows import Say
from hub.backup.series import Exported
from hub.config import HubConfig, load_config
from hub.db import production_engine, translated
from hub.series import tiers
from hub.series.influx import Influx, InfluxConfig
from hub.series.tiers import MADE

Part = Literal["files", "sql", "series"]
PARTS: tuple[Part, ...] = ("files", "sql", "series")

HERE = Path("/")
SECRETS = "secrets"
MINUTE_MS = 60_000
_ABSOLUTE = re.compile(r"""(["'])/""")


@dataclass(slots=True)
class Restored:
    """What was put back.

    Attributes:
        config: the hub's file.
        inc: generation and random of the new life; None where SQL was not asked for.
        held: notices that wait for a person.
        rolled: lines of minutes, hours and days.
        refused: samples and lines that InfluxDB does not take.
    """

    made_ms: int
    config: Path
    files: int = 0
    rows: int = 0
    inc: tuple[int, int] | None = None
    held: int = 0
    samples: int = 0
    rolled: int = 0
    refused: int = 0


class About(msgspec.Struct, frozen=True):
    """What a backup says of itself.

    Attributes:
        made_ms: when it was begun, UTC.
        config: where the hub's file was.
        rolled: by tier; empty in backups of before it was kept.
    """

    made_ms: int
    config: str
    files: files.Collected
    sql: rows.Dumped
    series: Exported | None = None
    rolled: dict[str, Exported] = {}


def look(path: Path, identities: Sequence[Identity]) -> tuple[Manifest, About]:
    """Read a whole backup; its members and what it says of itself.

    Raises:
        BackupError: it is damaged, for somebody else, or none.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        manifest = archive.verified(file, identities)
    try:
        return manifest, msgspec.convert(manifest.about, About)
    except msgspec.ValidationError as error:
        raise BackupError(f"its manifest is not a hub's: {error}", "take another backup") from error


def restore(
    path: Path,
    identities: Sequence[Identity],
    *,
    into: Path = HERE,
    parts: Collection[Part] = PARTS,
    above: int = 0,
    now_ms: int,
    say: Say,
) -> Restored:
    """Put back files, then SQL, then samples. Nothing is touched before all of the backup was read and found good.

    SQL is one transaction, with the mark by which gateways send again what it lacks: a database without the mark is
    never there. The generation is made higher than any before without anybody having to know it: by the minute.
    Blocking.

    Args:
        into: a folder that stands for ``/``; the hub's file then names the places below it.
        above: a generation that is known to have run, where the clock of this machine is wrong.

    Raises:
        HubError: the backup cannot be read, or something is there already.
        OSError: a file cannot be written.
    """
    manifest, about = look(path, identities)
    with path.open("rb") as file:
        work = _Restoring(file, identities, manifest, about, into=into, now_ms=now_ms, say=say)
        if "files" in parts:
            work.files()
        # Outside of a service nobody else says where credentials are; beside the hub's file is where they lie.
        with looked_for_in(work.done.config.parent / SECRETS):
            config = load_config(work.done.config)
        if "sql" in parts:
            work.sql(config, max(above, now_ms // MINUTE_MS))
        if "series" in parts and about.series is not None and config.influx is not None:
            asyncio.run(work.series(influx_config(config)))
    return work.done


class _Restoring:
    """A backup that was found good, and what of it is back."""

    def __init__(
        self,
        file: IO[bytes],
        identities: Sequence[Identity],
        manifest: Manifest,
        about: About,
        *,
        into: Path,
        now_ms: int,
        say: Say,
    ) -> None:
        self._file = file
        self._identities = identities
        self._manifest = manifest
        self._about = about
        self._into = into
        self._now_ms = now_ms
        self._say = say
        self.done = Restored(about.made_ms, files.place(about.config, into))

    def files(self) -> None:
        """Configuration, secrets, profile, authority."""
        collected = self._about.files
        for member, kept in collected.files.items():
            path = files.place(kept.path, self._into)
            ours = self._into != HERE and path == self.done.config  # written by an earlier try
            if path.exists() and not ours and not self._same(path, member):
                raise BackupError(
                    f"{path} is there, with another content", "move it away, or restore with --into"
                )
        files.make_folders(collected.folders, self._into)
        for member, data in self._members(files.PREFIX):
            kept = collected.files[member]
            moved = self._into != HERE and kept.path == self._about.config
            files.put_back(kept, _moved(data, self._into) if moved else data, self._into)
            self.done.files += 1
        self._say("files", self.done.files)

    def sql(self, config: HubConfig, above: int) -> None:
        """Every table, and the mark of a restored store."""
        dumped = self._about.sql
        if config.database.file:
            _new_file(Path(config.database.file))
        engine = production_engine(config.database_url, True)
        try:
            with translated(), engine.begin() as conn:
                self._load(conn, dumped)
                done = self.done
                done.inc, done.held = life.mark_restored(
                    conn, now_ms=self._now_ms, random=secrets.randbits, above=above
                )
                detail: dict[str, audit.Scalar] = {"made_ms": done.made_ms, "generation": done.inc[0]}
                audit.record(conn, "cli", "hub.restore", "hub", detail, now_ms=self._now_ms)
        finally:
            engine.dispose()
        self.done.rows = sum(dumped.rows.values())

    def _load(self, conn: Connection, dumped: rows.Dumped) -> None:
        loader = rows.Loader(conn, dumped, self._say)
        for name, data in self._members(rows.PREFIX):
            loader.load(name, data)
        loader.finish()
        fault = audit.first_fault(conn)
        if fault is not None:
            raise BackupError(f"the audit trail in the backup does not hold: {fault}", "take an older backup")

    async def series(self, at: InfluxConfig) -> None:
        """The samples, and what was made of them."""
        self.done.samples = await self._lines(at, series.PREFIX)
        for tier in MADE:
            self.done.rolled += await self._lines(tiers.of(at, tier), f"{series.ROLLED}{tier}/")

    async def _lines(self, at: InfluxConfig, prefix: str) -> int:
        """How many were put back."""
        put_back = 0
        async with Influx(at) as influx:
            for _, data in self._members(prefix):
                taken, refused = await series.put_back(influx, data)
                put_back += taken
                self.done.refused += refused
                self._say(prefix.rstrip("/"), put_back)
        return put_back

    def _members(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """The members of a part; the rest of the file is not read."""
        left = sum(name.startswith(prefix) for name in self._manifest.members)
        self._file.seek(0)
        with closing(archive.members(self._file, self._identities)) as found:
            while left:
                name, data = next(found)
                if name.startswith(prefix):
                    left -= 1
                    yield name, data

    def _same(self, path: Path, member: str) -> bool:
        return hashlib.sha256(path.read_bytes()).hexdigest() == self._manifest.members[member].sha256


def _moved(config: bytes, into: Path) -> bytes:
    """The hub's file with its absolute paths below a folder."""
    return _ABSOLUTE.sub(rf"\g<1>{into.resolve()}/", config.decode()).encode()


def _new_file(path: Path) -> None:
    """An empty store that only its owner may read: who owns the folder, which on a server is the hub's account."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.chown(path, folder.st_uid, folder.st_gid)
