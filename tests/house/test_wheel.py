"""The wheel works where the checkout is not: installed, outside the tree, with its role's libraries only."""

import importlib.metadata
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hub.console.asset_files import FROM_PACKAGES

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.real

CARRIED = (
    "contract",
    "edge",
    "hub",
    "provisioning",
    "watch",
    "grafana",
    "simulator",
    "firmware_configs",
    "profiles",
)


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env={"PATH": "/usr/bin:/bin"}, timeout=100,
        check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    # Without isolation: the build backend is in the lock, so nothing is downloaded here.
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ".", cwd=ROOT)
    (built,) = out.glob("siaga-*.whl")
    return Path(built)


def test_the_same_source_gives_the_same_wheel(wheel, tmp_path):
    """So that whoever has the source can tell whether a wheel was made of it."""
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ".", cwd=ROOT)
    (again,) = tmp_path.glob("siaga-*.whl")
    assert again.read_bytes() == wheel.read_bytes()


def library_entries(lock: str) -> dict[str, Path]:
    """What the locked distributions put on the import path: name to place."""
    pins = re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "requirements" / lock).read_text(), re.MULTILINE)
    entries = {}
    for pin in pins:
        for file in importlib.metadata.distribution(pin).files or ():
            top = file.parts[0]
            if top not in {"..", "__pycache__"}:
                entries[top] = Path(str(importlib.metadata.distribution(pin).locate_file(top)))
    return entries


class Installation:
    """A machine that has the wheel and the libraries of some locks, and nothing else of this checkout."""

    def __init__(self, folder: Path, wheel: Path, locks: list[str]) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
        (self.site,) = folder.glob("lib/python*/site-packages")
        run(
            sys.executable, "-m", "pip", "--python", self.python, "--disable-pip-version-check",
            "install", "--no-index", "--no-deps", wheel, cwd=folder,
        )  # fmt: skip
        # The libraries themselves are those of the locked environment, linked one by one: it also holds the
        # editable Siaga and the test tools, which must not be within reach.
        for lock in locks:
            for name, place in library_entries(lock).items():
                if not (self.site / name).exists():
                    (self.site / name).symlink_to(place)

    def run(self, program: str, *arguments: str) -> str:
        return run(self.folder / "bin" / program, *arguments, cwd=self.folder)

    def evaluate(self, source: str) -> str:
        return run(self.python, "-I", "-c", source, cwd=self.folder)


@pytest.fixture(scope="module")
def gateway(wheel, tmp_path_factory) -> Installation:
    return Installation(tmp_path_factory.mktemp("gateway"), wheel, ["edge.txt"])


@pytest.fixture(scope="module")
def hub(wheel, tmp_path_factory) -> Installation:
    return Installation(tmp_path_factory.mktemp("hub"), wheel, ["hub.txt"])


@pytest.fixture(scope="module")
def watcher(wheel, tmp_path_factory) -> Installation:
    return Installation(tmp_path_factory.mktemp("watcher"), wheel, ["watch.txt"])


@pytest.fixture(scope="module")
def rehearsal(wheel, tmp_path_factory) -> Installation:
    return Installation(tmp_path_factory.mktemp("rehearsal"), wheel, ["edge.txt", "hub.txt"])


def test_the_wheel_carries_every_tracked_file_of_its_folders(wheel):
    listed = subprocess.run(
        ["git", "ls-files", "-z", *CARRIED], cwd=ROOT, check=True, capture_output=True, text=True
    )
    tracked = {path for path in listed.stdout.split("\0") if path and (ROOT / path).exists()}
    carried = set(zipfile.ZipFile(wheel).namelist())
    assert tracked - carried == set()


def test_the_wheel_carries_the_assets_that_set_up_built(wheel):
    carried = set(zipfile.ZipFile(wheel).namelist())
    assert {f"hub/console/assets/built/{name}" for name in FROM_PACKAGES} <= carried
    assert not any("node_modules" in name for name in carried)


def test_the_pages_find_their_assets_and_words_where_the_checkout_is_not(hub):
    source = (
        "from hub.console.asset_files import Assets; from hub.console.language import sentences; "
        "print(Assets().missing, sentences('id')('Log out'))"
    )
    assert hub.evaluate(source).strip() == "() Keluar"


def test_the_wheel_carries_nothing_else(wheel):
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} <= set(CARRIED)


@pytest.mark.parametrize("package", ["contract", "edge"])
def test_the_checkout_is_out_of_reach(gateway, package):
    """The other tests here would prove nothing if the installed scripts ran the checkout."""
    found = gateway.evaluate(f"import {package}; print({package}.__file__)")
    assert Path(found.strip()).is_relative_to(gateway.folder)


@pytest.mark.parametrize(
    ("script", "package", "role"),
    [
        ("siaga-edge", "edge", "gateway"),
        ("siaga-hub", "hub", "hub"),
        ("siaga-provision", "provisioning", "hub"),
        ("siaga-watch", "watch", "watcher"),
        ("siaga-demo", "simulator", "rehearsal"),
    ],
)
def test_a_script_answers_with_the_libraries_of_its_role(request, script, package, role):
    installation = request.getfixturevalue(role)
    assert "usage" in installation.run(script, "--help").lower()


@pytest.mark.parametrize("folder", ["firmware_configs", "profiles"])
def test_data_is_beside_the_packages(gateway, folder):
    place = f"pathlib.Path(contract.__file__).parents[1] / {folder!r}"
    assert (
        gateway.evaluate(f"import contract, pathlib; print(any(({place}).rglob('*.toml')))").strip() == "True"
    )


EVERY_MODULE_OF = """
import importlib, pkgutil, sys
import {package}
for module in pkgutil.walk_packages({package}.__path__, "{package}."):
    if not module.name.endswith(("__main__", ".migrations.env")):  # Alembic alone runs its env
        importlib.import_module(module.name)
strangers = sorted({{name.partition(".")[0] for name in sys.modules}} & {strangers})
assert not strangers, strangers
print("imported")
"""


@pytest.mark.parametrize(
    ("package", "role", "strangers"),
    [
        ("contract", "gateway", {"edge", "hub", "provisioning", "simulator"}),
        ("edge", "gateway", {"hub", "provisioning", "simulator"}),
        ("hub", "hub", {"edge", "simulator"}),
        ("watch", "watcher", {"edge", "hub", "provisioning", "simulator"}),
    ],
)
def test_every_module_imports_without_the_other_side(request, package, role, strangers):
    installation = request.getfixturevalue(role)
    source = EVERY_MODULE_OF.format(package=package, strangers=strangers)
    assert installation.evaluate(source).strip() == "imported"
