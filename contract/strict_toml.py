"""Strict TOML into frozen msgspec structures, with every mistake of a file told at once.

Each mistake says the file, the line, the key's path, what is wrong and what to write instead, so that a person
at a site repairs the file in one go. Unknown keys are mistakes. A structure may check itself in
``__post_init__`` and raise MistakesError with paths relative to itself.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, TypeVar, cast

from msgspec import inspect as types

from contract.errors import ContractError
from contract.toml_lines import KeyPath, Lines

T = TypeVar("T")


@dataclass(frozen=True)
class Mistake:
    """One thing wrong in a file.

    Attributes:
        text: what is wrong.
        at: keys and indices from the structure that says it down to the value.
        instead: what to write instead; "" where nobody can know.
    """

    text: str
    at: KeyPath = ()
    instead: str = ""

    def below(self, path: KeyPath) -> Mistake:
        """The same mistake seen from further up."""
        return replace(self, at=(*path, *self.at))


class MistakesError(ValueError):
    """A structure's own word, from ``__post_init__``, that its values do not go together."""

    def __init__(self, *mistakes: Mistake) -> None:
        super().__init__("; ".join(mistake.text for mistake in mistakes))
        self.mistakes = mistakes


class TomlError(ContractError, ValueError):
    """A file is not what it should be. ``str`` is one line for each mistake: ``file:line: path: text; hint``.

    Attributes:
        mistakes: every mistake found, in the order of the file.
        lines: the line of each, from 1.
    """

    def __init__(self, name: str, found: Iterable[tuple[int, Mistake]]) -> None:
        ordered = sorted(found, key=lambda item: item[0])
        self.name = name
        self.lines = tuple(line for line, _ in ordered)
        self.mistakes = tuple(mistake for _, mistake in ordered)
        self.reports = tuple(_report(name, line, mistake) for line, mistake in ordered)
        super().__init__("config", "\n".join(self.reports))

    def __str__(self) -> str:
        return "\n".join(self.reports)


def load(path: Path | str, cls: type[T], check: Callable[[T], Iterable[Mistake]] | None = None) -> T:
    """Read a file as that structure.

    Args:
        path: the file, UTF-8.
        cls: a msgspec structure.
        check: asked for further mistakes once the file is whole, with paths from the top.

    Raises:
        TomlError: the file cannot be read, or has mistakes; all that can be found at once are in it.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        instead = "the path of a file that is there and may be read"
        raise TomlError(str(path), [(0, Mistake(error.strerror or str(error), instead=instead))]) from error
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise TomlError(
            str(path), [(line, Mistake("not UTF-8", instead="save the file as UTF-8"))]
        ) from error
    return loads(text, cls, str(path), check)


def loads(
    text: str, cls: type[T], name: str = "<text>", check: Callable[[T], Iterable[Mistake]] | None = None
) -> T:
    """Read TOML text as that structure; `name` stands for the file in errors.

    Raises:
        TomlError: see load.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TomlError(name, [_syntax(text, error)]) from error
    except RecursionError as error:
        raise TomlError(name, [(0, Mistake("nested too deep", instead="a flatter file"))]) from error
    reader = _Reader()
    built = reader.build(document, types.type_info(cls), ())
    mistakes = reader.mistakes
    if not mistakes and check is not None:
        mistakes = list(check(cast(T, built)))
    if mistakes:
        lines = Lines(text)
        raise TomlError(name, [(lines.line(mistake.at), mistake) for mistake in mistakes])
    return cast(T, built)


def closest(word: str, known: Iterable[str]) -> str:
    """What to write instead of a word: the nearest known one, or what there is to choose from."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"{near[0]!r}"
    if not known:
        return ""
    return "one of " + ", ".join(sorted(known)[:20]) + (", …" if len(known) > 20 else "")


def unknown(what: str, name: str, known: Iterable[str], at: KeyPath) -> Mistake:
    """That a name is none of the known ones."""
    return Mistake(f"there is no {what} {name!r}", at=at, instead=closest(name, known))


def once_each(table: str, ids: Iterable[str]) -> Iterator[Mistake]:
    """A mistake for each ``[[table]]`` whose id an earlier one has."""
    seen: set[str] = set()
    for at, name in enumerate(ids):
        if name in seen:
            yield Mistake(
                f"{table} {name!r} is given twice", at=(table, at, "id"), instead="an id of its own"
            )
        seen.add(name)


def _report(name: str, line: int, mistake: Mistake) -> str:
    place = f"{name}:{line}" if line else name
    path = format_path(mistake.at)
    hint = f"; write instead: {mistake.instead}" if mistake.instead else ""
    return f"{place}: {path + ': ' if path else ''}{mistake.text}{hint}"


def format_path(path: KeyPath) -> str:
    """``("device", 0, "poll_s")`` as ``device[0].poll_s``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


