"""A card reader that types, as the bytes of the kernel's input events through a pipe.

Written from the kernel's headers, apart from the gateway's driver. A pipe cannot be grabbed as a keyboard can.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

CODES = {
    **dict(zip("1234567890", range(2, 12), strict=True)),
    "A": 30,
    "B": 48,
    "C": 46,
    "D": 32,
    "E": 18,
    "F": 33,
    "Q": 16,
    "\n": 28,
}


class FakeCardKeyboard:
    """A pipe at a path; what is typed comes out of it as input events."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = -1

    def plug(self) -> None:
        """Appear."""
        os.mkfifo(self.path)
        # Also for reading: else there is no opening it before somebody listens.
        self._fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)

    def unplug(self) -> None:
        """Vanish."""
        self.path.unlink()
        os.close(self._fd)

    def tap(self, number: str) -> None:
        """A card is held to it."""
        self.write(b"".join(self.key(letter) for letter in f"{number}\n"))

    def key(self, letter: str) -> bytes:
        """A key pressed and let go, with the reports of the kernel between."""
        code = CODES[letter]
        sync = struct.pack("llHHi", 0, 0, 0, 0, 0)
        scan = struct.pack("llHHi", 0, 0, 4, 4, 458752 + code)
        return b"".join(scan + struct.pack("llHHi", 0, 0, 1, code, value) + sync for value in (1, 0))

    def write(self, data: bytes) -> None:
        """Say these bytes."""
        os.write(self._fd, data)
