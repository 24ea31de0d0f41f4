"""What is said of each gateway: its state in a plain word, what is amiss, and a bar that adds up. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from contract.kinds import TIME_GOOD_MS
from hub.console.language import marked as _
from hub.region import Region, Site

State = Literal["silent", "unheard", "online"]

HOT_C = 80
"""From here on a board slows itself down."""

CARD_LOW_BYTES = 200_000_000
"""A card with less free space than this will be full one day."""

WAITING_LONG_MS = 5 * 60 * 1000
"""A record that has waited on its gateway for so long is said."""

PARTS = ("committed", "on_way", "refused", "lost")
"""What becomes of accepted records, in the order of the bar."""

LEAST_SHARE = 0.015
"""A part that is not empty is at least this much of the bar: three lost records of a million must be seen."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about a gateway that is not as it should be.

    Attributes:
        priority: 1 (critical) .. 4 (low), as alarms have it.
        text: message id with the names of ``values``.
    """

    priority: int
    text: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar of 1000 units."""

    part: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Line:
    """Records in numbers: what was accepted is committed, on its way, refused or lost."""

    accepted: int
    committed: int
    on_way: int
    refused: int
    lost: int

    @property
    def difference(self) -> int:
        """Accepted less all parts; not 0 where the ledger is wrong."""
        return self.accepted - self.committed - self.on_way - self.refused - self.lost

    @property
    def bar(self) -> list[Segment]:
        """The parts side by side, over the whole width."""
        numbers = {part: getattr(self, part) for part in PARTS if getattr(self, part) > 0}
        whole = sum(numbers.values())
        shares = {part: max(number / whole, LEAST_SHARE) for part, number in numbers.items()}
        unit = 1000 / sum(shares.values()) if shares else 0.0
        found, x = [], 0.0
        for part, share in shares.items():
            found.append(Segment(part, round(x, 1), round(share * unit, 1)))
            x += share * unit
        return found


@dataclass(frozen=True, slots=True)
class Shown:
    """A gateway as its pages show it; ``row`` is what the hub has of it (``hub.fleet.gateways.overview``)."""

    row: Mapping[str, Any]
    site: Site
    state: State
    remarks: tuple[Remark, ...]
    line: Line

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.row["gateway"])

    @property
    def stale_s(self) -> float:
        """From which age on its last word is stale: three beats."""
        return 3 * float(self.row["interval_s"])

    @property
    def waiting_ms(self) -> int | None:
        """Age of the oldest record that it has not delivered, as of its last beat; None where all is."""
        ages = self.row["health"].get("oldest_age_ms", {})
        return max((age for age in ages.values() if age is not None), default=None)


def shown(region: Region, rows: Iterable[Mapping[str, Any]]) -> list[Shown]:
    """Every gateway, silent ones first, then those with the worst remark, then by name."""
    found = [_shown(region, row) for row in rows]
    return sorted(found, key=lambda one: (_ORDER[one.state], _worst(one), one.id))


def total(lines: Iterable[Line]) -> Line:
    """Several lines in one."""
    found = list(lines)
    return Line(**{part: sum(getattr(line, part) for line in found) for part in ("accepted", *PARTS)})


def lanes(row: Mapping[str, Any]) -> dict[str, Line]:
    """The line of each lane, panics first."""
    found: Mapping[str, Mapping[str, int]] = row["lanes"]
    return {lane: Line(**found[lane]) for lane in ("panic", "event", "telemetry") if lane in found}


_ORDER = {"silent": 0, "online": 1, "unheard": 2}


def _worst(one: Shown) -> int:
    return min((remark.priority for remark in one.remarks), default=9)


def _shown(region: Region, row: Mapping[str, Any]) -> Shown:
    state: State = "silent" if row["silent"] else "online" if row["heard"] else "unheard"
    return Shown(
        row=row,
        site=region.sites[row["site"]],
        state=state,
        remarks=tuple(sorted(_remarks(row, state), key=lambda remark: remark.priority)),
        line=Line(**{part: row[part] for part in ("accepted", *PARTS)}),
    )


def _remarks(row: Mapping[str, Any], state: State) -> Iterable[Remark]:
    """What is amiss, as far as its last beat and the ledger tell."""
    if row["revoked"]:
        yield Remark(2, _("trusted no more: nothing of it is taken"), {})
    if row["over_quota"]:
        untaken = sum(flood["refused"] for flood in row["over_quota"])
        yield Remark(2, _("sends too much: %(number)s messages not taken"), {"number": untaken})
    panics = row["lanes"].get("panic", {})
    if panics.get("lost"):
        yield Remark(1, _("%(number)s presses lost"), {"number": panics["lost"]})
    if row["lost"] - panics.get("lost", 0):
        yield Remark(3, _("%(number)s records lost"), {"number": row["lost"] - panics.get("lost", 0)})
    if row["refused"]:
        yield Remark(4, _("%(number)s records refused"), {"number": row["refused"]})
    if state != "online":
        return
    health = row["health"]
    if health.get("devices_down"):
        yield Remark(3, _("no answer from %(devices)s"), {"devices": ", ".join(health["devices_down"])})
    if row["clock"] == "none":
        yield Remark(3, _("has no time"), {})
    elif (health.get("time_error_ms") or 0) > TIME_GOOD_MS:
        yield Remark(4, _("time uncertain by %(error)s s"), {"error": round(health["time_error_ms"] / 1000)})
    if health.get("under_voltage"):
        yield Remark(3, _("power is too weak"), {})
    if (health.get("cpu_c") or 0) >= HOT_C:
        yield Remark(4, _("board is hot: %(degrees)s °C"), {"degrees": round(health["cpu_c"])})
    free = health.get("disk_free_bytes")
    if free is not None and free < CARD_LOW_BYTES:
        yield Remark(3, _("card is nearly full"), {})
    if health.get("undecodable"):
        yield Remark(3, _("%(number)s frames that this hub cannot read"), {"number": health["undecodable"]})
