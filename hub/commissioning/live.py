"""What the devices of a gateway say now, asked of InfluxDB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contract.kinds import KINDS, Quantity
from hub.series.shared import Queries

LOOK_BACK_MS = 15 * 60_000
"""A device that has not reported for so long has no value now."""

ROUND_MS = 5000
"""Everybody who looks within this time asks the same question."""

QUANTITIES: Mapping[str, Quantity] = {
    name: quantity for kind in KINDS.values() for name, quantity in kind.quantities.items()
}
"""By name: the unit is part of a quantity's name, so two of one name are the same."""


@dataclass(frozen=True, slots=True)
class Value:
    """One quantity of a device; ``value`` is None where it has none, and ``quality`` says why (contract.kinds)."""

    quantity: str
    unit: str
    value: float | None
    quality: int


@dataclass(frozen=True, slots=True)
class Live:
    """What a device said last."""

    t_ms: int
    values: tuple[Value, ...]

    @property
    def as_data(self) -> dict[str, Any]:
        """What the record keeps of it."""
        found: dict[str, Any] = {
            "t_ms": self.t_ms,
            "values": {one.quantity: one.value for one in self.values},
        }
        doubts = {one.quantity: one.quality for one in self.values if one.quality}
        return found | ({"quality": doubts} if doubts else {})


async def lives(series: Queries, gateway: str, now_ms: int) -> dict[str, Live]:
    """The last word of each device of a gateway, by the device's name.

    Raises:
        SeriesError: InfluxDB does not answer.
    """
    tables = ", ".join(f'"{name}"' for name in sorted(KINDS))
    since_ms = (now_ms - LOOK_BACK_MS) // ROUND_MS * ROUND_MS
    rows = await series.query(
        f"SELECT * FROM {tables} WHERE gateway = $gateway AND time >= {since_ms}ms"  # noqa: S608 - names of ours
        " GROUP BY device ORDER BY time DESC LIMIT 1",
        {"gateway": gateway},
    )
    return {row["device"]: Live(row["time"], tuple(_values(row))) for row in rows}


def _values(row: Mapping[str, Any]) -> list[Value]:
    found = []
    for name, quantity in QUANTITIES.items():
        quality = row.get(f"{name}_q") or 0
        value = row.get(name)
        if value is not None or quality:
            found.append(Value(name, quantity.unit, value, int(quality)))
    return found
