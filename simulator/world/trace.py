"""What happened in a world, as lines and as one hash: the same seed must give the same."""

from __future__ import annotations

from collections import deque
from hashlib import sha256
from zlib import crc32

from simulator.world.loop import WorldLoop


class Trace:
    """A history. Lines are kept only as far back as asked for; the hash covers all."""

    def __init__(self, loop: WorldLoop, *, keep: int = 400) -> None:
        self._loop = loop
        self._hash = sha256()
        self.lines: deque[str] = deque(maxlen=keep)
        self.count = 0

    def __call__(self, what: str, *fields: object) -> None:
        """Note that something happened now. Bytes are noted by length and checksum."""
        line = " ".join((f"{self._loop.time():.6f}", what, *map(_word, fields)))
        self._hash.update(line.encode())
        self._hash.update(b"\n")
        self.lines.append(line)
        self.count += 1

    @property
    def digest(self) -> str:
        """Hash of the whole history so far."""
        return self._hash.hexdigest()


def _word(field: object) -> str:
    return f"{len(field)}b/{crc32(field):08x}" if isinstance(field, bytes) else str(field)
