"""The list of security requirements is whole, and each test that it names is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "docs" / "security.md"
STATES = {"proved", "in part", "planned"}

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in LIST.read_text(encoding="utf-8").splitlines()
    if re.match(r"\| S\d+ \|", line)
]


def named(text: str) -> list[tuple[str, str]]:
    """Tests that a cell names: file and function."""
    return re.findall(r"`([\w/]+\.py)::(\w+)`", text)


@cache
def functions(path: str) -> frozenset[str]:
    """Names of the functions at the top of a file; none where there is no file."""
    file = ROOT / path
    if not file.exists():
        return frozenset()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return frozenset(
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def test_every_requirement_is_there_once_and_in_order():
    assert [row[0] for row in ROWS] == [f"S{number}" for number in range(1, 35)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_is_proved_names_tests_that_exist_and_what_is_planned_names_none(row):
    _, requirement, state, tests = row
    assert requirement
    assert state in STATES
    found = named(tests)
    assert bool(found) == (state != "planned")
    for path, name in found:
        assert name in functions(path), f"{path} has no {name}"
    if state != "proved":
        assert re.sub(r"`[^`]*`|[,\s.]", "", tests), "what is missing, or what does it wait for?"


def test_a_test_that_is_not_there_is_seen():
    assert "test_that_nobody_wrote" not in functions("tests/house/test_security_requirements.py")
    assert functions("tests/house/nowhere.py") == frozenset()
