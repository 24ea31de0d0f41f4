"""A signature drawn with a finger, as text: points ``x.y`` joined by ``-``, strokes by ``_``. Pure.

Only such characters as a form sends without escaping, so that a long one stays small.
"""

from __future__ import annotations

import re

from hub.commissioning.errors import CommissioningError

WIDTH, HEIGHT = 1000, 300
LONGEST_TEXT = 30_000

_FORM = re.compile(
    r"(?:\d{1,4}\.\d{1,3}(?:-\d{1,4}\.\d{1,3})*)(?:_\d{1,4}\.\d{1,3}(?:-\d{1,4}\.\d{1,3})*)*", re.ASCII
)


class StrokesError(CommissioningError, ValueError):
    """The text is no drawing."""


def check_strokes(text: str) -> str:
    """Return the text unchanged if it is a drawing within its box, or empty.

    Raises:
        StrokesError: it is not.
    """
    if not text:
        return text
    if len(text) > LONGEST_TEXT or not _FORM.fullmatch(text):
        raise StrokesError("the signature is no drawing")
    for point in re.split("[-_]", text):
        x, y = point.split(".")
        if int(x) > WIDTH or int(y) > HEIGHT:
            raise StrokesError("the signature leaves its box")
    return text


def path(text: str) -> str:
    """The drawing as the data of an SVG path; of what ``check_strokes`` has let pass."""
    strokes = (
        ["M", *stroke.replace("-", " L ").replace(".", " ").split()] for stroke in text.split("_") if stroke
    )
    return " ".join(part for stroke in strokes for part in stroke)
