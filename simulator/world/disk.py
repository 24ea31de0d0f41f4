"""A disk that forgets what was not synced: files in memory, and an SQLite VFS over them.

A write goes to what the running process sees; only a sync makes it durable. A power cut keeps or drops each
unsynced sector of 512 bytes by chance, so writes are lost, reordered and torn. A crash of the process keeps
all it has written, as a page cache does. The disk can also be full, fail, or have flipped bits.

Every SQLite database of the world is opened through the one VFS named VFS_NAME; the first part of a path says
on which disk the file lies (``/gw-a/spool.db`` is on the disk mounted as ``gw-a``).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import chain
from random import Random

import apsw

VFS_NAME = "siaga-world"
SECTOR = 512
"""Bytes that a power cut leaves whole, old or new."""

_OPEN_FLAGS_CREATE = apsw.SQLITE_OPEN_CREATE


class File:
    """One file: what processes see, what is on the medium, and which sectors may differ."""

    __slots__ = ("dirty", "durable", "exists", "live")

    def __init__(self, content: bytes = b"") -> None:
        self.live = bytearray(content)
        self.durable = bytearray(content)
        self.dirty: list[range] = []
        """Sectors of each write since the last sync."""
        self.exists = bool(content)
        """Whether the name would be there after a power cut."""

    def write(self, at: int, data: bytes) -> None:
        """Overwrite or extend; a hole before the data reads as zeros."""
        live = self.live
        end = at + len(data)
        if at > len(live):
            self.dirty.append(range(len(live) // SECTOR, at // SECTOR + 1))
            live.extend(bytes(at - len(live)))
        live[at:end] = data
        self.dirty.append(range(at // SECTOR, (end - 1) // SECTOR + 1))

    def truncate(self, size: int) -> None:
        """Cut to a size. The medium keeps the tail until the next sync."""
        del self.live[size:]

    def sync(self) -> None:
        """Make the medium equal to what processes see."""
        live, durable = self.live, self.durable
        if len(durable) > len(live):
            del durable[len(live) :]
        elif len(durable) < len(live):
            durable.extend(bytes(len(live) - len(durable)))
        if self.dirty:
            # What lies between two dirty sectors is equal already, so one copy does.
            start = min(sectors.start for sectors in self.dirty) * SECTOR
            end = max(sectors.stop for sectors in self.dirty) * SECTOR
            durable[start:end] = live[start:end]
            self.dirty.clear()
        self.exists = True

    def power_cut(self, random: Random) -> None:
        """Keep each unsynced sector, and an unsynced length, by chance; then what is on the medium is all."""
        live, durable = self.live, self.durable
        if len(live) < len(durable):
            if random.random() < 0.5:
                del durable[len(live) :]
        else:
            for sector in sorted(set(chain.from_iterable(self.dirty))):
                start = sector * SECTOR
                if random.random() < 0.5 and start < len(live):
                    if len(durable) < start:
                        durable.extend(bytes(start - len(durable)))
                    durable[start : start + SECTOR] = live[start : start + SECTOR]
        self.live = bytearray(durable)
        self.dirty.clear()


class Disk:
    """The card of one machine.

    Attributes:
        capacity: bytes that all files together may take; None is without bound.
        filler: bytes that something else on the card takes of it.
        failing: every read, write and sync is an input/output error.
        operations: writes, syncs, truncations and deletions so far.
        stop_at: the operation before which the power or the process goes away; None is never.
        stopped: called once when that happens. Until ``power_up`` the disk then refuses everything.
    """

    def __init__(self, *, capacity: int | None = None) -> None:
        self.capacity = capacity
        self.filler = 0
        self.failing = False
        self.operations = 0
        self.stop_at: int | None = None
        self.stopped: Callable[[], None] | None = None
        self.full_refusals = 0
        self.files: dict[str, File] = {}
        self.generation = 0

    @property
    def used(self) -> int:
        """Bytes of all files, what processes see."""
        return sum(len(file.live) for file in self.files.values())

    def size(self, name: str) -> int:
        """Bytes of one file, 0 where there is none."""
        file = self.files.get(name)
        return len(file.live) if file else 0

    def step(self) -> None:
        """Count one change of the medium, and stop the machine if its hour has come.

        Raises:
            apsw.IOError: the machine stopped before this operation, or the medium fails.
        """
        self.operations += 1
        if self.stop_at is not None and self.operations >= self.stop_at:
            self.stop_at = None
            self.generation += 1
            if self.stopped:
                self.stopped()
            raise apsw.IOError("the machine stopped")
        if self.failing:
            raise apsw.IOError("the medium fails")

    def make_room(self, more: int) -> None:
        """Take bytes of the capacity.

        Raises:
            apsw.FullError: there are not so many.
        """
        if self.capacity is not None and self.used + self.filler + more > self.capacity:
            self.full_refusals += 1
            raise apsw.FullError("no space left on the card")

    def crash(self) -> None:
        """The process dies: open handles are void, all that it wrote stays."""
        self.generation += 1
        self.stop_at = None

    def power_cut(self, random: Random) -> None:
        """The machine loses power: open handles are void, unsynced sectors are kept or lost by chance."""
        self.crash()
        for name in sorted(self.files):
            file = self.files[name]
            if not file.exists and random.random() < 0.5:
                del self.files[name]
            else:
                file.power_cut(random)
                file.exists = True

    def image(self) -> dict[str, bytes]:
        """What a copy of the card would hold: the content of every file as processes see it."""
        return {name: bytes(file.live) for name, file in self.files.items()}

    def restore(self, image: dict[str, bytes]) -> None:
        """Put a copy back in place of all that is there."""
        self.generation += 1
        self.files = {name: File(content) for name, content in image.items()}

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, durably, taking the place of what had it."""
        self.step()
        self.files[new] = self.files.pop(old)

    def flip(self, name: str, at: int, mask: int) -> None:
        """Damage a byte on the medium."""
        file = self.files[name]
        if at < len(file.live):
            file.live[at] ^= mask
        if at < len(file.durable):
            file.durable[at] ^= mask


