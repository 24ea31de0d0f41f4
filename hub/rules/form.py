"""What a form asks of a rule: its keys as fields, derived from the file's structures. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

import msgspec
from msgspec import inspect as types

from hub.decimals import decimal
from hub.rules import files

Shape = Literal["text", "sentence", "number", "whole", "flag", "choice", "lines"]

TITLED = ("title_id", "title_en")
SELECTING = ("devices", "device_kind", "sites")
TIMED = ("for_s", "clear_for_s", "gap_s", "during", "outside")
TOLD = ("priority", "tell", "alarm", "reason_id", "reason_en", "advice")
SENTENCES = frozenset({"reason_id", "reason_en"})
_PLACED = frozenset((*TITLED, *SELECTING, *TIMED, *TOLD, "id"))

KINDS: Mapping[str, type[files.AnyRule]] = {
    str(one.__struct_config__.tag): one for one in get_args(files.AnyRule)
}
"""The structure of each kind of rule, in the order in which they are offered."""

Value = str | float | int | bool | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Field:
    """A key of a rule.

    Attributes:
        default: what holds where the file does not say it; None where it must, or where nothing holds.
        choices: of a ``choice``.
    """

    key: str
    shape: Shape
    required: bool
    default: Value
    choices: tuple[str, ...] = ()


class ValueSaidError(ValueError):
    """A field's text is no value of its shape. ``key`` says which; the message what to write instead."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


@cache
def fields(kind: str) -> tuple[Field, ...]:
    """The fields of a kind, in the order in which a person thinks of them: what it looks at, when, what it says.

    Raises:
        KeyError: there is no such kind.
    """
    info = types.type_info(KINDS[kind])
    assert isinstance(info, types.StructType)
    found = {one.name: _field(one) for one in info.fields if one.name != "id"}
    own = [key for key in found if key not in _PLACED]
    order = (*TITLED, *own, *(key for key in SELECTING if key in found), *TIMED, *TOLD)
    return tuple(found[key] for key in order)


def _field(one: types.Field) -> Field:
    shape, choices = _shape(one.type)
    default: Any = None if one.default is msgspec.NODEFAULT else one.default
    if one.name in SENTENCES:
        shape = "sentence"
    return Field(one.name, shape, one.required, default, choices)


def _shape(of: types.Type) -> tuple[Shape, tuple[str, ...]]:
    match of:
        case types.Metadata():
            return _shape(of.type)
        case types.UnionType():
            return _shape(next(one for one in of.types if not isinstance(one, types.NoneType)))
        case types.LiteralType():
            return "choice", tuple(str(one) for one in of.values)
        case types.BoolType():
            return "flag", ()
        case types.IntType():
            return "whole", ()
        case types.FloatType():
            return "number", ()
        case types.VarTupleType():
            return "lines", ()
        case _:
            return "text", ()


def read(field: Field, said: str) -> Value:
    """What a person wrote, as a value; None where the field was left empty and may be.

    A number may have a comma, as Indonesians write it.

    Raises:
        ValueSaidError: it is no such value, or the field was left empty and may not be.
    """
    value = _value(field, said)
    if field.required and value in (None, ()):
        raise ValueSaidError(field.key, "this must be filled in")
    return value


def _value(field: Field, said: str) -> Value:
    text = said.strip().replace("\r\n", "\n")
    match field.shape:
        case "flag":
            return text not in ("", "0", "false")
        case "lines":
            return tuple(one.strip() for one in text.split("\n") if one.strip())
        case "whole" | "number" if text:
            return _number(field, text)
        case _:
            return text or None


def _number(field: Field, text: str) -> float | int:
    try:
        value = decimal(text)
    except ValueError:
        raise ValueSaidError(field.key, f"{text!r} is no number: write for example 0,5 or 600") from None
    if field.shape == "whole" and not isinstance(value, int):
        raise ValueSaidError(field.key, f"{text!r} is no whole number")
    return value


def written(field: Field, value: Any) -> str:
    """A value of a rule as the form shows it. ``read`` takes it back."""
    if value is None:
        return ""
    match field.shape:
        case "flag":
            return "1" if value else ""
        case "lines":
            return "\n".join(value)
        case "whole" | "number":
            return f"{int(value)}" if value == int(value) else repr(value)
        case _:
            return str(value)


def values(entry: files.AnyRule) -> dict[str, str]:
    """What the form of a rule shows."""
    return {one.key: written(one, getattr(entry, one.key)) for one in fields(files.kind_of(entry))}
