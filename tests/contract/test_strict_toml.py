"""Strict TOML: what a structure says is enforced, all mistakes come at once, and each has its line."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ContractError
from contract.strict_toml import Mistake, MistakesError, TomlError, closest, load, loads
from contract.toml_lines import Lines


class Inner(msgspec.Struct, frozen=True):
    name: str
    level: Literal[1, 2, 3] = 1
    flag: bool = False

    def __post_init__(self) -> None:
        if self.name == "twice":
            raise MistakesError(Mistake("first", ("name",)), Mistake("second", ("level",), "another"))
        if self.name == "plain":
            raise ValueError("not this one")


class Cat(msgspec.Struct, frozen=True, tag="cat", tag_field="animal"):
    lives: int


class Dog(msgspec.Struct, frozen=True, tag="dog", tag_field="animal"):
    age_s: float


class Outer(msgspec.Struct, frozen=True):
    title: str
    ratio: Annotated[float, msgspec.Meta(gt=0, lt=1, description="a part of one")] = 0.5
    inner: tuple[Inner, ...] = ()
    pets: list[Cat | Dog] = []
    numbers: dict[str, Annotated[int, msgspec.Meta(ge=0)]] = {}
    folder: Path | None = None
    mixed: int | str = 0
    pair: Annotated[tuple[int, ...], msgspec.Meta(min_length=1, max_length=2)] = (0,)


def reports(text: str, cls: type = Outer) -> list[str]:
    with pytest.raises(TomlError) as caught:
        loads(text, cls, "f.toml")
    return str(caught.value).splitlines()


def test_a_good_file_becomes_the_structure():
    text = """
title = "x"
ratio = 0.25
folder = "a/b"
mixed = "text"
pair = [1, 2]
pets = [{ animal = "cat", lives = 9 }, { animal = "dog", age_s = 3 }]
[numbers]
one = 1
[[inner]]
name = "a"
level = 3
[[inner]]
name = "b"
flag = true
"""
    assert loads(text, Outer) == Outer(
        title="x",
        ratio=0.25,
        folder=Path("a/b"),
        mixed="text",
        pair=(1, 2),
        pets=[Cat(lives=9), Dog(age_s=3.0)],
        numbers={"one": 1},
        inner=(Inner("a", 3), Inner("b", 1, True)),
    )


def test_whole_numbers_are_floats_but_nothing_else_is_converted():
    assert isinstance(loads('title = "x"\npets = [{animal="dog", age_s=3}]', Outer).pets[0].age_s, float)
    assert (
        reports("title = 5")[0] == "f.toml:1: title: 5 is not text in quotes; write instead: text in quotes"
    )
    assert "true is not a whole number" in reports('title = "x"\nnumbers = { a = true }')[0]
    assert "1.0 is not a whole number from 0" in reports('title = "x"\nnumbers = { a = 1.0 }')[0]
    assert (
        "inf is not a number above 0 below 1; write instead: a part of one"
        in reports('title="x"\nratio = inf')[0]
    )


def test_all_mistakes_come_at_once_in_the_order_of_the_file():
    text = """ratio = 2.0
