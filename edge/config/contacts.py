"""Dry contacts at GPIO lines, and the lamps beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta

from contract.strict_toml import Mistake, MistakesError
from edge.config.section import Name, Pin, Section

Role = Literal["panic", "bed_mat", "door", "nurse_call"]
CONTACT_KINDS: Mapping[Role, str] = {
    "panic": "panic_button",
    "bed_mat": "bed_mat",
    "door": "door_contact",
    "nurse_call": "nurse_call",
}
"""Device kind of a contact by its role."""


class Contact(Section, frozen=True, kw_only=True):
    """A dry contact at a GPIO line: a panic button, a bed mat, a door, a nurse call's contact."""

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


class SupervisedLoop(Section, frozen=True, kw_only=True):
    """A panic button or nurse call in a loop of resistors at an ADS1115, so that a broken cable is told."""

    name: Name
    role: Literal["panic", "nurse_call"]
    i2c_bus: Annotated[int, Meta(ge=0, le=32)] = 1
    address: Annotated[int, Meta(ge=0x48, le=0x4B, description="0x48 to 0x4B")] = 0x48
    channel: Annotated[int, Meta(ge=0, le=3)]
    supply_v: Annotated[float, Meta(ge=3, le=3.6)] = 3.3
    """What feeds the loop, measured: all bands are in proportion to it."""
    sample_s: Annotated[float, Meta(ge=0.1, le=3600)] = 60.0


class Lights(Section, frozen=True, kw_only=True):
    """Lamps that tell what is proven of a button's presses. Each is a GPIO line; any may be left out."""

    contact: Name
    stored: Pin | None = None
    received: Pin | None = None
    acknowledged: Pin | None = None
    fault: Pin | None = None
    buzzer: Pin | None = None
    """On while a press has no receipt after 10 s."""
    siren: Pin | None = None
    """On from the press until a person has acknowledged it, for three minutes at most."""
    active_high: bool = True

    @property
    def pins(self) -> dict[str, int]:
        """The lamps that are there, by name."""
        names = ("stored", "received", "acknowledged", "fault", "buzzer", "siren")
        return {name: pin for name in names if (pin := getattr(self, name)) is not None}
