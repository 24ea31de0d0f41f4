"""One encrypted file of many members: tar, gzip, age, written as a stream and read back before it counts.

The last member is the manifest: digest and length of every other one, and what the backup says of itself. A file
without its end has no manifest, and age notices a missing end too.

Whoever writes has no secret key, so each file is also encrypted for a key of its own that lives in memory until the
file has been read back, and then is forgotten.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import msgspec
import pyrage

from hub.backup.errors import BackupError
from hub.backup.keys import Identity, Recipient, new_identity

FORMAT = 1
MANIFEST = "manifest.json"
MOST_MEMBER_BYTES = 256 * 1024 * 1024
"""Members are held in memory one at a time; a larger one is not of our making."""

_LEVEL = 1
"""Of gzip: lines and rows shrink to a tenth already, and a backup takes no core from the hub for long."""


class Member(msgspec.Struct, frozen=True):
    """What the manifest says of a member."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """The last member.

    Attributes:
        about: what the backup says of itself, by its parts.
    """

    format: int
    members: dict[str, Member]
    about: dict[str, Any]


class Writer:
    """Takes the members of a backup that is being written."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.members: dict[str, Member] = {}
        self.about: dict[str, Any] = {}

    def add(self, name: str, data: bytes) -> None:
        """Write a member.

        Raises:
            BackupError: there is one of that name.
        """
        if name in self.members:
            raise BackupError(f"two members are called {name}")
        self._put(name, data)
        self.members[name] = Member(len(data), hashlib.sha256(data).hexdigest())

    def finish(self) -> Manifest:
        """Write the manifest."""
        manifest = Manifest(FORMAT, self.members, self.about)
        self._put(MANIFEST, msgspec.json.encode(manifest))
        return manifest

    def _put(self, name: str, data: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(data), 0o600
        self._tar.addfile(info, io.BytesIO(data))


def part_of(path: Path) -> Path:
    """What a backup is called while it is written."""
    return path.with_name(path.name + ".part")


@contextmanager
def writing(path: Path, recipients: Sequence[Recipient]) -> Generator[Writer, None, None]:
    """Write a backup: it is there, whole, on disk and read back when the block ends, or it is not there at all.

    Raises:
        BackupError: it cannot be written, or what was read back is not what was written.
        OSError: the file cannot be made.
    """
    part = part_of(path)
    part.unlink(missing_ok=True)
    own = new_identity()
    handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "w+b") as file:
            with _encrypting(file, [*recipients, own.to_public()]) as tar:
                writer = Writer(tar)
                yield writer
                manifest = writer.finish()
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            if verified(file, [own]) != manifest:
                raise BackupError("the file does not say what was written", "is the disk sound?")
        part.replace(path)
        _sync_folder(path.parent)
    except pyrage.EncryptError as error:
        raise BackupError(f"the backup cannot be written: {error}", "is the disk full?") from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _encrypting(file: IO[bytes], recipients: Sequence[Recipient]) -> Generator[tarfile.TarFile, None, None]:
    with (
        _beside(lambda source: pyrage.encrypt_io(source, file, recipients), reads=True) as sink,
        gzip.GzipFile(fileobj=sink, mode="wb", compresslevel=_LEVEL, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        yield tar


def verified(file: IO[bytes], identities: Sequence[Identity]) -> Manifest:
    """Read all of a backup and compare it with its manifest, which is returned.

    Raises:
        BackupError: it is damaged, cut off, for somebody else, or no backup.
    """
    seen: dict[str, Member] = {}
    manifest: Manifest | None = None
    for name, data in members(file, identities):
        if manifest is not None:
            raise BackupError("something follows the manifest", "take another backup")
        if name == MANIFEST:
            manifest = _manifest(data)
        else:
            seen[name] = Member(len(data), hashlib.sha256(data).hexdigest())
    if manifest is None:
        raise BackupError("the backup has no end", "take another one")
    if seen != manifest.members:
        wrong = sorted(
            name for name in seen.keys() | manifest.members if seen.get(name) != manifest.members.get(name)
        )
        raise BackupError(f"{wrong[0]} is not what the manifest says", "take another backup")
    return manifest


def members(file: IO[bytes], identities: Sequence[Identity]) -> Generator[tuple[str, bytes], None, None]:
    """Every member with its content, in the order in which they were written, the manifest last.

    Raises:
        BackupError: it is damaged, for somebody else, or no backup.
    """
    try:
        with (
            _beside(lambda sink: pyrage.decrypt_io(file, sink, identities), reads=False) as source,
            gzip.GzipFile(fileobj=source, mode="rb") as packed,
        ):
            with tarfile.open(fileobj=packed, mode="r|") as tar:
                for info in tar:
                    content = tar.extractfile(info) if info.isreg() else None
                    if content is None or info.size > MOST_MEMBER_BYTES:
                        raise BackupError(f"{info.name!r} is no member of a backup")
                    yield info.name, content.read()
            while packed.read(1 << 16):
                pass  # to its end: what gzip and age say of the end must hold
    except pyrage.DecryptError as error:
        raise BackupError(f"it cannot be decrypted: {error}", "is it the right key?") from error
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise BackupError(f"the backup is damaged: {error}", "take another one") from error


def _manifest(data: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except ValueError as error:
        raise BackupError(f"its manifest cannot be read: {error}") from error
    if manifest.format != FORMAT:
        raise BackupError(f"it has the format {manifest.format}", "restore it with the Siaga that made it")
    return manifest


@contextmanager
def _beside(work: Callable[[Any], None], *, reads: bool) -> Generator[IO[bytes], None, None]:
    """Run work in a thread at one end of a pipe; the block has the other end. Its error counts before the block's.

    Args:
        reads: work reads what the block writes; else the other way round.
    """
    source, sink = os.pipe()
    theirs, ours = (source, sink) if reads else (sink, source)
    failed: list[BaseException] = []

    def run() -> None:
        with os.fdopen(theirs, "rb" if reads else "wb") as end:
            try:
                work(end)
            except BaseException as error:
                failed.append(error)

    thread = threading.Thread(target=run, name="backup-age", daemon=True)
    thread.start()
    try:
        with os.fdopen(ours, "wb" if reads else "rb") as end:
            yield end
    except GeneratorExit:
        thread.join()  # whoever read has enough; that the other side was cut off is no error
        raise
    except BaseException as error:
        thread.join()
        # A broken pipe on our side only says that theirs failed.
        if failed and not isinstance(error, BackupError):
            raise failed[0] from error
        raise
    thread.join()
    if failed:
        raise failed[0]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
