"""Changing rules.toml as a person changes it: one rule, and nothing else of the text. Pure.

Comments, order and spacing of all the rest stay as they are, for the file is read by people too.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import tomlkit
from tomlkit.items import AoT, Table

from contract.toml_lines import KeyPath, Lines
from hub.errors import HubError
from hub.rules import form


class RuleEditError(HubError):
    """The file has no such rule, has it with another kind, or is written so that only a person can change it."""


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines of a rule, without the comments and blank lines after it: these may belong to what follows."""

    begin: int
    end: int


def put(text: str, rule: str, kind: str, said: Mapping[str, str]) -> str:
    """The text with that rule as a form says it; a rule that is not there yet comes last.

    Args:
        text: a rules.toml that can be read.
        said: text of each of the kind's fields; a field that is missing was left empty.

    Raises:
        form.ValueSaidError: a field is no value of its shape.
        RuleEditError: the rule is there with another kind, or cannot be changed here.
    """
    lines = text.splitlines(keepends=True)
    found = _block(text, lines, rule)
    if found is None:
        before = text.rstrip("\n")
        return (f"{before}\n\n" if before else "") + _changed(f"[[rule]]\nid = {_quoted(rule)}\n", kind, said)
    old = "".join(lines[found.begin : found.end])
    return "".join(lines[: found.begin]) + _changed(old, kind, said) + "".join(lines[found.end :])


def without(text: str, rule: str) -> str:
    """The text without that rule.

    Raises:
        RuleEditError: there is none, or it cannot be changed here.
    """
    lines = text.splitlines(keepends=True)
    found = _block(text, lines, rule)
    if found is None:
        raise RuleEditError(f"there is no rule {rule!r}")
    after = lines[found.end :]
    while after and not after[0].strip():
        after.pop(0)
    return "".join(lines[: found.begin]) + "".join(after)


def block(text: str, rule: str) -> str:
    """What the file says of a rule; empty where it says nothing."""
    lines = text.splitlines(keepends=True)
    found = _block(text, lines, rule)
    return "" if found is None else "".join(lines[found.begin : found.end])


def _block(text: str, lines: list[str], rule: str) -> _Block | None:
    file = tomllib.loads(text)
    at = next((at for at, one in enumerate(file.get("rule", ())) if one.get("id") == rule), None)
    if at is None:
        return None
    where = Lines(text)
    begin = where.line(("rule", at)) - 1
    if not lines[begin].lstrip().startswith("[["):
        raise RuleEditError(f"rule {rule!r} is written within a line", "change it in the file by hand")
    end = min((line for path in _tables(file) if (line := where.line(path) - 1) > begin), default=len(lines))
    while end > begin and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1
    return _Block(begin, end)


def _tables(file: Mapping[str, Any]) -> list[KeyPath]:
    found: list[KeyPath] = [("rule", at) for at in range(len(file.get("rule", ())))]
    for at, schedule in enumerate(file.get("schedule", ())):
        found.append(("schedule", at))
        found.extend(("schedule", at, "season", n) for n in range(len(schedule.get("season", ()))))
    return found


def _changed(old: str, kind: str, said: Mapping[str, str]) -> str:
    document = tomlkit.parse(old if old.endswith("\n") else f"{old}\n")
    table = cast(AoT, document["rule"])[0]
    if table.setdefault("kind", kind) != kind:
        raise RuleEditError(f"rule {table['id']!r} is of kind {table['kind']!r}", "a rule keeps its kind")
    for field in form.fields(kind):
        _set(table, field, form.read(field, said.get(field.key, "")))
    return tomlkit.dumps(document)


def _set(table: Table, field: form.Field, value: form.Value) -> None:
    there = table.get(field.key)
    if there is not None and _plain(there.unwrap()) == value:
        return
    if value is None or value in ((), field.default):
        table.pop(field.key, None)
    else:
        table[field.key] = list(value) if isinstance(value, tuple) else value


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _quoted(text: str) -> str:
    return tomlkit.string(text).as_string()
