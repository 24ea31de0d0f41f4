"""Scripts, styles and pictures of the pages: ours as they lie there, and those of npm packages as set-up built them.

Each is served under a name that holds a digest of its content, so a browser keeps it for ever and never has an old one.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "assets"

MEDIA = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""What is served, by the end of its name; package.json and the like are not."""

FROM_PACKAGES = ("htmx.min.js", "uplot.iife.min.js", "uplot.min.css")
"""What ``setup/assets`` takes out of the npm packages, by the names that it gets in ``built/``."""

WORTH_PACKING = 1000
"""Bytes from which on an asset is sent compressed."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent."""

    name: str
    media: str
    plain: bytes
    packed: bytes | None


class Assets:
    """The files, read once.

    Attributes:
        missing: names that set-up has not built; the pages say so.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        paths = [*folder.iterdir(), *(folder / "built").glob("*")]
        found = {path.name: _read(path) for path in paths if path.suffix in MEDIA}
        self._served: Mapping[str, Asset] = {asset.name: asset for asset in found.values()}
        self._names: Mapping[str, str] = {name: asset.name for name, asset in found.items()}
        self.missing = tuple(name for name in FROM_PACKAGES if name not in found)

    def address(self, name: str) -> str:
        """Where an asset is served; of a missing one an address that answers 404."""
        return f"/assets/{self._names.get(name, name)}"

    def served(self, name: str) -> Asset | None:
        """The asset under its served name, None where there is none."""
        return self._served.get(name)


def _read(path: Path) -> Asset:
    plain = path.read_bytes()
    digest = hashlib.sha256(plain).hexdigest()[:12]
    packed = gzip.compress(plain, 9, mtime=0) if len(plain) >= WORTH_PACKING else None
    return Asset(f"{path.stem}.{digest}{path.suffix}", MEDIA[path.suffix], plain, packed)
