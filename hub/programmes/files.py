"""programmes.toml of a region profile: each programme with its unit and target. A profile may do without."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from contract.strict_toml import Mistake, load, once_each
from hub.region.files import Id, Text

NAME = "programmes.toml"


class Programme(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[programme]]``

    Attributes:
        owner: the office that reports it.
        unit: as people write it, for example ``%`` or ``menit``.
        better: whether the target is the least or the most that is wanted.
        every_d: days after which a value is old.
    """

    id: Id
    name: Text
    owner: Text
    unit: Annotated[str, Meta(min_length=1, max_length=20)]
    target: Annotated[float, Meta(gt=0)]
    better: Literal["higher", "lower"] = "higher"
    every_d: Annotated[int, Meta(ge=1, le=3660)] = 31

    def off(self, value: float) -> bool:
        """Whether a value misses the target."""
        return value < self.target if self.better == "higher" else value > self.target

    def reached_pct(self, value: float) -> float:
        """How much of the target a value is; where lower is better, how much of the value the target is."""
        if self.better == "higher":
            return 100 * value / self.target
        return 100 * self.target / value if value > self.target else 100.0


class ProgrammesFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """programmes.toml"""

    programme: tuple[Programme, ...] = ()


def read(profile: Path) -> Mapping[str, Programme]:
    """The programmes of a profile by id, in the order of the file.

    Raises:
        contract.strict_toml.TomlError: with file, line and what to write instead.
    """
    place = profile / NAME
    if not place.exists():
        return {}
    return {one.id: one for one in load(place, ProgrammesFile, _mistakes).programme}


def _mistakes(file: ProgrammesFile) -> Iterator[Mistake]:
    yield from once_each("programme", [one.id for one in file.programme])
