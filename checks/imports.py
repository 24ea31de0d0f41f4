"""Who may import whom, as contracts for import-linter.

The design keeps the gateway and the hub apart: they share contract/ and nothing else, and MQTT is spoken in
one file of each. The table below is that rule. A room of ours may import the rooms named beside it and the
libraries that its extra in pyproject.toml declares, so a gateway that installs siaga[edge] can run every line
of edge/.
"""

import importlib.metadata
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


@dataclass(frozen=True)
class Room:
    """A package of ours: the other rooms it may import, and the extra that declares its libraries.

    `extra` is None for a room that has only the distribution's own dependencies, and "*" for one that may
    import any library at all.
    """

    name: str
    may_import: frozenset[str]
    extra: str | None


ROOMS = (
    Room("contract", frozenset(), None),
    Room("edge", frozenset({"contract"}), "edge"),
    Room("hub", frozenset({"contract", "grafana"}), "hub"),
    # What the hub's command pushes: it reads the hub's profile and rules, and nothing that runs.
    Room("grafana", frozenset({"contract", "hub"}), "hub"),
    Room("provisioning", frozenset({"contract", "hub"}), "provisioning"),
    # It must not fall silent with what it watches.
    Room("watch", frozenset({"contract"}), "watch"),
    Room("simulator", frozenset({"contract", "edge", "grafana", "hub", "provisioning"}), "*"),
)

# Not rooms of the product; nothing of it may know them.
OUTSIDE = frozenset({"tests", "checks", "benchmarks"})

# A library with one door: the only modules that may import it. Its bad habits are hidden there.
DOORS = {
    "aiomqtt": ("edge.mqtt", "watch.link"),
    "paho": ("edge.mqtt", "hub.notify.channels.mqtt_session"),
    "gmqtt": ("hub.ingest.broker", "provisioning.cutting"),
}
# The rehearsal city plays foreign MQTT devices too, with whatever client it likes.
FREE_OF_DOORS = frozenset({"simulator"})


def rooms_in(root: Path) -> list[Room]:
    """The rooms that have Python in them; a folder that has not been begun needs no rule."""
    return [room for room in ROOMS if any((root / room.name).rglob("*.py"))]


def unseen_folders(root: Path) -> list[str]:
    """Folders whose modules no rule would see, because import-linter follows only packages."""
    folders = {module.parent for room in rooms_in(root) for module in (root / room.name).rglob("*.py")}
    return sorted(
        str(folder.relative_to(root)) for folder in folders if not (folder / "__init__.py").exists()
    )


def contracts_for(root: Path) -> list[dict[str, Any]]:
    """The rules as import-linter's contracts, for the rooms that are there."""
    rooms = rooms_in(root)
    declared = _declared_libraries(root)
    installed = frozenset(importlib.metadata.packages_distributions())
    return [
        *_contracts_between_rooms(rooms),
        *_contracts_on_libraries(rooms, declared, installed),
        *_contracts_on_doors(rooms),
    ]


def _contracts_between_rooms(rooms: list[Room]) -> Iterator[dict[str, Any]]:
    ours = {room.name for room in ROOMS} | OUTSIDE
    for room in rooms:
        yield _forbid(
            f"{room.name} imports of ours only: {', '.join(sorted(room.may_import)) or 'nothing'}",
            sources=[room.name],
            forbidden=ours - room.may_import - {room.name},
        )


def _contracts_on_libraries(
    rooms: list[Room], declared: dict[str, frozenset[str]], installed: frozenset[str]
) -> Iterator[dict[str, Any]]:
    ours = {room.name for room in ROOMS} | OUTSIDE
    for room in rooms:
        if room.extra == "*":
            continue
        allowed = declared[""] | (declared[room.extra] if room.extra else frozenset())
        yield _forbid(
            f"{room.name} imports only libraries that pyproject.toml declares for it",
            sources=[room.name],
            forbidden={name for name in installed if name.isidentifier()} - allowed - ours,
        )


def _contracts_on_doors(rooms: list[Room]) -> Iterator[dict[str, Any]]:
    sources = [room.name for room in rooms if room.name not in FREE_OF_DOORS]
    for library, doors in DOORS.items():
        if sources:
            yield _forbid(
                f"{library} is imported only by {', '.join(doors)}",
                sources=sources,
                forbidden={library},
                except_for=[f"{door} -> {library}" for door in doors],
            )


def _forbid(
    name: str, sources: list[str], forbidden: set[str] | frozenset[str], except_for: list[str] | None = None
) -> dict[str, Any]:
    """A contract on direct imports. Every room has one, so a chain through them is covered link by link."""
    return {
        "name": name,
        "type": "forbidden",
        "source_modules": sources,
        "forbidden_modules": sorted(forbidden),
        "allow_indirect_imports": "true",
        "ignore_imports": except_for or [],
        "unmatched_ignore_imports_alerting": "none",
    }


def _declared_libraries(root: Path) -> dict[str, frozenset[str]]:
    """The import names that each extra declares, and under "" those of the distribution itself."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    import_names: dict[str, set[str]] = {}
    for name, distributions in importlib.metadata.packages_distributions().items():
        for distribution in distributions:
            import_names.setdefault(canonicalize_name(distribution), set()).add(name)

    def names(requirements: list[str]) -> frozenset[str]:
        wanted = (canonicalize_name(Requirement(requirement).name) for requirement in requirements)
        return frozenset(name for distribution in wanted for name in import_names.get(distribution, ()))

    extras = {extra: names(needs) for extra, needs in project.get("optional-dependencies", {}).items()}
    return {"": names(project["dependencies"]), **extras}


def check(root: Path) -> int:
    """Print what breaks a rule under `root`; 0 when nothing does."""
    unseen = unseen_folders(root)
    for folder in unseen:
        print(f"{folder}: has modules but no __init__.py, so no import rule sees them")
    rooms = rooms_in(root)
    if not rooms:
        print("no package of ours is here yet")
        return 1 if unseen else 0
    configuration = root / ".siaga" / "imports.toml"
    configuration.parent.mkdir(exist_ok=True)
    configuration.write_text(_as_toml([room.name for room in rooms], contracts_for(root)))
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--config", configuration, "--no-cache", "--no-logo"], cwd=root, check=False, timeout=300
    )
    return 1 if unseen or done.returncode else 0


def _as_toml(packages: list[str], contracts: list[dict[str, Any]]) -> str:
    # A JSON string or list of strings is TOML too.
    lines = [
        "[tool.importlinter]",
        f"root_packages = {json.dumps(packages)}",
        "include_external_packages = true",
    ]
    for contract in contracts:
        lines += ["", "[[tool.importlinter.contracts]]"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in contract.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(check(Path.cwd()))
