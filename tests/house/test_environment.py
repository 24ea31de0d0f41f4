"""No secret comes by the environment, where every child and every crash report has it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

READS = {
    "contract/credentials.py": "the folder of the service's credentials",
    "contract/readiness.py": "the service manager's socket and patience",
    "edge/drivers/gpio.py": "which pin factory gpiozero was told to take",
    "hub/backup/make.py": "the folder of the service's credentials, which is left out",
    "hub/failpoints.py": "where a test kills the hub",
}
"""What of the product looks into the environment, and for what. A secret is a file."""


def looks_into_the_environment(source: str) -> bool:
    """Whether it reads a variable, by whatever name of the standard library's."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv", "getenvb"):
            return True
        names = node.names if isinstance(node, ast.ImportFrom) and node.module == "os" else ()
        if any(name.name.startswith(("environ", "getenv")) for name in names):
            return True
    return False


def test_the_product_looks_into_the_environment_for_no_secret():
    found = {
        str(path.relative_to(ROOT))
        for folder in ("contract", "edge", "hub", "provisioning", "watch")
        for path in (ROOT / folder).rglob("*.py")
        if looks_into_the_environment(path.read_text(encoding="utf-8"))
    }
    assert found == set(READS)


@pytest.mark.parametrize(
    "source", ["import os\nos.environ['X']", "import os\nos.getenv('X')", "from os import path, environ"]
)
def test_a_look_is_seen(source):
    assert looks_into_the_environment(source)
    assert not looks_into_the_environment("import os\nos.getpid()\nenvironment = {}")
