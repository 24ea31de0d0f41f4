"""A hash chain over rows: each row's digest covers its fields and the digest before it. Pure.

Whoever changes, removes, inserts or reorders a row breaks every digest from there on. Cutting the newest rows off
is found only against a digest kept elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

START = "0" * 64
"""The digest before the first row."""

Field = str | int | None


def digest(previous: str, fields: Mapping[str, Field]) -> str:
    """SHA-256 in hex over the digest before and the row's fields, whatever the order they are given in."""
    text = json.dumps([previous, dict(fields)], sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def first_break(rows: Iterable[tuple[Mapping[str, Field], str]], previous: str = START) -> int | None:
    """Index of the first row whose digest does not fit, None where all do.

    Args:
        rows: (fields, stored digest) in order.
    """
    for at, (fields, stored) in enumerate(rows):
        previous = digest(previous, fields)
        if previous != stored:
            return at
    return None
