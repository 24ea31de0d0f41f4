"""Texts of more than one part, as modems send and receive them: a header of user data says which part of what. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hub.notify.sms.compose import gsm
from hub.notify.sms.gateway import SmsError

GSM, UNICODE = "Default_No_Compression", "Unicode_No_Compression"
ROOM = {GSM: (160, 153), UNICODE: (70, 67)}
"""Characters of the one part of a short text, and of each part of a long one (GSM 03.40, 9.2.3.24.1): 140 bytes, of
which the header takes six. Of Unicode, units of UTF-16."""

MOST_PARTS = 8
"""More is no text any more, and each part is paid for."""

_UDH = re.compile(r"(?:050003([0-9A-F]{2})|060804([0-9A-F]{4}))([0-9A-F]{2})([0-9A-F]{2})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """What a part belongs to.

    Attributes:
        reference: the sender's own number of the text.
        parts: how many it has.
    """

    reference: str
    parts: int


def split(text: str, *, reference: int) -> tuple[str, Sequence[tuple[str, str]]]:
    """The coding that a text needs, and its parts, each with its header in hex; a short one has none.

    Args:
        reference: 0 to 255; the same for all parts, and best another for each text.

    Raises:
        SmsError: it is too long.
    """
    coding = GSM if gsm(text) == text else UNICODE
    alone, each = ROOM[coding]
    if _units(text) <= alone:
        return coding, [("", text)]
    parts = _cut(text, each)
    if len(parts) > MOST_PARTS:
        raise SmsError(f"a text of {len(parts)} parts")
    return coding, [
        (f"050003{reference:02X}{len(parts):02X}{position:02X}", part)
        for position, part in enumerate(parts, start=1)
    ]


def place(udh: str | None, *, alone: int) -> tuple[Place, int]:
    """What a part that came in belongs to, and its position in that, from 1.

    Args:
        alone: names a text that has but this part.
    """
    found = _UDH.fullmatch(udh or "")
    if found is None:
        return Place(f"alone {alone}", 1), 1
    parts, position = int(found[3], 16), int(found[4], 16)
    return Place(found[1] or found[2], parts), position


def _units(text: str) -> int:
    """Characters of the GSM alphabet are one each too."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _cut(text: str, room: int) -> list[str]:
    """Pieces that fit, none of which ends within a character."""
    parts, used = [""], 0
    for char in text:
        size = _units(char)
        if used + size > room:
            parts.append("")
            used = 0
        parts[-1] += char
        used += size
    return parts
