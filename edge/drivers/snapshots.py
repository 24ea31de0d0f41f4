"""Pictures that are kept at the gateway when somebody presses. They leave it only when somebody asks for one."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from contract.codec import encode_body
from contract.messages import EventBody
from contract.pictures import FILE
from contract.whole_file import write_bytes
from edge.clock import Clock, random_hex
from edge.config.cameras import SnapshotSettings
from edge.drivers.base import EventStore, MissedPollError
from edge.drivers.camera import CameraDriver
from edge.errors import EdgeError, OrderError
from edge.panic import Press

log = logging.getLogger(__name__)

TRIES = 3
AGAIN_S = 1.0
TIDY_S = 3600.0
"""How often pictures are looked at whose days are over."""
WAITING = 32
"""Presses whose pictures wait; more are not taken: a button that is hammered shows the same."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that is kept; `taken_s` is the file's own time."""

    name: str
    size: int
    taken_s: float


class Album:
    """The folder of pictures, within its room and age."""

    def __init__(self, settings: SnapshotSettings, *, clock: Clock) -> None:
        self._folder = settings.folder
        self._most_bytes = int(settings.keep_mb * 1e6)
        self._most_s = settings.keep_days * 86_400
        self._clock = clock

    def keep(self, name: str, data: bytes) -> None:
        """Keep a picture; the oldest go where there is no room.

        Raises:
            OSError: the card does not take it.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.tidy(len(data))
        write_bytes(self._folder / name, data, mode=0o600)

    def pictures(self) -> list[Picture]:
        """What is kept, newest first."""
        found = []
        for path in self._folder.glob("*.jpg"):
            if FILE.fullmatch(path.name):
                seen = path.stat()
                found.append(Picture(path.name, seen.st_size, seen.st_mtime))
        return sorted(found, key=lambda one: (-one.taken_s, one.name))

    def read(self, name: str) -> bytes:
        """The picture of that name.

        Raises:
            OrderError: there is none, or not any more.
        """
        if not FILE.fullmatch(name):
            raise OrderError(
                "picture", f"{name!r} is no picture's name", "as the event camera_snapshot says it"
            )
        try:
            return (self._folder / name).read_bytes()
        except OSError as error:
            raise OrderError("picture", f"tidak ada lagi / not kept any more: {name}") from error

    def tidy(self, wanted: int = 0) -> None:
        """Let the oldest go: those whose days are over, and those in the way of so many more bytes."""
        pictures = self.pictures()
        total = wanted + sum(one.size for one in pictures)
        # By the clock of the card, which may be wrong: then nothing looks too old, or the newest stay for longest.
        oldest_s = self._clock.now_ms() / 1000 - self._most_s if self._clock.discipline().synced else 0.0
        for one in reversed(pictures):
            if total > self._most_bytes or one.taken_s < oldest_s:
                (self._folder / one.name).unlink(missing_ok=True)
                total -= one.size


class Photographer:
    """Takes pictures of presses, one press after the other, all cameras of it at once."""

    def __init__(self, cameras: Sequence[CameraDriver], album: Album, *, clock: Clock) -> None:
        self._cameras = tuple(cameras)
        self._album = album
        self._clock = clock
        self._presses: asyncio.Queue[Press] = asyncio.Queue(WAITING)

    @property
    def album(self) -> Album:
        """The pictures that are kept."""
        return self._album

    def pressed(self, press: Press) -> None:
        """Somebody has pressed, and the press is on the card. Never blocks."""
        if any(press.device in camera.settings.on_panic for camera in self._cameras):
            if self._presses.full():
                log.warning("snapshot_left_out event=%s", press.event_id)
            else:
                self._presses.put_nowait(press)

    async def run(self, store: EventStore) -> None:
        """Work until cancelled."""
        while True:
            try:
                async with asyncio.timeout(TIDY_S):
                    press = await self._presses.get()
            except TimeoutError:
                self._tidy()
                continue
            async with asyncio.TaskGroup() as group:
                for camera in self._cameras:
                    if press.device in camera.settings.on_panic:
                        group.create_task(self._take(camera, press, store), name=f"snapshot {camera.device}")

    def _tidy(self) -> None:
        try:
            self._album.tidy()
        except OSError as error:
            log.warning("snapshots_untidied error=%s", error)

    async def _take(self, camera: CameraDriver, press: Press, store: EventStore) -> None:
        name = f"{press.event_id}-{camera.device}.jpg"
        try:
            data = await self._picture(camera)
            self._album.keep(name, data)
        except (MissedPollError, OSError) as error:
            log.warning("snapshot_failed device=%s event=%s error=%s", camera.device, press.event_id, error)
            return
        camera.snapshots += 1
        told: dict[str, str | int | float | bool | None] = {
            "press": press.event_id,
            "button": press.device,
            "file": name,
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        body = EventBody(id=random_hex(16), kind="camera_snapshot", device=camera.device, data=told)
        try:
            store.append_events([(self._clock.mono_ms(), encode_body(body))])
        except EdgeError as error:
            # The picture is kept all the same, and found by its press.
            log.error("snapshot_untold device=%s error=%r", camera.device, str(error))

    @staticmethod
    async def _picture(camera: CameraDriver) -> bytes:
        for at in range(TRIES):
            if at:
                await asyncio.sleep(AGAIN_S)
            try:
                return await camera.picture()
            except MissedPollError:
                if at + 1 == TRIES:
                    raise
        raise AssertionError("the last try raises or returns")
