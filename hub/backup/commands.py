"""``siaga-hub backup``, ``restore`` and ``backup-key``."""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from hub.backup import keys
from hub.backup.errors import BackupError
from hub.backup.folder import new_name, prune
from hub.backup.make import Wanted, make
from hub.backup.restore import HERE, PARTS, Restored, look, restore
from hub.clock import SystemClock
from hub.config import HubConfig

SAY_EVERY_S = 5.0

INCOMPLETE = 1
"""Exit status of a backup that is whole but for samples."""


class Progress:
    """Says on standard error how far it is: each part as it is finished, and a long one every few seconds."""

    def __init__(self) -> None:
        self._part = ""
        self._count = 0
        self._said_s = time.monotonic()

    def __call__(self, part: str, count: int) -> None:
        if self._part and part != self._part:
            self.end()
        self._part, self._count = part, count
        if time.monotonic() - self._said_s > SAY_EVERY_S:
            print(f"  {part}: {count} …", file=sys.stderr, flush=True)
            self._said_s = time.monotonic()

    def end(self) -> None:
        """The part that went on is finished."""
        if self._part:
            print(f"  {self._part}: {self._count}", file=sys.stderr, flush=True)
        self._part = ""
        self._said_s = time.monotonic()


def backup(config: HubConfig, options: argparse.Namespace) -> int:
    """Write one backup into the folder, or to a file."""
    now_ms = SystemClock().now_ms()
    path: Path | None = options.to
    if path is None:
        if not config.backup.folder:
            raise BackupError("nothing says where to", "folder in [backup], or --to FILE")
        path = Path(config.backup.folder) / new_name(now_ms)
    say = Progress()
    wanted = Wanted(_days(options.series), options.root)
    missing = make(config, options.config, path, wanted, now_ms=now_ms, say=say)
    say.end()
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, dibaca kembali / read back")
    print(f"sha256 {_digest(path)}")
    if options.to is None:
        for gone in prune(path.parent, config.backup.keep):
            print(f"  {gone.name}: dihapus / removed", file=sys.stderr)
    if missing:
        print(f"siaga-hub: sampel tidak lengkap / samples are missing: {missing}", file=sys.stderr)
    return INCOMPLETE if missing else 0


def _digest(path: Path) -> str:
    """Of the file as it is. Who knows the recipient could make a backup; the journal says which ones we made."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _days(series: str) -> int | None:
    if series in ("all", "none"):
        return None if series == "all" else 0
    if not series.isdigit():
        raise BackupError(f"--series {series!r}", "all, none or a number of days")
    return int(series)


def put_back(options: argparse.Namespace) -> int:
    """Restore a backup, or only look at it."""
    identities = keys.identities(options.identity)
    say = Progress()
    if options.check:
        _, about = look(options.file, identities)
        lines = sum(about.series.lines.values()) if about.series is not None else 0
        counted = f"{len(about.files.files)} files, {sum(about.sql.rows.values())} rows, {lines} samples"
        print(f"{options.file}: {_when(about.made_ms)}, utuh / whole: {counted}")
        print(f"sha256 {_digest(options.file)}")
        if about.series is not None and about.series.missing:
            print(f"tetapi tanpa semua sampel / but not all samples: {about.series.missing}")
        return 0
    done = restore(
        options.file,
        identities,
        into=options.into,
        parts=options.only or PARTS,
        above=options.above,
        now_ms=SystemClock().now_ms(),
        say=say,
    )
    say.end()
    _tell(done)
    return 0


def _tell(done: Restored) -> None:
    print(f"arsip / backup: {_when(done.made_ms)}")
    made = f", {done.rolled} menit dan jam / minutes and hours" if done.rolled else ""
    print(f"{done.files} files, {done.rows} rows, {done.samples} samples ({done.refused} refused){made}")
    if done.inc is not None:
        print(f"generasi / generation {done.inc[0]}; {done.held} pemberitahuan ditahan / notices held")
    print(f"lalu / then: siaga-hub check --config {done.config}")


def _when(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}Z"


def make_key(options: argparse.Namespace) -> int:
    """Make a key; print what the hub's file is to name."""
    print(keys.make(options.file))
    print(f"{options.file}: simpan di luar hub / keep it off the hub", file=sys.stderr)
    return 0


def options_of_backup(command: argparse.ArgumentParser) -> None:
    """The options of ``backup`` beside ``--config``."""
    command.add_argument("--to", type=Path, metavar="FILE", help="else a new file in the folder of [backup]")
    command.add_argument(
        "--series", default="all", metavar="DAYS", help="samples of so many days; all (default) or none"
    )
    command.add_argument(
        "--root", type=Path, metavar="FOLDER", help="the authority's root too, which is never taken unasked"
    )


def add_bare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands that need no configuration: on an empty machine there is none."""
    text = "put a backup back, on a machine where nothing is yet"
    again = commands.add_parser("restore", help=text, description=text)
    again.add_argument("file", type=Path, metavar="BACKUP")
    again.add_argument(
        "--identity", type=Path, required=True, metavar="FILE", help="secret key of siaga-hub backup-key"
    )
    again.add_argument(
        "--check", action="store_true", help="read all of it, say what is in it, write nothing"
    )
    again.add_argument(
        "--into",
        type=Path,
        default=HERE,
        metavar="FOLDER",
        help="this folder stands for /, as for a rehearsal",
    )
    again.add_argument("--only", action="append", choices=PARTS, help="this part; may be given again")
    again.add_argument(
        "--above",
        type=int,
        default=0,
        metavar="N",
        help="the highest generation that ever ran, if the clock is wrong",
    )
    again.set_defaults(bare=put_back)
    text = "make a key to which backups are encrypted"
    key = commands.add_parser("backup-key", help=text, description=text)
    key.add_argument("file", type=Path, metavar="FILE", help="a new file for the secret key")
    key.set_defaults(bare=make_key)
