"""How a city looks: ``theme.toml`` of its profile. A profile without one looks like Siaga itself."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from contract.strict_toml import load
from hub.errors import HubError

NAME = "theme.toml"

MOST_BYTES = 64 * 1024
"""Of a picture: it is in every dashboard, as text."""

Colour = Annotated[str, msgspec.Meta(pattern=r"^#[0-9a-fA-F]{6}$", examples=["#2f6f8f"])]
Picture = Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9_-]+\.svg)?$", examples=["logo.svg"])]


class ThemeFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """theme.toml: colours of the city, and pictures (SVG) beside the file.

    Attributes:
        accent: of the city's name and of the line below it. Colours of levels and priorities are the same everywhere.
        motif: repeated behind the city's name.
        ground: of the whole screen.
    """

    accent: Colour = "#55d3e8"
    ground: Literal["dark", "light"] = "dark"
    motto: Annotated[str, msgspec.Meta(max_length=120)] = ""
    logo: Picture = ""
    motif: Picture = ""


@dataclass(frozen=True)
class Theme:
    """A theme with its pictures read."""

    file: ThemeFile
    logo: str = ""
    motif: str = ""


class PictureError(HubError, ValueError):
    """A picture of the theme cannot be used."""


def read(profile: Path) -> Theme:
    """The theme of a region profile.

    Raises:
        contract.strict_toml.TomlError: with file, line and what to write instead.
        PictureError: a picture is missing, too large or no SVG.
    """
    place = profile / NAME
    if not place.exists():
        return Theme(ThemeFile())
    file = load(place, ThemeFile)
    return Theme(file, _data(profile, file.logo), _data(profile, file.motif))


def _data(profile: Path, name: str) -> str:
    """A picture as an address that holds it; browsers run no script of one."""
    if not name:
        return ""
    try:
        content = (profile / name).read_bytes()
    except OSError as error:
        raise PictureError(f"{profile / name}: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise PictureError(f"{profile / name}: {len(content)} bytes, {MOST_BYTES} at most")
    if b"<svg" not in content[:1024]:
        raise PictureError(f"{profile / name}: no SVG")
    return "data:image/svg+xml;base64," + base64.b64encode(content).decode()
