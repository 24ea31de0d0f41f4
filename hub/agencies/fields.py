"""What a form asks of each table of the directory's files, and how what it says becomes the text of the file. Pure.

One row a key. The strict reader judges the values; here only their shape is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, Literal

import tomlkit
from tomlkit.items import AoT

from contract.toml_blocks import block, removed, replaced
from hub.decimals import decimal
from hub.errors import HubError

Shape = Literal[
    "text",
    "phone",
    "email",
    "clock",
    "date",
    "whole",
    "number",
    "flag",
    "one",
    "many",
    "lines",
    "corners",
    "channels",
]
Source = Literal[
    "",
    "agencies",
    "steps",
    "kinds",
    "priorities",
    "areas",
    "shifts",
    "days",
    "contacts",
    "channels",
    "channel_kinds",
    "exercise_channels",
]


@dataclass(frozen=True, slots=True)
class Field:
    """A key of an entry.

    Attributes:
        shape: ``many`` are boxes to tick; ``lines`` are ids, one a line, whose order counts; ``corners`` are places,
            and ``channels`` id, kind and name, one a line too.
        source: from where the choices are, or what may be written.
        default: what holds where the file does not say it.
        needed: the file must say it.
    """

    key: str
    shape: Shape
    source: Source = ""
    default: Any = None
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table of one of the files; every entry has an id."""

    name: str
    file: str
    fields: tuple[Field, ...]


_PERSON = (
    Field("name", "text", needed=True),
    Field("agency", "one", "agencies", needed=True),
    Field("step", "one", "steps", needed=True),
    Field("phone", "phone"),
    Field("email", "email"),
)

_TABLES = (
    Table(
        "agency",
        "agencies.toml",
        (
            Field("name", "text", needed=True),
            Field("short", "text", needed=True),
            Field("channel", "channels", "channel_kinds", default=[]),
        ),
    ),
    Table("contact", "contacts.toml", (*_PERSON, Field("channels", "lines", "channels", default=[]))),
    Table(
        "exercise_channel",
        "contacts.toml",
        (Field("name", "text", needed=True), Field("kind", "one", "channel_kinds", needed=True)),
    ),
    Table(
        "exercise_contact",
        "contacts.toml",
        (*_PERSON, Field("channels", "lines", "exercise_channels", default=[])),
    ),
    Table(
        "area", "routes.toml", (Field("name", "text", needed=True), Field("polygon", "corners", needed=True))
    ),
    Table(
        "route",
        "routes.toml",
        (
            Field("kinds", "many", "kinds", default=[]),
            Field("at_least", "one", "priorities", default="low"),
            Field("areas", "many", "areas", default=[]),
            Field("during", "many", "shifts", default=[]),
            Field("agencies", "lines", "agencies", needed=True),
            Field("otherwise", "flag", default=False),
        ),
    ),
    Table(
        "delays",
        "routes.toml",
        (
            Field("kinds", "many", "kinds", default=[]),
            Field("operator_s", "number", default=15.0),
            Field("dispatch_s", "number", default=60.0),
            Field("agency_s", "number", default=120.0),
            Field("second_s", "number", default=120.0),
            Field("supervisor_s", "number", default=120.0),
        ),
    ),
    Table(
        "shift",
        "roster.toml",
        (
            Field("name", "text", needed=True),
            Field("begins", "clock", needed=True),
            Field("ends", "clock", needed=True),
        ),
    ),
    Table(
        "holiday",
        "roster.toml",
        (
            Field("name", "text", needed=True),
            Field("first", "date", needed=True),
            Field("last", "date", needed=True),
        ),
    ),
    Table(
        "duty",
        "roster.toml",
        (
            Field("agency", "one", "agencies", needed=True),
            Field("step", "one", "steps", needed=True),
            Field("contacts", "lines", "contacts", needed=True),
            Field("shifts", "many", "shifts", default=[]),
            Field("days", "many", "days", default=[]),
            Field("first", "date"),
            Field("last", "date"),
            Field("turn_days", "whole", default=0),
            Field("instead", "flag", default=False),
        ),
    ),
)

TABLES: Mapping[str, Table] = MappingProxyType({table.name: table for table in _TABLES})
"""Every table that a page edits."""

Said = Mapping[str, list[str]]
"""What a form says: each field's name with its values."""


