"""A number as people write it: Indonesians with a comma. Pure."""

from __future__ import annotations


def decimal(text: str) -> float | int:
    """The number of a text, as an integer where it is one.

    Raises:
        ValueError: it is none, or not finite.
    """
    value = float(text.replace(",", "."))
    try:
        whole = int(value)
    except OverflowError as error:
        raise ValueError(f"{text!r} is not finite") from error
    return whole if whole == value else value
