"""The folder that backups are written to: what they are called, which is the newest, which go."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

NAME = re.compile(r"siaga-\d{8}T\d{6}Z\.age")
_FORM = "siaga-%Y%m%dT%H%M%SZ.age"


def new_name(now_ms: int) -> str:
    """What a backup of that time is called."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).strftime(_FORM)


def newest_ms(folder: Path) -> int | None:
    """When the newest backup of a folder was begun, by its name; None where there is none, or no such folder."""
    try:
        names = [path.name for path in folder.iterdir() if NAME.fullmatch(path.name)]
    except OSError:
        return None
    return max((at_ms for name in names if (at_ms := _begun_ms(name)) is not None), default=None)


def _begun_ms(name: str) -> int | None:
    """None for a name of no day that there is."""
    try:
        at = datetime.strptime(name, _FORM).replace(tzinfo=UTC)
    except ValueError:
        return None
    return round(at.timestamp() * 1000)


def prune(folder: Path, keep: int) -> list[Path]:
    """Remove the oldest backups but for so many, 0 keeps all; those that went. Other files are left alone."""
    found = sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name))
    gone = found[:-keep] if keep else []
    for path in gone:
        path.unlink()
    return gone
