"""Changing rules.toml as a person changes it: one rule, and nothing else of the text. Pure.

Comments, order and spacing of all the rest stay as they are, for the file is read by people too.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any, cast

import tomlkit
from tomlkit.items import AoT, Table

from contract import toml_blocks
from hub.errors import HubError
from hub.rules import form

TABLE = "rule"


class RuleEditError(HubError):
    """The file has no such rule, has it with another kind, or is written so that only a person can change it."""


def put(text: str, rule: str, kind: str, said: Mapping[str, str]) -> str:
    """The text with that rule as a form says it; a rule that is not there yet comes last.

    Args:
        text: a rules.toml that can be read.
        said: text of each of the kind's fields; a field that is missing was left empty.

    Raises:
        form.ValueSaidError: a field is no value of its shape.
        RuleEditError: the rule is there with another kind, or cannot be changed here.
    """
    old = block(text, rule)
    if not old and any(one.get("id") == rule for one in tomllib.loads(text).get(TABLE, ())):
        raise RuleEditError(f"rule {rule!r} is written within a line", "change it in the file by hand")
    old = old or f"[[{TABLE}]]\nid = {tomlkit.string(rule).as_string()}\n"
    return toml_blocks.replaced(text, TABLE, rule, _changed(old, kind, said))


def without(text: str, rule: str) -> str:
    """The text without that rule.

    Raises:
        RuleEditError: there is none, or it cannot be changed here.
    """
    found = toml_blocks.removed(text, TABLE, rule)
    if found is None:
        raise RuleEditError(f"there is no rule {rule!r} that can be taken out here")
    return found


def block(text: str, rule: str) -> str:
    """What the file says of a rule; empty where it says nothing in lines of its own."""
    return toml_blocks.block(text, TABLE, rule)


def _changed(old: str, kind: str, said: Mapping[str, str]) -> str:
    document = tomlkit.parse(old if old.endswith("\n") else f"{old}\n")
    table = cast(AoT, document[TABLE])[0]
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
