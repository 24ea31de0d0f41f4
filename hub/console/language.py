"""The two languages of the pages. Message ids are English; the Indonesian catalogue is a .po file, read at start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, get_args

from babel.messages.pofile import read_po
from fastapi import Request

Language = Literal["id", "en"]

LANGUAGES: tuple[Language, ...] = get_args(Language)

COOKIE = "siaga-lang"

CATALOGUE = Path(__file__).parent / "translations" / "id" / "LC_MESSAGES" / "console.po"

Words = Callable[[str], str]
"""From a message id to the sentence of a language."""


def language_of(request: Request) -> Language:
    """The language that the person chose on this browser; Indonesian where none was."""
    chosen = request.cookies.get(COOKIE, "")
    return chosen if chosen in LANGUAGES else "id"


def sentences(language: Language, catalogue: Path = CATALOGUE) -> Words:
    """The words of a language. An id that is not translated stands for itself; a test finds it."""
    if language == "en":
        return str
    found = read(catalogue)
    return lambda msgid: found.get(msgid, msgid)


def read(catalogue: Path) -> Mapping[str, str]:
    """The translations of a catalogue by message id."""
    with catalogue.open("rb") as file:
        return {
            str(message.id): str(message.string) for message in read_po(file) if message.id and message.string
        }


def marked(msgid: str) -> str:
    """Marks a message id of a table for the catalogue; the template that shows it translates it."""
    return msgid
