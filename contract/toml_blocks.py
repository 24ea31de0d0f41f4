"""One ``[[table]]`` of a TOML text: its lines, found by the table's id, so that a person's change touches nothing else.

Only for text that the parser has already accepted.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

from contract.toml_lines import KeyPath, Lines


def block(text: str, table: str, entry_id: str) -> str:
    """The lines of the entry of ``[[table]]`` with that id; empty where there is none."""
    before, found, _ = split(text, table, entry_id)
    return found if before is not None else ""


def split(text: str, table: str, entry_id: str) -> tuple[str | None, str, str]:
    """The text before the entry, the entry's own lines, and the text after it.

    Comments and blank lines after an entry belong to what follows. The first is None where there is no such entry, or
    where it is written within a line.
    """
    file = tomllib.loads(text)
    at = next((at for at, one in enumerate(file.get(table, ())) if one.get("id") == entry_id), None)
    if at is None:
        return None, "", ""
    lines, where = text.splitlines(keepends=True), Lines(text)
    begin = where.line((table, at)) - 1
    if not lines[begin].lstrip().startswith("[["):
        return None, "", ""
    later = (where.line(path) - 1 for path in _tables(file) if path[:2] != (table, at))
    end = min((line for line in later if line > begin), default=len(lines))
    while not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#"):
        end -= 1
    return "".join(lines[:begin]), "".join(lines[begin:end]), "".join(lines[end:])


def replaced(text: str, table: str, entry_id: str, new: str) -> str:
    """The text with other lines for an entry; one that is not there yet comes after all others."""
    before, _, after = split(text, table, entry_id)
    if before is None:
        start = text.rstrip("\n")
        return (f"{start}\n\n" if start else "") + new
    return before + new + after


def removed(text: str, table: str, entry_id: str) -> str | None:
    """The text without an entry and the comment right above it; None where ``split`` finds none."""
    before, _, after = split(text, table, entry_id)
    if before is None:
        return None
    lines = before.splitlines(keepends=True)
    while lines and lines[-1].lstrip().startswith("#"):
        lines.pop()
    return "".join(lines) + after.lstrip("\n")


def _tables(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Every table in a file, at any depth."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in below:
        if isinstance(item, dict):
            yield (*path, key)
        yield from _tables(item, (*path, key))
