"""What every table of the file is made of: sorts of values, and limits by quantity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from contract.kinds import KINDS
from contract.strict_toml import Mistake, MistakesError, closest

Name = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$",
        description="lower-case letters, digits, hyphens and underscores, at most 64",
    ),
]
Port = Annotated[int, Meta(ge=1, le=65535)]
Positive = Annotated[float, Meta(gt=0)]
Seconds = Annotated[float, Meta(ge=0.05, le=3600, description="seconds, for example 1.0")]
Pin = Annotated[int, Meta(ge=0, le=27, description="the BCM number of the line, 0 to 27, not the header's")]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every table of the file."""


class PointLimits(Section, frozen=True, kw_only=True):
    """What is plausible of a point at this site; what is not given is the instrument's."""

    min: float | None = None
    max: float | None = None
    max_step: Positive | None = None
    """Most that the value may change from one good sample to the next, in the quantity's unit."""
    stuck_s: Positive | None = None
    """The value never rests for longer than this, in seconds."""

    def __post_init__(self) -> None:
        if self.min is not None and self.max is not None and self.min >= self.max:
            raise MistakesError(Mistake(f"min {self.min:g} is not below max {self.max:g}", at=("min",)))


def check_kind(kind: str, *by_quantity: Mapping[str, Any]) -> None:
    """Refuse a device kind that does not exist, and ``points`` and then ``values`` of quantities it does not have.

    Raises:
        MistakesError: with what to write instead.
    """
    if kind not in KINDS:
        raise MistakesError(
            Mistake(f"{kind!r} is not a device kind", at=("kind",), instead=closest(kind, KINDS))
        )
    known = KINDS[kind].quantities
    names = ("points", "values")
    wrong = [
        Mistake(f"{kind} has no quantity {name!r}", at=(table, name), instead=closest(name, known))
        for table, names_given in zip(names, by_quantity, strict=False)
        for name in names_given
        if name not in known
    ]
    if wrong:
        raise MistakesError(*wrong)
