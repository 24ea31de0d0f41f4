"""What failed, in words for a person who has never seen it: what, to what, what to do next, and the last lines of the
log."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path

from contract.errors import ContractError
from provisioning.errors import ProvisioningError
from simulator import proc
from simulator.processes import ChildDied, PortTaken, ProgramMissing, ServerFailed

FAILED = 1
MISUSED = 2
"""Exit statuses: something failed; what was asked for makes no sense."""


class DiskLow(Exception):
    """There is no room for the demo's data.

    Attributes:
        free, least: bytes that are there, and that it needs.
    """

    def __init__(self, folder: Path, free: int, least: int) -> None:
        super().__init__(f"{folder}: {free} bytes free, {least} needed")
        self.folder = folder
        self.free = free
        self.least = least


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure as it is told.

    Attributes:
        what_id, what_en: what failed, and to what.
        next_id, next_en: what a person can do.
        log: the last lines of the part's own log.
        status: exit status.
    """

    what_id: str
    what_en: str
    next_id: str
    next_en: str
    log: str = ""
    status: int = FAILED

    def text(self) -> str:
        """The whole of it, several lines."""
        lines = [
            f"siaga-demo: GAGAL: {self.what_id}",
            f"siaga-demo: FAILED: {self.what_en}",
            f"  Langkah berikut: {self.next_id}",
            f"  What to do: {self.next_en}",
        ]
        if self.log:
            lines += ["  Baris terakhir catatannya / the last lines of its log:"]
            lines += [f"    | {line}" for line in self.log.splitlines()]
        lines += ["  Tidak ada yang tertinggal berjalan. / Nothing is left running."]
        return "\n".join(lines)


def explain(error: BaseException) -> Failure:
    """What happened, in words."""
    if isinstance(error, PortTaken):
        by = proc.listener(error.port)
        return Failure(
            f"port {error.port} sudah dipakai" + (f" oleh {by}" if by else ""),
            f"port {error.port} is taken" + (f" by {by}" if by else ""),
            'hentikan program itu, atau pilih port lain: make demo ARGS="--port 8090"',
            'end that program, or choose another port: make demo ARGS="--port 8090"',
        )
    if isinstance(error, ProgramMissing):
        return Failure(
            f"sebuah program belum terpasang: {_first(error)}",
            f"a program is missing: {_first(error)}",
            "jalankan setup/install demo (sebagai root atau dengan sudo), lalu ulangi",
            "run setup/install demo (as root or with sudo), then try again",
        )
    if isinstance(error, DiskLow) or (isinstance(error, OSError) and error.errno == errno.ENOSPC):
        return _disk(error)
    if isinstance(error, ChildDied):
        return Failure(
            f"satu bagian kota berhenti sendiri: {_first(error)}",
            f"a part of the city ended by itself: {_first(error)}",
            "lihat baris di bawah; jika berulang, laporkan bersama baris itu (CONTRIBUTING.md)",
            "see the lines below; if it happens again, report it with them (CONTRIBUTING.md)",
            error.hint,
        )
    if isinstance(error, ServerFailed):
        return Failure(
            f"satu bagian kota tidak dapat dijalankan: {_first(error)}",
            f"a part of the city cannot be started: {_first(error)}",
            "lihat baris di bawah; periksa ruang disk (df -h .) dan memori (free -m), lalu ulangi",
            "see the lines below; check room on the disk (df -h .) and memory (free -m), then try again",
            error.hint,
        )
    if isinstance(error, ContractError | ProvisioningError | FileNotFoundError | NotADirectoryError):
        return Failure(
            f"berkas kota tidak dapat dipakai: {error}",
            f"the files of the city cannot be used: {error}",
            "periksa berkas yang disebut di atas",
            "correct the file that is named above",
            status=MISUSED,
        )
    return Failure(
        f"hal yang tidak terduga: {error!r}",
        f"something unexpected: {error!r}",
        "ulangi; jika terjadi lagi, laporkan (CONTRIBUTING.md)",
        "try again; if it happens again, report it (CONTRIBUTING.md)",
    )


def _disk(error: BaseException) -> Failure:
    room_id = room_en = ""
    if isinstance(error, DiskLow):
        free, least = error.free / 2**20, error.least / 2**20
        room_id = f" ({free:.0f} MB bebas di {error.folder}, perlu {least:.0f} MB)"
        room_en = f" ({free:.0f} MB free at {error.folder}, {least:.0f} MB needed)"
    return Failure(
        f"disk penuh{room_id}",
        f"the disk is full{room_en}",
        'kosongkan ruang, atau pilih folder lain: make demo ARGS="--home /folder/lain"',
        'make room, or choose another folder: make demo ARGS="--home /another/folder"',
    )


def _first(error: BaseException) -> str:
    return str(error).partition("\n")[0]
