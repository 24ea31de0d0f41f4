"""The five words of an answer, and how contacts say them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

Word = Literal["received", "on_the_way", "on_scene", "done", "cannot"]

WORDS: tuple[Word, ...] = get_args(Word)

LABELS: Mapping[Word, tuple[str, str]] = MappingProxyType(
    {
        "received": ("Diterima", "Received"),
        "on_the_way": ("Menuju lokasi", "On the way"),
        "on_scene": ("Di lokasi", "On scene"),
        "done": ("Selesai", "Done"),
        "cannot": ("Tidak bisa", "Cannot"),
    }
)
"""What the buttons say, Bahasa Indonesia first."""

LAST: frozenset[Word] = frozenset({"done", "cannot"})
"""After these there is nothing more to answer."""

_SPOKEN: Mapping[str, Word] = MappingProxyType(
    {
        **dict.fromkeys(("YA", "OK", "OKE", "TERIMA", "DITERIMA", "SIAP", "86", "RECEIVED"), "received"),
        **dict.fromkeys(("JALAN", "MENUJU", "BERANGKAT", "OTW"), "on_the_way"),
        **dict.fromkeys(("TIBA", "SAMPAI", "LOKASI", "DILOKASI"), "on_scene"),
        **dict.fromkeys(("SELESAI", "BERES", "DONE"), "done"),
        **dict.fromkeys(("TIDAK", "TDK", "TAK", "NO", "TOLAK", "CANNOT"), "cannot"),
    }
)
"""Written in any case; 86 is the radio's *dimengerti*."""

_CODE = re.compile(r"(?<![0-9])[0-9]{4}(?![0-9])")
_TOKEN = re.compile(r"[^\W_]+", re.ASCII)
MOST_NOTE_CHARS = 300


@dataclass(frozen=True, slots=True)
class Reply:
    """What a text means. ``word`` or ``code`` is None where the text has none, or more than one that differ."""

    word: Word | None
    code: str | None
    note: str


def read(text: str) -> Reply:
    """A text that a contact has sent back: a word and the code, in any order and case, with anything around them.

    One that says two different words, or two codes, means neither: a person is asked rather than guessed at.
    """
    tokens = _TOKEN.findall(text.upper())
    said = {_SPOKEN[token] for token in tokens if token in _SPOKEN}
    codes = set(_CODE.findall(text))
    note = " ".join(part for part in text.split() if not _is_ours(part))
    return Reply(
        said.pop() if len(said) == 1 else None,
        codes.pop() if len(codes) == 1 else None,
        note[:MOST_NOTE_CHARS],
    )


def _is_ours(part: str) -> bool:
    plain = "".join(_TOKEN.findall(part.upper()))
    return plain in _SPOKEN or bool(_CODE.fullmatch(plain))
