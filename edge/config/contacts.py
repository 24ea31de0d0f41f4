"""Dry contacts at GPIO lines, and the lamps beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta

from contract.strict_toml import Mistake, MistakesError
from edge.config.section import Name, Pin, Section

Role = Literal["panic", "bed_mat", "door"]
CONTACT_KINDS: Mapping[Role, str] = {"panic": "panic_button", "bed_mat": "bed_mat", "door": "door_contact"}
"""Device kind of a contact by its role."""


class Contact(Section, frozen=True, kw_only=True):
    """A dry contact at a GPIO line: a panic button, a bed mat, a door."""

    name: Name
    role: Role
    pin: Pin
    active_low: bool = True
    """True: the contact pulls the line to ground when pressed, occupied or open, and the pull-up is on."""
    debounce_ms: Annotated[int, Meta(ge=5, le=30_000)] = 50
    """The level must hold this long to count."""
    vacant_ms: Annotated[int, Meta(ge=5, le=600_000)] | None = None
    """Of a bed mat: it must be free this long to count as free; None: as long as debounce_ms."""
    sample_s: Annotated[float, Meta(ge=0.1, le=3600)] = 60.0
    """How often the state is also sent as a sample, which shows that the contact is watched."""

    def __post_init__(self) -> None:
        if self.vacant_ms is not None and self.role != "bed_mat":
            raise MistakesError(Mistake(f"a {self.role} contact has no vacant_ms", at=("vacant_ms",)))


class Lights(Section, frozen=True, kw_only=True):
    """Lamps that tell what is proven of a button's presses. Each is a GPIO line; any may be left out."""

    contact: Name
    stored: Pin | None = None
    received: Pin | None = None
    acknowledged: Pin | None = None
    fault: Pin | None = None
    buzzer: Pin | None = None
    """On while a press has no receipt after 10 s."""
    active_high: bool = True

    @property
    def pins(self) -> dict[str, int]:
        """The lamps that are there, by name."""
        names = ("stored", "received", "acknowledged", "fault", "buzzer")
        return {name: pin for name in names if (pin := getattr(self, name)) is not None}
