"""gammu-smsd by its files: a text for a modem is a file in ``outbox``, one that came in is a file in ``inbox``.

The daemon is another program with a licence of its own; nothing but folders is shared with it. Its outgoing files are
``OUT<priority><date>_<time>_<serial>_<number>_<note>.txt`` in UTF-8; it moves them to ``sent`` or ``error``. A file is
written under a hidden name and then moved, so that the daemon never reads half of one. What came in is
``IN<date>_<time>_<serial>_<sender>_<part>.txt``; parts of a long text have one serial and follow each other.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import time
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from hub.notify.sms.gateway import SmsUnavailableError, Text, checked_number

PARTS_S = 5.0
"""A text whose newest part is younger is not read: more of it may come."""

_IN = re.compile(r"IN(\d{8}_\d{6}_\d+)_([^_]*)_(\d+)\.txt")


class GammuFiles:
    """The spool of a gammu-smsd with ``service = files``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, number: str, text: str, *, key: str) -> str:
        """A file in the outbox. Its name follows from the key, so that a second attempt adds no second text."""
        return await asyncio.to_thread(self._send, number, text, key)

    async def received(self) -> Sequence[Text]:
        """The texts of the inbox, long ones joined."""
        return await asyncio.to_thread(self._received)

    async def let_go(self, ref: str) -> None:
        """Delete the files of a text."""
        await asyncio.to_thread(self._let_go, ref)

    def _send(self, number: str, text: str, key: str) -> str:
        number = checked_number(number)
        # The note is the daemon's own place for what the sender wants to find again.
        name = f"OUTA00000000_000000_00_{number}_{hashlib.sha256(key.encode()).hexdigest()[:16]}.txt"
        if any((self._folder / one / name).exists() for one in ("outbox", "sent", "error")):
            return name
        target = self._folder / "outbox" / name
        half = target.with_name(f".{name}")
        try:
            with half.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            half.rename(target)
        except OSError as error:
            raise SmsUnavailableError(f"gammu-smsd's outbox: {error}") from error
        return name

    def _parts(self) -> list[tuple[str, str, int, Path]]:
        try:
            found = [(_IN.fullmatch(path.name), path) for path in (self._folder / "inbox").iterdir()]
        except OSError as error:
            raise SmsUnavailableError(f"gammu-smsd's inbox: {error}") from error
        return sorted((name[1], name[2], int(name[3]), path) for name, path in found if name is not None)

    def _received(self) -> list[Text]:
        texts = []
        for (serial, sender), parts in groupby(self._parts(), key=lambda part: part[:2]):
            files = [path for *_, path in parts]
            try:
                if len(files) > 1 and self._age_s(files) < PARTS_S:
                    continue
                whole = "".join(path.read_text(encoding="utf-8", errors="replace") for path in files)
            except OSError as error:
                raise SmsUnavailableError(f"gammu-smsd's inbox: {error}") from error
            texts.append(Text(f"{serial}_{sender}", sender, whole.strip()))
        return texts

    @staticmethod
    def _age_s(files: Sequence[Path]) -> float:
        return time.time() - max(path.stat().st_mtime for path in files)

    def _let_go(self, ref: str) -> None:
        for serial, sender, _, path in self._parts():
            if f"{serial}_{sender}" == ref:
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    raise SmsUnavailableError(f"gammu-smsd's inbox: {error}") from error
