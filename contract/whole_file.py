"""Writing a file whole or not at all, with its mode from the first byte."""

from __future__ import annotations

import os
from pathlib import Path


def write_bytes(path: Path, data: bytes, *, mode: int | None) -> None:
    """Replace the file by these bytes.

    Args:
        mode: None on a file system that has none, as a card's boot partition; it refuses any.

    Never leaves a half file, and never one that others may read meanwhile; what was written stays after a power cut.

    Raises:
        OSError: nothing was replaced.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    handle = os.open(
        part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600 if mode is None else mode
    )
    with os.fdopen(handle, "wb") as file:
        if mode is not None:
            os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_text(path: Path, text: str, *, mode: int | None) -> None:
    """Replace the file by this text in UTF-8, as write_bytes does."""
    write_bytes(path, text.encode(), mode=mode)
