"""A picture that a gateway kept, on its way to the hub because a person asked for it.

It goes by HTTPS, never in a frame: one line, which is signed and says what follows, and then the JPEG itself.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

import msgspec

from contract import signed
from contract.errors import DecodeError
from contract.signed import Signed

PICTURE = "siaga picture 1"
"""What the line is signed as."""

MOST_BYTES = 4 * 1024 * 1024
"""Of the JPEG."""

MOST_POSTED = MOST_BYTES + signed.MAX_BYTES + 1

FILE = re.compile(r"[0-9a-f]{32}-[a-z0-9][a-z0-9_-]{0,63}\.jpg")
"""A picture's name: the event id of its press, and the camera."""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What the signed line says of the picture behind it."""

    file: Annotated[str, msgspec.Meta(pattern=f"^{FILE.pattern}$")]
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]

    @property
    def press(self) -> str:
        """Event id of the press."""
        return self.file[:32]


def note_of(file: str, picture: bytes) -> bytes:
    """What is to be signed for a picture."""
    return msgspec.json.encode(Note(file=file, sha256=hashlib.sha256(picture).hexdigest()))


def packed(line: Signed, picture: bytes) -> bytes:
    """As it is posted."""
    return signed.encode(line) + b"\n" + picture


def unpacked(data: bytes) -> tuple[Signed, Note, bytes]:
    """The line, what it says, and the picture, which is the one that it says. The signature is not looked at.

    Raises:
        DecodeError: it is no such post.
    """
    if len(data) > MOST_POSTED:
        raise DecodeError("size", f"{len(data)} bytes, at most {MOST_POSTED}")
    head, _, picture = data.partition(b"\n")
    line = signed.decode(head)
    try:
        note = msgspec.json.decode(line.payload, type=Note)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError("note", str(error)[:200]) from error
    if hashlib.sha256(picture).hexdigest() != note.sha256:
        raise DecodeError("hash", "the picture is not the one that was signed")
    return line, note, picture
