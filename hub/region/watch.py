"""Looks whether a region profile was changed while the hub runs.

A profile with a mistake changes nothing: the one before goes on, and the log and the page of the rules say what to
write instead. rules.toml is not looked at here: rules are taken without pause (``hub.ingest.ruling``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from contract.strict_toml import TomlError
from hub.region.loader import load
from hub.region.model import Region

log = logging.getLogger(__name__)

FILES = (
    "region.toml",
    "agencies.toml",
    "devices.toml",
    "checklists.toml",
    "cameras.toml",
    "vehicles.toml",
    "contacts.toml",
    "routes.toml",
    "roster.toml",
)
"""Those that say what a region is, and those that must fit it when another one comes into force."""

LOOK_S = 2.0

Stamp = tuple[tuple[int, int], ...]


class ProfileWatch:
    """Looks at the files, until they say something else than they did.

    Args:
        region: as the files said it when they were taken.
        check: raises where a hub of another region could not begin, as ``load`` does.

    Attributes:
        changed: set when they do.
        region: what they say then.
        mistakes: why they are not taken; empty where nothing is wrong with them.
    """

    def __init__(
        self, folder: Path, region: Region, *, check: Callable[[Region], None] = lambda _: None
    ) -> None:
        self._folder = folder
        self._check = check
        self._stamp: Stamp | None = None
        self.changed = asyncio.Event()
        self.region = region
        self.mistakes: tuple[str, ...] = ()

    async def run(self) -> None:
        """Look until cancelled, or until something has changed."""
        while not self.changed.is_set():
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Read the files if they were written since the last look."""
        stamp = await asyncio.to_thread(self._written)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            found = await asyncio.to_thread(self._load)
        except (TomlError, OSError, UnicodeDecodeError) as error:
            self.mistakes = error.reports if isinstance(error, TomlError) else (str(error),)
            for report in self.mistakes:
                log.error("region_refused %s", report)
            return
        self.mistakes = ()
        if found != self.region:
            self.region = found
            self.changed.set()

    def _load(self) -> Region:
        """What the files say, if a hub could begin with it; one that could not would go down, and stay so."""
        found = load(self._folder)
        if found != self.region:
            self._check(found)
        return found

    def _written(self) -> Stamp:
        found = []
        for name in FILES:
            try:
                stat = (self._folder / name).stat()
            except OSError:
                found.append((0, 0))
            else:
                found.append((stat.st_mtime_ns, stat.st_size))
        return tuple(found)
