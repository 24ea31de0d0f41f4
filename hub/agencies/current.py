"""The directory in force: the profile's files at first, then what people make of it on pages.

At a start the files are taken where nobody has changed anything on a page since they were last taken. Where both have
changed, what is in force stays and a person chooses. Files with mistakes change nothing, but for the very first start.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection

from contract.strict_toml import TomlError
from hub.agencies import store
from hub.agencies.directory import Directory
from hub.agencies.reading import NAMES, Texts, read, texts_of, version_of
from hub.agencies.store import Version
from hub.region import Region

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Files:
    """The files of the profile as they are now.

    Attributes:
        texts: None where they cannot be read.
        directory: None where they have mistakes; then ``fault`` tells them, a line each.
    """

    texts: Texts | None
    directory: Directory | None
    fault: str = ""

    @property
    def version(self) -> str:
        """Of the texts; empty where they cannot be read."""
        return "" if self.texts is None else version_of(self.texts)


class Current:
    """The directory in force. Not thread-safe: ``get`` and ``adopt`` belong to the hub's event loop.

    Args:
        folder: the region profile.

    Attributes:
        region: with its agencies as they were in force at the start.
        version: what is in force.
    """

    def __init__(self, region: Region, folder: Path, version: Version, directory: Directory) -> None:
        self.region = replace(
            region,
            agencies=directory.agencies,
            duty_desk=directory.agencies.get(region.duty_desk.id, region.duty_desk),
        )
        self.folder = folder
        self.version = version
        self._directory = directory

    def get(self) -> Directory:
        """The directory as it is now. Ask again at the next use."""
        return self._directory

    def adopt(self, version: Version, directory: Directory) -> None:
        """A newer version is in force, on record."""
        if version.n > self.version.n:
            self.version, self._directory = version, directory

    def note(self, version: Version) -> None:
        """More is known of the version in force."""
        if version.n == self.version.n:
            self.version = version

    def check(self, region: Region) -> None:
        """Whether a hub of that region could begin: with what is in force, or else with the files; reads them.

        Raises:
            contract.strict_toml.TomlError, OSError, UnicodeDecodeError: with neither, as ``take_up``.
        """
        try:
            read(self.version.texts, region)
        except TomlError:
            read(texts_of(self.folder), region, self.folder)

    def files(self) -> Files:
        """The profile's files as they are now; reads them."""
        return look(self.folder, self.region)


def look(folder: Path, region: Region) -> Files:
    """Read the profile's files."""
    try:
        texts = texts_of(folder)
    except (OSError, UnicodeDecodeError) as error:
        return Files(None, None, str(error))
    try:
        return Files(texts, read(texts, region, folder))
    except TomlError as error:
        return Files(texts, None, str(error))


def take_up(conn: Connection, region: Region, folder: Path, *, now_ms: int) -> Current:
    """At start: what is in force from now on.

    Raises:
        contract.strict_toml.TomlError: nothing was ever in force, or it no longer fits the region, and the files have
            mistakes.
        OSError: likewise, and they cannot be read.
    """
    files, last = look(folder, region), store.newest(conn)
    held = None if last is None else _held(last, region)
    if last is not None and held is not None and not _takes(files, last):
        if files.version == last.version != last.profile:
            last = store.exported(conn, last)
        _tell(files, last)
        return Current(region, folder, last, held)
    texts = texts_of(folder)
    directory = read(texts, region, folder)
    expected = None if last is None else last.version
    version = store.put(conn, texts, profile=version_of(texts), actor="hub", expected=expected, now_ms=now_ms)
    log.info("directory.taken version=%s", version.version)
    return Current(region, folder, version, directory)


def plain_current(region: Region, directory: Directory, folder: Path = Path()) -> Current:
    """A directory that no profile stands behind, for tests and tools."""
    return Current(region, folder, Version(0, "", "", 0, "hub", dict.fromkeys(NAMES, "")), directory)


def _held(last: Version, region: Region) -> Directory | None:
    """What was in force, if it still fits the region."""
    try:
        return read(last.texts, region)
    except TomlError as error:
        log.error("directory.unfit version=%s error=%s", last.version, error)
        return None


def _takes(files: Files, last: Version) -> bool:
    """Whether the files are newer than what is in force, and nobody changed that on a page."""
    if files.directory is None or files.version in (last.profile, last.version):
        return False
    return last.version == last.profile


def _tell(files: Files, last: Version) -> None:
    if files.directory is None:
        log.error("directory.refused in_force=%s error=%s", last.version, files.fault)
    elif files.version not in (last.profile, last.version):
        log.warning("directory.differs in_force=%s files=%s", last.version, files.version)
