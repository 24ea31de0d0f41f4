"""What people do to the directory: one entry at a time, or the files as a whole. Checked, audited, at once in force."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from contract.whole_file import write_text
from hub.agencies import fields, store
from hub.agencies.directory import Directory
from hub.agencies.fields import Said, Table
from hub.agencies.reading import NAMES, Texts, read
from hub.api import audit
from hub.api.access import Identity
from hub.api.changes import change
from hub.api.services import Services
from hub.errors import HubError


class FilesError(HubError):
    """The profile's files cannot be taken, or cannot be written."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of one of the files, as a person saw it.

    Attributes:
        expected: version of the directory then.
    """

    table: Table
    id: str
    expected: str


async def put(hub: Services, who: Identity, entry: Entry, said: Said) -> None:
    """Let an entry be as a form says it; a new one is added.

    Raises:
        hub.agencies.fields.FieldError: a field has not its shape.
        contract.strict_toml.TomlError: the directory would have mistakes; nothing has changed.
        DirectoryConflictError: somebody changed it meanwhile.
    """
    texts, file = _texts(hub, entry.expected), entry.table.file
    new = {**texts, file: fields.put(texts[file], entry.table, entry.id, said)}
    await _save(hub, who, "directory.put", new, expected=entry.expected, detail=_told(entry))


async def remove(hub: Services, who: Identity, entry: Entry) -> None:
    """Take an entry out.

    Raises:
        EntryError, contract.strict_toml.TomlError, DirectoryConflictError: as ``put``; also where something names it.
    """
    texts, file = _texts(hub, entry.expected), entry.table.file
    new = {**texts, file: fields.without(texts[file], entry.table, entry.id)}
    await _save(hub, who, "directory.remove", new, expected=entry.expected, detail=_told(entry))


async def take_files(hub: Services, who: Identity, expected: str) -> None:
    """Put the profile's files into force, in the place of what pages made.

    Raises:
        FilesError: they cannot be read, or have mistakes.
        DirectoryConflictError: somebody changed the directory meanwhile.
    """
    found = await asyncio.to_thread(hub.directories.files)
    if found.texts is None or found.directory is None:
        raise FilesError(found.fault)
    await _save(hub, who, "directory.take", found.texts, expected=expected, profile=found.version)


async def export_files(hub: Services, who: Identity) -> None:
    """Write what is in force into the profile's folder, each file whole or not at all.

    Raises:
        FilesError: the hub may not write there.
    """
    current = hub.directories
    version = current.version
    try:
        for name in NAMES:
            await asyncio.to_thread(write_text, current.folder / name, version.texts[name], mode=0o640)
    except OSError as error:
        raise FilesError(f"{error.filename or current.folder}: {error.strerror}") from error
    noted = await change(
        hub,
        who,
        "directory.export",
        version.version,
        lambda conn: store.exported(conn, version),
        topic="directory",
    )
    current.note(noted)


def _texts(hub: Services, expected: str) -> Texts:
    """The files in force.

    Raises:
        DirectoryConflictError: they are others than the person saw.
    """
    version = hub.directories.version
    if version.version != expected:
        raise store.DirectoryConflictError("the directory was changed meanwhile", "read it again")
    return version.texts


def _told(entry: Entry) -> dict[str, audit.Scalar]:
    """What the audit trail says of it: not what was written, for that is people's telephone numbers."""
    return {"entry": f"{entry.table.name}/{entry.id}", "file": entry.table.file}


async def _save(
    hub: Services,
    who: Identity,
    action: str,
    texts: Texts,
    *,
    expected: str,
    detail: Mapping[str, audit.Scalar] | None = None,
    profile: str | None = None,
) -> None:
    current = hub.directories
    directory: Directory = await asyncio.to_thread(read, texts, current.region)
    if directory.version == expected and profile is None:
        return

    def write(conn: Connection) -> store.Version:
        return store.put(
            conn,
            texts,
            profile=current.version.profile if profile is None else profile,
            actor=who.user.name,
            expected=expected,
            now_ms=hub.clock.now_ms(),
        )

    told = {**(detail or {}), "before": expected, "after": directory.version}
    version = await change(hub, who, action, directory.version, write, detail=told, topic="directory")
    current.adopt(version, directory)
