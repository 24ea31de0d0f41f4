"""Photos from telephones: JPEG and nothing else, by content, without what the telephone wrote beside the picture. Pure.

Where and when it was taken, by whose telephone, is thrown away unread: the record knows the site, and the rest is the
technician's own. What follows the picture's end is cut off, so that no second file hides behind it. The picture itself
is not decoded here; browsers do that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hub.commissioning.errors import PhotoError

MOST_BYTES = 1_500_000
MOST_PIXELS = 4096
"""Of one side."""

_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_BARE = frozenset((0x01, *range(0xD0, 0xD8)))
"""Markers without a length."""

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_KEPT = frozenset((0xC4, 0xDB, 0xDD, 0xDA, 0xE0, *_FRAMES))
"""Tables, frames, scans and the JFIF head; every other segment is somebody's own."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo as it is kept, and its size in pixels."""

    data: bytes
    width: int
    height: int


def clean(data: bytes) -> Photo:
    """The picture alone.

    Raises:
        PhotoError: it is no whole JPEG, or too large.
    """
    if len(data) > MOST_BYTES:
        raise PhotoError(f"the photo has more than {MOST_BYTES} bytes")
    try:
        return _clean(data)
    except IndexError as error:
        raise PhotoError("the photo is cut off") from error


def _clean(data: bytes) -> Photo:
    if data[:2] != bytes((0xFF, _START)):
        raise PhotoError("this is no JPEG")
    kept, size, scanned = bytearray(data[:2]), (0, 0), False
    for marker, segment in _segments(data):
        if marker in _FRAMES:
            size = (int.from_bytes(segment[7:9], "big"), int.from_bytes(segment[5:7], "big"))
            if not all(0 < side <= MOST_PIXELS for side in size):
                raise PhotoError(f"the photo has more than {MOST_PIXELS} pixels a side, or none")
        scanned = scanned or marker == _SCAN
        if marker in _KEPT:
            kept += segment
    if not scanned or not all(size):
        raise PhotoError("there is no picture in it")
    return Photo(bytes(kept) + bytes((0xFF, _END)), *size)


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Each marker with its whole segment, a scan with its picture's bytes, up to the end of the picture."""
    at = 2
    while True:
        if data[at] != 0xFF:
            raise PhotoError("the photo is damaged")
        start = at
        while data[at] == 0xFF:
            at += 1
        marker = data[at]
        at += 1
        if marker == _END:
            return
        if marker in (0x00, _START):
            raise PhotoError("the photo is damaged")
        if marker in _BARE:
            continue
        length = data[at] << 8 | data[at + 1]
        if length < 2 or at + length > len(data):
            raise PhotoError("the photo is cut off")
        at += length
        if marker == _SCAN:
            at = _after_scan(data, at)
        yield marker, data[start:at]


def _after_scan(data: bytes, at: int) -> int:
    """Where the next marker begins that is not of the picture's own bytes."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0:
            raise PhotoError("the photo is cut off")
        if data[at + 1] != 0x00 and data[at + 1] not in _BARE and data[at + 1] != 0xFF:
            return at
        at += 1