class FieldError(HubError, ValueError):
    """What a person wrote has not the shape that its field wants. ``key`` is the field's."""

    def __init__(self, key: str, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.key = key


class EntryError(HubError):
    """The file has no such entry, or has it in a form that only a person can change."""


def value(field: Field, said: list[str]) -> Any:
    """What a person wrote, as the file has it; None where nothing was written.

    Raises:
        FieldError: it has not the shape.
    """
    text = said[0].strip() if said else ""
    lines = [line.strip() for one in said for line in one.splitlines() if line.strip()]
    match field.shape:
        case "flag":
            return bool(text)
        case "many" | "lines":
            return [word for line in lines for word in line.replace(",", " ").split()] or None
        case "corners":
            return [_corner(field, line) for line in lines] or None
        case "channels":
            return [_channel(field, line) for line in lines]
        case "whole" | "number" if text:
            return _number(field, text)
        case "date" if text:
            return _date(field, text)
        case _:
            return text or None


def shown(field: Field, held: Any) -> list[str]:
    """A value of the file as its form shows it. ``value`` takes it back."""
    if held is None:
        return []
    match field.shape:
        case "flag":
            return ["1"] if held else []
        case "many" | "lines":
            return list(held)
        case "corners":
            return [f"{lat}, {lon}" for lat, lon in held]
        case "channels":
            return [" | ".join((one["id"], one["kind"], one["name"])) for one in held]
        case "number":
            return [f"{held:g}"]
        case _:
            return [str(held)]


def put(text: str, table: Table, entry_id: str, said: Said) -> str:
    """The file's text with that entry as a form says it, and nothing else changed; a new entry comes last.

    Raises:
        FieldError: a field has not its shape.
        EntryError: the entry stands within a line.
    """
    lines = block(text, table.name, entry_id)
    document = tomlkit.parse(lines or f"[[{table.name}]]\nid = {tomlkit.string(entry_id).as_string()}\n")
    (entry,) = _tables(document.get(table.name))
    for field in table.fields:
        new = value(field, said.get(field.key, []))
        if _plain(entry.get(field.key)) == new:
            continue
        if new is None or new == field.default:
            entry.pop(field.key, None)
        elif field.shape == "channels":
            entry[field.key] = _channels(new)
        else:
            entry[field.key] = new
    return replaced(text, table.name, entry_id, tomlkit.dumps(document))


def without(text: str, table: Table, entry_id: str) -> str:
    """The file's text without that entry.

    Raises:
        EntryError: there is none, or it stands within a line.
    """
    found = removed(text, table.name, entry_id)
    if found is None:
        raise EntryError(f"there is no [[{table.name}]] {entry_id!r} that a page can remove")
    return found


def entries(text: str, table: Table) -> list[dict[str, Any]]:
    """The entries of a table as the file has them."""
    return [_plain(entry) for entry in tomlkit.parse(text).get(table.name, ())]


def _tables(found: Any) -> list[Any]:
    if not isinstance(found, AoT) or len(found) != 1:
        raise EntryError("the entry is written within a line", "change it in the file by hand")
    return list(found)


def _channels(rows: list[dict[str, str]]) -> AoT:
    tables = tomlkit.aot()
    for row in rows:
        one = tomlkit.table()
        one.update(row)
        tables.append(one)
    return tables


def _plain(held: Any) -> Any:
    return held.unwrap() if hasattr(held, "unwrap") else held


def _corner(field: Field, line: str) -> list[float]:
    parts = line.replace(";", " ").split() if line.count(",") > 1 else line.replace(",", " ").split()
    try:
        lat, lon = (float(part.strip("[],").replace(",", ".")) for part in parts)
    except ValueError:
        raise FieldError(field.key, f"{line!r} is no corner", "-5.934, 108.945") from None
    return [lat, lon]


def _channel(field: Field, line: str) -> dict[str, str]:
    parts = [part.strip() for part in line.split("|")]
    if len(parts) != 3 or not all(parts):
        raise FieldError(field.key, f"{line!r} is no channel", "bpbd-webhook | webhook | Pusdalops BPBD")
    return dict(zip(("id", "kind", "name"), parts, strict=True))


def _number(field: Field, text: str) -> float | int:
    try:
        return decimal(text)
    except ValueError:
        raise FieldError(field.key, f"{text!r} is no number", "120") from None


def _date(field: Field, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise FieldError(field.key, f"{text!r} is no date", "2026-12-25") from None
