"""A notice as one text of at most 160 characters of the GSM alphabet, which every telephone and network takes. Pure."""

from __future__ import annotations

import unicodedata

from hub.notify.channels.base import Message
from hub.notify.fence import MARK

MOST_CHARS = 160
"""Of one text in the GSM 7-bit alphabet; one foreign character would leave 70."""

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_LIKE = {"–": "-", "—": "-", "’": "'", "‘": "'", "“": '"', "”": '"', "…": "...", "·": "-", "•": "-"}


def gsm(text: str) -> str:
    """The text in the basic GSM alphabet: what is not in it becomes what looks like it, or ``?``."""
    out = []
    for char in text:
        if char in _BASIC:
            out.append(char)
            continue
        plain = _LIKE.get(char) or unicodedata.normalize("NFKD", char).encode("ascii", "ignore").decode()
        out += [one for one in plain if one in _BASIC] or ["?"]
    return "".join(out)


def compose(message: Message) -> str:
    """The text of a notice: its title, how to answer, and nothing that does not fit.

    The way to answer is never cut: a link that lacks its end opens nothing.
    """
    how = []
    if message.answer_url:
        how.append(message.answer_url)
    if message.code:
        how.append(f"Balas: YA {message.code} / TIDAK {message.code}")
    tail = gsm(" ".join(how))
    title = gsm(message.title)
    if message.drill and title.startswith(MARK):
        title = "LATIHAN" + title[len(MARK) :]
    room = MOST_CHARS - len(tail) - bool(tail)
    if len(title) > room:
        title = title[: max(room - 2, 0)].rstrip() + ".."
    return f"{title} {tail}".strip()
