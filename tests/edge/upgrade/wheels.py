"""Wheels as an upgrade has them, made in the tests: a version of Siaga, and its libraries."""

import base64
import hashlib
import sysconfig
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def wheel(folder: Path, name: str, version: str, files: dict[str, bytes], scripts: str = "") -> Path:
    """A wheel with these files, as the specification of binary distributions asks for."""
    info = f"{name}-{version}.dist-info"
    files = files | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if scripts:
        files[f"{info}/entry_points.txt"] = f"[console_scripts]\n{scripts}\n".encode()
    record = "".join(f"{path},sha256={_digest(data)},{len(data)}\n" for path, data in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        for inside, data in files.items():
            file.writestr(inside, data)
    return path


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


def siaga(folder: Path, version: str, changed: dict[str, bytes] | None = None) -> Path:
    """The gateway as it is in this checkout, called another version, with some files changed."""
    files = {
        str(path.relative_to(ROOT)): path.read_bytes()
        for package in ("contract", "edge", "firmware_configs")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    return wheel(folder, "siaga", version, files | (changed or {}), "siaga-edge = edge.cli:main")


def libraries(folder: Path) -> Path:
    """All libraries of this environment, by reference: to copy them would prove nothing more."""
    site = sysconfig.get_path("purelib").encode()
    return wheel(folder, "libraries", "1.0.0", {"libraries.pth": site + b"\n"})


def program(folder: Path, version: str, source: str) -> Path:
    """A Siaga whose command is a few lines of Python."""
    files = {"edge/__init__.py": b"", "edge/cli.py": source.encode()}
    return wheel(folder, "siaga", version, files, "siaga-edge = edge.cli:main")