titel = "x"
pets = [
  { animal = "cat" },
  { animal = "cow" },
  { lives = 3 },
]
[[inner]]
name = "twice"
[[inner]]
name = "plain"
"""
    assert reports(text) == [
        "f.toml:1: 'title' is missing; write instead: title = … (text in quotes)",
        "f.toml:1: ratio: 2.0 is not a number above 0 below 1; write instead: a part of one",
        "f.toml:2: titel: unknown key 'titel'; write instead: 'title'",
        "f.toml:4: pets[0]: 'lives' is missing; write instead: lives = … (a whole number)",
        'f.toml:5: pets[1].animal: "cow" is not a known animal; write instead: one of cat, dog',
        'f.toml:6: pets[2]: \'animal\' is missing; write instead: animal = "cat" or "dog"',
        "f.toml:8: inner[0].level: second; write instead: another",
        "f.toml:9: inner[0].name: first",
        "f.toml:10: inner[1]: not this one",
    ]


def test_lists_know_their_length():
    assert "0 entries, at least 1 and at most 2 are wanted" in reports('title = "x"\npair = []')[0]
    assert "3 entries" in reports('title = "x"\npair = [1, 2, 3]')[0]
    assert "pair[1]" in reports('title = "x"\npair = [1, "2"]')[0]


def test_a_check_of_the_whole_sees_only_whole_files():
    def check(outer: Outer) -> list[Mistake]:
        return [Mistake("no", ("title",), "yes")] if outer.title == "no" else []

    assert loads('title = "yes"', Outer, "f", check).title == "yes"
    with pytest.raises(TomlError, match=r"^f:1: title: no; write instead: yes$"):
        loads('title = "no"', Outer, "f", check)
    with pytest.raises(TomlError, match="unknown key"):
        loads('title = "no"\nx = 1', Outer, "f", check)


def test_files_that_cannot_be_read(tmp_path: Path):
    (tmp_path / "latin.toml").write_bytes(b'title = "x"\n# \xe9\n')
    with pytest.raises(TomlError, match=r"latin\.toml:2: not UTF-8"):
        load(tmp_path / "latin.toml", Outer)
    with pytest.raises(TomlError, match=r"none\.toml: No such file"):
        load(tmp_path / "none.toml", Outer)
    with pytest.raises(ContractError):
        load(tmp_path, Outer)


def test_an_unfinished_file_names_its_last_line():
    assert reports('title = "x"\npair = [1,\n')[0].startswith("f.toml:2: ")


def test_closest():
    assert closest("prot", ["port", "host"]) == "'port'"
    assert closest("zzz", ["port", "host"]) == "one of host, port"
    assert closest("zzz", []) == ""


@given(st.text(max_size=200))
def test_any_text_is_a_structure_or_the_one_error(text: str):
    try:
        loads(text, Outer)
    except TomlError as error:
        mistakes = error.mistakes
    else:
        return
    assert mistakes


KEYS = st.text("abc-_é \"'.#=[]{}\n\\", min_size=1, max_size=4)
VALUES = st.recursive(
    st.booleans() | st.integers(-5, 5) | st.text("ab\"'\\\n#]}é ", max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def quote(text: str) -> str:
    return '"' + "".join(f"\\u{ord(c):04x}" if c in '"\\\n' else c for c in text) + '"'


def written(value: Any) -> str:
    """A value in TOML, on several lines where that is allowed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, list):
        return "[\n# c\n" + "".join(f"  {written(item)}, # {{[\n" for item in value) + "]"
    return "{" + ", ".join(f"{quote(key)} = {written(item)}" for key, item in value.items()) + "}"


@given(st.dictionaries(KEYS, VALUES, max_size=5), st.dictionaries(KEYS, VALUES, min_size=1, max_size=3))
def test_every_key_is_found_at_its_line(top: dict[str, Any], table: dict[str, Any]):
    """Whatever stands before a key, the line told for it is the line it was written on."""
    lines: list[str] = []
    expected: dict[tuple[str | int, ...], int] = {}
    for key, value in top.items():
        expected[(key,)] = sum(text.count("\n") + 1 for text in lines) + 1
        lines.append(f"{quote(key)} = {written(value)}")
    lines.append("# [no] = 1\nz.y = '''\n[x]\n'''")
    for number in range(2):
        expected[("t", number)] = sum(text.count("\n") + 1 for text in lines) + 1
        lines.append('[["t"]] # comment')
        for key, value in table.items():
            expected[("t", number, key)] = sum(text.count("\n") + 1 for text in lines) + 1
            lines.append(f"{quote(key)}={written(value)}")
    text = "\n".join(lines)
    if "t" in top or "z" in top:
        return
    assert tomllib.loads(text)["t"][1] == table
    found = Lines(text)
    assert {path: found.line(path) for path in expected} == expected