_SYNTAX_HINTS = (
    ("Cannot overwrite", "the key once only"),
    ("Cannot declare", "the table once only, or [[name]] for a list of tables"),
    ("Cannot mutate", "the table once only"),
    ("Invalid initial character for a key", "key = value"),
    ("Expected '='", "key = value"),
    ("Invalid value", 'text in "quotes", a number, true or false'),
    ("Unterminated string", 'the closing "'),
    ("Illegal character", 'text on one line, in "quotes"'),
    ("Expected newline or end of document", "one key = value a line; a comment starts with #"),
    ("Unclosed array", "the closing ]"),
    ("Unclosed inline table", "the closing }"),
)


def _syntax(text: str, error: tomllib.TOMLDecodeError) -> tuple[int, Mistake]:
    message = str(error)
    instead = next((hint for start, hint in _SYNTAX_HINTS if message.startswith(start)), "valid TOML")
    at = re.search(r"\(at line (\d+), column (\d+)\)$", message)
    line = int(at[1]) if at else len(text.splitlines()) or 1
    return line, Mistake(re.sub(r" \(at [^)]*\)$", "", message), instead=instead)


class _Reader:
    """Builds a value of a type and keeps the mistakes; None stands for what could not be built."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []

    def build(self, value: Any, kind: types.Type, path: KeyPath, wanted: str = "") -> Any:
        if isinstance(kind, types.Metadata):
            schema = kind.extra_json_schema or {}
            return self.build(value, kind.type, path, wanted or str(schema.get("description", "")))
        if isinstance(kind, types.StructType):
            return self._struct(value, kind, path)
        if isinstance(kind, types.UnionType):
            return self._union(value, kind, path, wanted)
        if isinstance(kind, types.ListType | types.VarTupleType):
            return self._list(value, kind, path, wanted)
        if isinstance(kind, types.DictType) and isinstance(value, dict):
            return {
                key: self.build(item, kind.value_type, (*path, key), wanted) for key, item in value.items()
            }
        return self._leaf(value, kind, path, wanted)

    def _wrong(self, value: Any, kind: types.Type, path: KeyPath, wanted: str, text: str = "") -> None:
        text = text or f"{_show(value)} is not {_describe(kind)}"
        if isinstance(kind, types.LiteralType) and isinstance(value, str):
            words = [word for word in kind.values if isinstance(word, str)]
            instead = closest(value, words)
        else:
            instead = wanted or _describe(kind)
        self.mistakes.append(Mistake(text, at=path, instead=instead))

    def _leaf(self, value: Any, kind: types.Type, path: KeyPath, wanted: str) -> Any:
        if isinstance(kind, types.CustomType) and kind.cls is Path:
            if isinstance(value, str) and value:
                return Path(value)
            return self._wrong(value, kind, path, "a path in quotes")
        found = _scalar(value, kind)
        return self._wrong(value, kind, path, wanted) if found is _NO else found

    def _list(self, value: Any, kind: types.ListType | types.VarTupleType, path: KeyPath, wanted: str) -> Any:
        if not isinstance(value, list):
            item = kind.item_type
            tables = isinstance(item, types.StructType | types.UnionType) and isinstance(value, dict)
            hint = f"[[{format_path(path)}]] with two brackets" if tables else wanted or "a list in [ ]"
            return self._wrong(value, kind, path, hint)
        low = kind.min_length or 0
        if len(value) < low or (kind.max_length is not None and len(value) > kind.max_length):
            most = "" if kind.max_length is None else f" and at most {kind.max_length}"
            self._wrong(value, kind, path, wanted, f"{len(value)} entries, at least {low}{most} are wanted")
        built = [self.build(item, kind.item_type, (*path, at), wanted) for at, item in enumerate(value)]
        return tuple(built) if isinstance(kind, types.VarTupleType) else built

    def _union(self, value: Any, kind: types.UnionType, path: KeyPath, wanted: str) -> Any:
        some = [part for part in kind.types if not isinstance(part, types.NoneType)]
        if len(some) == 1:
            return self.build(value, some[0], path, wanted)
        tagged = {part.tag: part for part in some if isinstance(part, types.StructType) and part.tag_field}
        if not tagged:
            return self._leaf(value, kind, path, wanted)
        field = next(iter(tagged.values())).tag_field or ""
        if not isinstance(value, dict):
            return self._wrong(value, kind, path, "a table")
        tag = value.get(field)
        if tag in tagged:
            return self._struct(value, tagged[tag], path)
        choices = [str(word) for word in tagged]
        if field in value:
            instead = closest(str(tag), choices)
            text = f"{_show(tag)} is not a known {field}"
            self.mistakes.append(Mistake(text, at=(*path, field), instead=instead))
        else:
            instead = f'{field} = "{choices[0]}"' + "".join(f' or "{word}"' for word in choices[1:])
            self.mistakes.append(Mistake(f"{field!r} is missing", at=path, instead=instead))
        return None

    def _struct(self, value: Any, kind: types.StructType, path: KeyPath) -> Any:
        if not isinstance(value, dict):
            return self._wrong(value, kind, path, f"a table [{format_path(path)}]")
        before = len(self.mistakes)
        fields = {field.encode_name: field for field in kind.fields}
        self._unknown_keys(value, fields, kind, path)
        built: dict[str, Any] = {}
        for key, field in fields.items():
            if key in value:
                built[field.name] = self.build(value[key], field.type, (*path, key))
            elif field.required:
                text = f"{key!r} is missing"
                self.mistakes.append(Mistake(text, at=path, instead=_example(key, field.type)))
        if len(self.mistakes) > before:
            return None
        try:
            return kind.cls(**built)
        except MistakesError as error:
            self.mistakes += [mistake.below(path) for mistake in error.mistakes]
        except ValueError as error:
            self.mistakes.append(Mistake(str(error), at=path))
        return None

    def _unknown_keys(
        self,
        value: Mapping[str, Any],
        fields: Mapping[str, types.Field],
        kind: types.StructType,
        path: KeyPath,
    ) -> None:
        for key in value:
            if key in fields or key == kind.tag_field:
                continue
            left = [name for name in fields if name not in value] or list(fields)
            self.mistakes.append(Mistake(f"unknown key {key!r}", at=(*path, key), instead=closest(key, left)))


def _show(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _example(key: str, kind: types.Type) -> str:
    inner: types.Type = kind
    wanted = ""
    while isinstance(inner, types.Metadata):
        wanted = str((inner.extra_json_schema or {}).get("description", ""))
        inner = inner.type
    if isinstance(inner, types.StructType):
        return f"a table [{key}]"
    if isinstance(inner, types.LiteralType):
        return f"{key} = " + " or ".join(f'"{word}"' for word in inner.values)
    return f"{key} = … ({wanted or _describe(inner)})"


_NAMES: dict[type, str] = {
    types.BoolType: "true or false",
    types.StructType: "a table",
    types.DictType: "a table",
    types.ListType: "a list",
    types.VarTupleType: "a list",
    types.CustomType: "a path",
    types.DateType: "a date without quotes, as 2026-02-18",
}


def _describe(kind: types.Type) -> str:
    """The type in words, with its bounds."""
    if isinstance(kind, types.IntType | types.FloatType):
        return ("a whole number" if isinstance(kind, types.IntType) else "a number") + _bounds(kind)
    if isinstance(kind, types.StrType):
        return f"text matching {kind.pattern}" if kind.pattern else "text in quotes"
    if isinstance(kind, types.LiteralType):
        return "one of " + ", ".join(repr(word) for word in kind.values)
    if isinstance(kind, types.UnionType):
        return " or ".join(_describe(part) for part in kind.types if not isinstance(part, types.NoneType))
    return _NAMES.get(type(kind), "the right type")


def _bounds(kind: types.IntType | types.FloatType) -> str:
    low = kind.ge if kind.ge is not None else kind.gt
    high = kind.le if kind.le is not None else kind.lt
    above = "" if low is None else f" {'from' if kind.ge is not None else 'above'} {low:g}"
    below = "" if high is None else f" {'to' if kind.le is not None else 'below'} {high:g}"
    return above + below


_NO = object()
"""A value that is none of the wanted type."""


def _scalar(value: Any, kind: types.Type) -> Any:
    """The value as a scalar of the type, or _NO. A whole number is a float too; true is never a number."""
    if isinstance(kind, types.Metadata):
        return _scalar(value, kind.type)
    if isinstance(kind, types.UnionType):
        tried = (_scalar(value, part) for part in kind.types)
        return next((found for found in tried if found is not _NO), _NO)
    if isinstance(kind, types.LiteralType):
        same = (word for word in kind.values if type(word) is type(value) and word == value)
        return next(same, _NO)
    if isinstance(kind, types.BoolType):
        return value if isinstance(value, bool) else _NO
    if isinstance(kind, types.IntType | types.FloatType):
        return _number(value, kind)
    if isinstance(kind, types.DateType):
        return value if type(value) is date else _NO
    if isinstance(kind, types.StrType) and isinstance(value, str):
        long = len(value) < (kind.min_length or 0) or len(value) > (kind.max_length or len(value))
        return _NO if long or (kind.pattern and not re.search(kind.pattern, value)) else value
    return value if isinstance(kind, types.AnyType) else _NO


def _number(value: Any, kind: types.IntType | types.FloatType) -> Any:
    if isinstance(kind, types.FloatType) and type(value) is int:
        value = float(value)
    if type(value) is not (int if isinstance(kind, types.IntType) else float) or not math.isfinite(value):
        return _NO
    below = (kind.ge is not None and value < kind.ge) or (kind.gt is not None and value <= kind.gt)
    above = (kind.le is not None and value > kind.le) or (kind.lt is not None and value >= kind.lt)
    return _NO if below or above else value
