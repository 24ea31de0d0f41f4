"""The files of a hub: configuration, secrets, certificates, profile and authority, and back to where they were.

A file keeps its absolute path, mode and owner's name. An SQLite file of another program is copied as SQLite copies it,
so that a register in use is whole.
"""

from __future__ import annotations

import grp
import os
import pwd
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import msgspec

from contract.whole_file import write_bytes
from hub.backup.errors import BackupError
from hub.config import HubConfig

PREFIX = "files/"
MOST_BYTES = 64 * 1024 * 1024
"""A larger file is none of a configuration, and has been named by mistake."""

_SQLITE = b"SQLite format 3\0"
_BESIDE_SQLITE = ("-wal", "-shm", "-journal", ".lock")


class Kept(msgspec.Struct, frozen=True):
    """What the manifest says of a file or folder.

    Attributes:
        path: where it was, absolute.
        owner, group: names; a number where there was no name.
    """

    path: str
    mode: int
    owner: str
    group: str


def named_in(config: HubConfig, config_file: Path) -> list[Path]:
    """Everything that the configuration names, the file itself first. The store is no file of a backup."""
    found = [config_file.resolve()]
    store = config.database.file
    for text in _texts(config):
        path = Path(text)
        if path.is_absolute() and text != store and path.exists():
            found.append(path)
    return list(dict.fromkeys(found))


def _texts(value: object) -> Iterator[str]:
    """Every text in a structure, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, msgspec.Struct):
        for field in msgspec.structs.fields(value):
            yield from _texts(getattr(value, field.name))
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


class Collected(msgspec.Struct, frozen=True):
    """What the manifest says of all files: by member, and the folders that they lie in."""

    files: dict[str, Kept]
    folders: list[Kept]


def collect(
    places: Iterable[Path], add: Callable[[str, bytes], None], *, without: Iterable[Path] = ()
) -> Collected:
    """Hand over every file at or below these places.

    Args:
        without: folders that are left out, such as the one that backups are written to.

    Raises:
        BackupError: a file is far too large.
        OSError: one cannot be read.
    """
    kept: dict[str, Kept] = {}
    left_out = {path.resolve() for path in without}
    found = sorted({file for place in places for file in _files(place, left_out)})
    for path in found:
        member = f"{PREFIX}{len(kept):06}"
        add(member, _content(path))
        kept[member] = _kept(path)
    return Collected(kept, [_kept(folder) for folder in sorted({path.parent for path in found})])


def _kept(path: Path) -> Kept:
    about = path.stat()
    return Kept(str(path), stat.S_IMODE(about.st_mode), _owner(about.st_uid), _group(about.st_gid))


def _files(place: Path, without: set[Path]) -> Iterator[Path]:
    place = place.resolve()
    if place in without or place.parent in without:
        return
    if place.is_dir():
        for inside in place.iterdir():
            yield from _files(inside, without)
    elif place.is_file() and not _is_beside_sqlite(place):
        yield place


def _is_beside_sqlite(path: Path) -> bool:
    """Whether it belongs to an SQLite file of which a copy is taken, and means nothing without it."""
    for ending in _BESIDE_SQLITE:
        if path.name.endswith(ending) and path.with_name(path.name.removesuffix(ending)).is_file():
            return True
    return False


def _content(path: Path) -> bytes:
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise BackupError(f"{path} has {size // 2**20} MB", "is it meant to be here?")
    data = path.read_bytes()
    if not data.startswith(_SQLITE):
        return data
    with closing(sqlite3.connect(":memory:")) as copy:
        try:
            _copy(path, "mode=ro", copy)
        except sqlite3.OperationalError:
            # Nobody has it open, and this account may not make the files beside it that reading would need.
            if path.with_name(path.name + "-wal").exists():
                raise
            _copy(path, "mode=ro&immutable=1", copy)
        return bytes(copy.serialize())


def _copy(path: Path, how: str, into: sqlite3.Connection) -> None:
    with closing(sqlite3.connect(f"{path.as_uri()}?{how}", uri=True)) as source:
        source.backup(into)


def _owner(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def place(path: str, into: Path) -> Path:
    """Where a file goes: to its own path, or below another folder.

    Raises:
        BackupError: its path leads out of the folder.
    """
    parts = Path(path).parts
    if not Path(path).is_absolute() or ".." in parts:
        raise BackupError(f"{path!r} is no place for a file", "this is no backup of ours")
    return into.joinpath(*parts[1:])


def make_folders(folders: Iterable[Kept], into: Path) -> None:
    """Make the folders that are not there, with mode and owner as they were."""
    for folder in sorted(folders, key=lambda one: one.path):
        path = place(folder.path, into)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
            path.mkdir(mode=0o700)
            _give(path, folder)


def put_back(kept: Kept, data: bytes, into: Path) -> Path:
    """Write a file back, whole or not at all, with its mode and, where it can be, its owner.

    Raises:
        OSError: it cannot be written.
    """
    path = place(kept.path, into)
    write_bytes(path, data, mode=0o600)
    _give(path, kept)
    return path


def _give(path: Path, kept: Kept) -> None:
    """To the owner by name: on a new machine the accounts have other numbers. One that is not there is made first."""
    if os.geteuid() == 0:
        with suppress(KeyError):
            os.chown(path, pwd.getpwnam(kept.owner).pw_uid, -1)
        with suppress(KeyError):
            os.chown(path, -1, grp.getgrnam(kept.group).gr_gid)
    path.chmod(kept.mode)
