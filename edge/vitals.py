"""What a running gateway shows of itself to who tries a new version of it: a small file beside the spool.

Written when the gateway is ready, and again only when the hub comes within reach or is lost, so that a card is not
worn by it. It is gone after a stop in good order. Nothing of it is sent anywhere.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import msgspec

from edge.clock import Clock

log = logging.getLogger(__name__)

FILE = "vitals.json"


class Vitals(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway that runs: its spool is open and its drivers are started.

    Attributes:
        started_ms: by the boot clock. With ``pid`` and ``boot`` it names one run of the process.
        reached: the hub has greeted the connection that stands now.
    """

    boot: str
    pid: int
    software: str
    started_ms: int
    reached: bool


def path_of(spool: Path) -> Path:
    """Where the file of the gateway with that spool is."""
    return spool.parent / FILE


def read(path: Path) -> Vitals | None:
    """The file's words; None where there is none or it cannot be read. Whether the process lives is not judged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Vitals)
    except (OSError, msgspec.DecodeError, ValueError):  # ValueError: bytes that are no UTF-8
        return None


class Showing:
    """Keeps the file of this process. The constructor only stores. A full card makes it silent, never the gateway."""

    def __init__(self, spool: Path, software: str, clock: Clock) -> None:
        self._path = path_of(spool)
        self._software = software
        self._clock = clock
        self._vitals: Vitals | None = None

    def begin(self) -> None:
        """The gateway is ready."""
        self._write(
            Vitals(
                boot=self._clock.boot_id(),
                pid=os.getpid(),
                software=self._software,
                started_ms=self._clock.mono_ms(),
                reached=False,
            )
        )

    def show(self, *, reached: bool) -> None:
        """Say whether the hub is within reach; writes only what is new."""
        if self._vitals is not None and reached != self._vitals.reached:
            self._write(msgspec.structs.replace(self._vitals, reached=reached))

    def end(self) -> None:
        """The gateway stops in good order."""
        if self._vitals is not None:
            self._path.unlink(missing_ok=True)

    def _write(self, vitals: Vitals) -> None:
        self._vitals = vitals
        part = self._path.with_name(self._path.name + ".part")
        try:
            # Not forced to the card: after a power cut it says nothing that anybody wants to know.
            part.write_bytes(msgspec.json.encode(vitals))
            part.replace(self._path)
        except OSError as error:
            log.warning("vitals.unwritten path=%s error=%s", self._path, error)


def runs(vitals: Vitals | None, *, boot: str) -> bool:
    """Whether the process that wrote it still runs. Asks the kernel."""
    return vitals is not None and vitals.boot == boot and Path(f"/proc/{vitals.pid}").exists()
