"""docs/devices.md says what the code has: made from it, every driver in it, every proof a test that is there."""

import ast

import pytest

from checks import devices
from tests.docs.pages import ROOT

QUALITIES = devices.qualities()


def test_the_page_is_as_it_would_be_made_now():
    assert devices.PAGE.read_text(encoding="utf-8") == devices.page(), "run: python -m checks.devices"


def drivers() -> set[str]:
    """Files with a class that is polled or that runs as a service."""
    found = set()
    for path in (ROOT / "edge" / "drivers").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.AsyncFunctionDef) and (
                node.name == "poll" or (node.name == "run" and "store" in ast.unparse(node.args))
            ):
                found.add(path.name)
    return found - {"base.py", "equipment.py"}


def test_every_driver_has_a_quality_file():
    assert {"modbus.py", "gpio.py", "attendance_push.py"} <= drivers()
    assert drivers() <= {module for quality in QUALITIES.values() for module in quality.modules}


@pytest.mark.parametrize("name", QUALITIES)
def test_what_a_quality_file_names_is_there(name):
    quality = QUALITIES[name]
    assert quality.proven
    assert quality.sources
    for module in quality.modules:
        assert (ROOT / "edge" / "drivers" / module).exists(), module
    assert "/" not in quality.peer or (ROOT / quality.peer).exists(), quality.peer
    assert quality.contract
    for suite in quality.contract:
        if not suite.startswith(devices.EXEMPT):
            path, _, name_of_class = suite.partition("::")
            classes = [
                one for one in ast.parse((ROOT / path).read_text()).body if isinstance(one, ast.ClassDef)
            ]
            assert "Suite" in ast.unparse(
                next(one for one in classes if one.name == name_of_class).bases[0]
            ), suite
    for proof in quality.proven:
        path, _, test = proof.test.partition("::")
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        names = {
            node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert test in names, proof.test
