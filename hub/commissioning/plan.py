"""What must be proven of a gateway, and what of it holds. Pure.

Network and clock the hub judges by itself, at the moment of the signature; the rest somebody has to look at on site.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from contract.kinds import TIME_GOOD_MS
from hub.region import Region

Kind = Literal["device", "ruler", "press", "photo"]
Outcome = Literal["good", "bad", "skipped"]

RULER_MM = 20
"""A gauge may differ from the staff beside it by so much."""

PRESS_MS = 10 * 60_000
"""A press that came longer ago is no test of now."""


@dataclass(frozen=True, slots=True)
class Item:
    """Something to look at on site.

    Attributes:
        id: ``device:NAME``, ``ruler:STATION``, ``press:BUTTON`` or ``photo``.
        subject: the device, station or button.
        device: whose values belong to it; empty for a photo.
        name: what people call it; empty where it has only its id.
    """

    id: str
    kind: Kind
    subject: str
    device: str
    name: str

    @property
    def mark(self) -> str:
        """The id as it stands in a page."""
        return self.id.replace(":", "-")


def items(region: Region, gateway: str) -> tuple[Item, ...]:
    """Everything that must be looked at: each device, each gauge at its staff, each button, and a photo."""
    devices = _names(region, gateway).items()
    found = [Item(f"device:{device}", "device", device, device, name) for device, name in devices]
    found += [
        Item(f"ruler:{one.id}", "ruler", one.id, one.device, one.name)
        for one in region.stations.values()
        if one.gateway == gateway
    ]
    found += [
        Item(f"press:{one.id}", "press", one.id, one.device, one.name)
        for one in region.buttons.values()
        if one.gateway == gateway
    ]
    return (*found, Item("photo", "photo", "", "", ""))


def _names(region: Region, gateway: str) -> dict[str, str]:
    """Every device that the profile knows behind a gateway, with its name."""
    found = {one.device: "" for one in region.devices if one.gateway == gateway}
    for table in (region.wards, region.stations, region.buttons):
        found |= {one.device: one.name for one in table.values() if one.gateway == gateway}
    return found


@dataclass(frozen=True, slots=True)
class Facts:
    """What the hub knows by itself of a gateway; ``row`` is hub.fleet.gateways.overview's."""

    row: Mapping[str, Any]
    now_ms: int

    @property
    def network(self) -> bool:
        """Whether it is heard now: within three of its beats."""
        last_ms, row = self.row["last_ms"], self.row
        return bool(
            row["heard"]
            and not row["silent"]
            and last_ms is not None
            and self.now_ms - last_ms <= 3000 * row["interval_s"]
        )

    @property
    def clock(self) -> bool:
        """Whether it has a time, and knows it well."""
        error_ms = self.row["health"].get("time_error_ms")
        return self.row["clock"] in ("ntp", "hub") and (error_ms is None or error_ms <= TIME_GOOD_MS)

    @property
    def as_data(self) -> dict[str, Any]:
        """What the record keeps of them."""
        names = ("clock", "last_ms", "software", "config", "interval_s")
        return {"network": self.network, "clock_good": self.clock} | {name: self.row[name] for name in names}


def missing(wanted: Iterable[Item], outcomes: Mapping[str, str]) -> list[Item]:
    """What keeps a commissioning from its signature: items that are not good and not left out for a reason."""
    return [item for item in wanted if outcomes.get(item.id) not in ("good", "skipped")]


def ruler_outcome(staff_mm: int, value_mm: int) -> Outcome:
    """Whether a gauge says what the staff beside it shows."""
    return "good" if abs(staff_mm - value_mm) <= RULER_MM else "bad"