_disks: dict[str, Disk] = {}
"""Mounted disks of the world that runs now. SQLite finds a VFS by name, so this cannot be passed in."""


def mount(name: str, disk: Disk) -> None:
    """Make a disk's files reachable as ``/name/...``."""
    _disks[name] = disk


def unmount_all() -> None:
    """Forget every disk."""
    _disks.clear()


def _find(path: str) -> tuple[Disk, str]:
    _, mounted, name = path.split("/", 2)
    disk = _disks.get(mounted)
    if disk is None:
        raise apsw.CantOpenError(f"no disk is mounted for {path}")
    return disk, name


class _Handle(apsw.VFSFile):
    """An open file. It is void once its disk has gone to another generation."""

    def __init__(self, disk: Disk, name: str, file: File, *, temporary: bool) -> None:
        self._disk = disk
        self._name = name
        self._file = file
        self._generation = disk.generation
        self._temporary = temporary

    def _alive(self) -> None:
        if self._generation != self._disk.generation:
            raise apsw.IOError("the process that opened this file is dead")

    def xRead(self, amount: int, offset: int) -> bytes:
        if self._generation != self._disk.generation:
            self._alive()
        if self._disk.failing:
            raise apsw.IOError("the medium fails")
        return bytes(self._file.live[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        if self._generation != self._disk.generation:
            self._alive()
        disk, file = self._disk, self._file
        disk.step()
        more = offset + len(data) - len(file.live)
        if more > 0 and disk.capacity is not None:
            disk.make_room(more)
        file.write(offset, data)

    def xSync(self, flags: int) -> None:
        self._alive()
        self._disk.step()
        self._file.sync()

    def xTruncate(self, newsize: int) -> None:
        self._alive()
        self._disk.step()
        self._file.truncate(newsize)

    def xFileSize(self) -> int:
        return len(self._file.live)

    def xClose(self) -> None:
        if self._temporary and self._generation == self._disk.generation:
            self._disk.files.pop(self._name, None)

    # One process has one connection to a database, so nobody else could hold a lock.
    def xLock(self, level: int) -> None: ...

    def xUnlock(self, level: int) -> None: ...

    def xCheckReservedLock(self) -> bool:
        return False

    def xSectorSize(self) -> int:
        return 4096

    def xDeviceCharacteristics(self) -> int:
        """As SQLite's unix VFS says of every disk: a write never harms the bytes beside it."""
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE

    def xFileControl(self, op: int, pointer: int) -> bool:
        return False


class _Vfs(apsw.VFS):
    def __init__(self) -> None:
        super().__init__(VFS_NAME, "", maxpathname=256)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> _Handle:
        if _burying:
            raise apsw.CantOpenError("the dead open nothing")
        if name is None:
            return _Handle(Disk(), "", File(), temporary=False)
        path = name if isinstance(name, str) else name.filename()
        disk, base = _find(path)
        if disk.failing:
            raise apsw.CantOpenError("the medium fails")
        file = disk.files.get(base)
        if file is None:
            if not flags[0] & _OPEN_FLAGS_CREATE:
                raise apsw.CantOpenError(f"{path} does not exist")
            file = disk.files[base] = File()
        flags[1] = flags[0]
        return _Handle(disk, base, file, temporary=bool(flags[0] & apsw.SQLITE_OPEN_DELETEONCLOSE))

    def xDelete(self, filename: str, syncdir: bool) -> None:
        if _burying:
            raise apsw.IOError("the dead delete nothing")
        disk, base = _find(filename)
        disk.step()
        if disk.files.pop(base, None) is None:
            raise apsw.IOError(f"{filename} does not exist")

    def xAccess(self, pathname: str, flags: int) -> bool:
        disk, base = _find(pathname)
        return base in disk.files

    def xFullPathname(self, name: str) -> str:
        return name


class Database(apsw.Connection):
    """An SQLite database on a mounted disk, as one process has it open."""

    def __init__(self, path: str) -> None:
        register()
        self._card, _ = _find(path)
        self._generation = self._card.generation
        super().__init__(path, vfs=VFS_NAME)

    def let_go(self) -> None:
        """Close. For a process that is dead by now this touches nothing: the files may be another's already."""
        global _burying  # noqa: PLW0603  SQLite deletes a file by its name, not by its handle
        if self._generation == self._card.generation:
            self.close(force=True)
            return
        _burying = True
        try:
            with suppress(apsw.Error):
                self.close(force=True)
        finally:
            _burying = False


_burying = False
_vfs: _Vfs | None = None


def register() -> str:
    """Make the VFS known to SQLite, once a process, and return its name."""
    global _vfs  # noqa: PLW0603  SQLite's table of VFS is process-wide and keeps no reference
    if _vfs is None:
        _vfs = _Vfs()
    return VFS_NAME
