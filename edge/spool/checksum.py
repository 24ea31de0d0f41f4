"""By which damage on the card is told from what was accepted; SQLite itself keeps no checksum of a page."""

from __future__ import annotations

from zlib import crc32


def checksum(row: int, mono_ms: int, device: int, body: bytes) -> int:
    """Checksum of a record; signed, so that it takes four bytes."""
    return crc32(body, crc32(b"%d %d %d" % (row, mono_ms, device))) - 2**31


def sound(row: object, mono_ms: object, device: object, crc: object, body: object) -> bool:
    """Whether a record is as it was written; on a damaged card a column may hold anything."""
    if type(row) is not int or type(mono_ms) is not int or type(device) is not int or type(body) is not bytes:
        return False
    return crc == checksum(row, mono_ms, device, body)
