"""JPEG files as telephones make them, as far as their segments go."""

from __future__ import annotations

PLACE = b"Exif\x00\x00 -6.020 108.930 telepon Budi"


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body


def jpeg(*, width: int = 640, height: int = 480, more: bytes = b"", frame: int = 0xC0) -> bytes:
    """A picture with a place in it, and what follows its end."""
    size = b"\x08" + height.to_bytes(2, "big") + width.to_bytes(2, "big") + b"\x01\x01\x11\x00"
    parts = [
        b"\xff\xd8",
        segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"),
        segment(0xE1, PLACE),
        segment(0xFE, b"catatan"),
        segment(0xDB, bytes(65)),
        segment(frame, size),
        segment(0xC4, bytes(20)),
        segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"\x12\xff\x00\x34\xff\xd0\x56",
        b"\xff\xd9",
    ]
    return b"".join(parts) + more
