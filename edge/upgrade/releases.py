"""Where a gateway's versions lie, which of them runs, and what must not be forgotten between two upgrades.

    /opt/siaga/releases/0.1.0/   an environment each: bin/siaga-edge, lib/…, and manifest.json, written last
    /opt/siaga/venv              link to the one that runs; systemd starts what is behind it
    /opt/siaga/previous          link to the one before
    /opt/siaga/upgrade.json      State
    /opt/siaga/trial.json        Trial, for as long as a new version is on trial

Every change is one rename. The folder is root's: a gateway that was broken into cannot change its own software.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from contract import upgrade
from contract.upgrade import UpgradeError, version_of
from contract.whole_file import write_bytes

FOLDER = Path("/opt/siaga")
T = TypeVar("T")


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What keeps an attacker from taking a gateway back in time.

    Attributes:
        highest: version that has run well; none below it is taken again.
        seen_ms: when the newest manifest that was believed was made: it is not earlier than that.
    """

    highest: str
    seen_ms: int = 0


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A version on trial.

    Attributes:
        old, new: versions.
        made_ms: when the new one's manifest was made.
        was_reached: the old one had the hub within reach, so the new one must, too.
        vitals: the file in which the running gateway shows itself.
        restart: command that starts the service anew.
    """

    old: str
    new: str
    made_ms: int
    was_reached: bool
    vitals: str
    restart: tuple[str, ...]


class Releases:
    """The folder of a gateway's versions. The constructor only stores."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._running = folder / "venv"
        self._previous = folder / "previous"
        self._trial = folder / "trial.json"
        self._state = folder / "upgrade.json"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep every other upgrade away meanwhile.

        Raises:
            UpgradeError: one is under way.
        """
        lock = os.open(self._folder / "upgrade.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise UpgradeError("busy", "another upgrade is under way", "wait for it") from None
        try:
            yield
        finally:
            os.close(lock)

    def place(self, version: str) -> Path:
        """Folder of a version."""
        return self._folder / "releases" / version

    @property
    def running(self) -> str:
        """The version behind the link.

        Raises:
            UpgradeError: this gateway was not laid out for upgrades.
        """
        try:
            target = self._running.readlink()
        except OSError as error:
            raise UpgradeError(
                "layout", f"{self._running} is no link to a release: {error}", "docs/technician.md, Install"
            ) from error
        if target.parent.name != "releases":
            raise UpgradeError("layout", f"{self._running} leads to {target}", "docs/technician.md, Install")
        version_of(target.name)
        return target.name

    @property
    def state(self) -> State:
        """What was kept; on a gateway that was never upgraded, what runs.

        Raises:
            UpgradeError: the file is damaged. Nothing is taken then: it may have been damaged for that.
        """
        return _read(self._state, State) or State(highest=self.running)

    @property
    def trial(self) -> Trial | None:
        """The trial under way; None where there is none.

        Raises:
            UpgradeError: its file is damaged.
        """
        return _read(self._trial, Trial)

    def clear(self, version: str) -> Path:
        """The place of a version, free for it: what an upgrade that was cut off has left there is removed.

        Raises:
            UpgradeError: that version runs.
        """
        if version == self.running:
            raise UpgradeError("older", f"{version} runs already")
        place = self.place(version)
        if place.exists():
            shutil.rmtree(place)
        place.parent.mkdir(exist_ok=True)
        return place

    def complete(self, version: str, manifest: bytes) -> None:
        """All of a version is in its place, and on the card."""
        write_bytes(self.place(version) / upgrade.MANIFEST, manifest, mode=0o644)
        os.sync()

    def begin(self, trial: Trial) -> None:
        """Put the new version in the old one's place. A power cut leaves the one or the other, and the trial."""
        write_bytes(self._trial, msgspec.json.encode(trial), mode=0o600)
        self._point(self._previous, trial.old)
        self._point(self._running, trial.new)

    def keep(self, trial: Trial) -> None:
        """The trial went well. Versions other than these two are removed."""
        highest = max(self.state.highest, trial.new, key=version_of)
        state = State(highest=highest, seen_ms=max(self.state.seen_ms, trial.made_ms))
        write_bytes(self._state, msgspec.json.encode(state), mode=0o644)
        self._trial.unlink()
        for place in (self._folder / "releases").iterdir():
            if place.name not in (trial.old, trial.new):
                shutil.rmtree(place)

    def take_back(self, trial: Trial) -> None:
        """Put the old version back; the next start is its."""
        self._point(self._running, trial.old)

    def end(self, trial: Trial) -> None:
        """The old version runs again; the new one is removed."""
        self._trial.unlink()
        shutil.rmtree(self.place(trial.new), ignore_errors=True)

    def _point(self, link: Path, version: str) -> None:
        part = link.with_name(link.name + ".part")
        part.unlink(missing_ok=True)
        part.symlink_to(Path("releases") / version)
        part.replace(link)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, ValueError) as error:  # ValueError: bytes that are no UTF-8
        raise UpgradeError("state", f"{path} is damaged: {error}", "tell the command room") from error
