"""The bill of materials: what is in an installation of Siaga, as CycloneDX 1.5, from the locks alone.

    python -m checks.bill edge|hub > siaga-hub.cdx.json

The same locks give the same bytes. Scanners of weaknesses read it; it needs no network.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ASSETS = ROOT / "hub" / "console" / "assets" / "package-lock.json"

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


class LockError(ValueError):
    """The lock has a line that no bill can be made of."""


def bill(role: str) -> dict[str, Any]:
    """The bill of a role: ``edge`` or ``hub``, whose pages carry scripts of others too."""
    lock = (ROOT / "requirements" / f"{role}.txt").read_text(encoding="utf-8")
    components = list(python_parts(lock))
    if role == "hub":
        components += script_parts(json.loads(ASSETS.read_text(encoding="utf-8")))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    content = json.dumps(components, sort_keys=True)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, content)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "name": f"siaga-{role}",
                "version": project["version"],
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": components,
    }


def python_parts(lock: str) -> Iterator[dict[str, Any]]:
    """The distributions of a lock, each with the hashes of the files that may be installed.

    Raises:
        LockError: one has no version of its own, or no hash.
    """
    for entry in re.split(
        r"^(?=[A-Za-z0-9])", re.sub(r"^\s*#.*$", "", lock, flags=re.MULTILINE), flags=re.MULTILINE
    ):
        if not entry.strip():
            continue
        pin, hashes = _PIN.match(entry), _HASH.findall(entry)
        if pin is None or not hashes:
            raise LockError(f"{entry.splitlines()[0]!r} has no version or no hash")
        name, version = pin[1].lower(), pin[2]
        yield {
            "type": "library",
            "name": name,
            "version": version,
            "purl": f"pkg:pypi/{name}@{version}",
            "hashes": [{"alg": "SHA-256", "content": one} for one in sorted(hashes)],
        }


def script_parts(lock: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The packages of npm's lock that pages carry."""
    for place, one in sorted(lock["packages"].items()):
        if not place or one.get("dev"):
            continue
        name = place.rpartition("node_modules/")[2]
        algorithm, _, digest = one["integrity"].partition("-")
        yield {
            "type": "library",
            "name": name,
            "version": one["version"],
            "purl": f"pkg:npm/{name.replace('@', '%40')}@{one['version']}",
            "hashes": [
                {"alg": algorithm.upper().replace("SHA", "SHA-"), "content": base64.b64decode(digest).hex()}
            ],
        }


if __name__ == "__main__":
    if sys.argv[1:] not in (["edge"], ["hub"]):
        sys.exit("python -m checks.bill edge|hub")
    json.dump(bill(sys.argv[1]), sys.stdout, indent=1)
    print()
