"""The beds: free, taken or unknown, by ward and hospital. Pure, but for the one question to InfluxDB."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.city.rivers import is_unheard
from hub.region import Region, Site, Ward
from hub.series.errors import Unavailable
from hub.series.shared import Queries

STALE_S = 300
"""A ward that has not reported for so long has no number of free beds."""

LAST_KNOWN_MS = 24 * 3600 * 1000
"""What a panel said longer ago than this is not shown even as last known."""

AHEAD_MS = 60_000
"""How far the clock of a gateway may be ahead."""


Panels = Mapping[tuple[str, str], Mapping[str, Any]]
"""By (gateway, device): the last row of a bed panel."""


@dataclass(frozen=True, slots=True)
class Bed:
    """A bed. ``taken`` is what its panel said last; None where it did not say or was not heard."""

    name: str
    taken: bool | None


@dataclass(frozen=True, slots=True)
class WardBeds:
    """The beds of a ward.

    A ward that is ``stale`` keeps its last known beds, but no number of free or taken ones: all count as unknown.

    Attributes:
        free, taken, unknown: how many, as of now; together they are all beds.
        t_ms: when its panel said so; None where it was not heard within LAST_KNOWN_MS.
    """

    ward: Ward
    beds: tuple[Bed, ...]
    free: int
    taken: int
    unknown: int
    t_ms: int | None
    age_ms: int | None
    stale: bool


@dataclass(frozen=True, slots=True)
class HospitalBeds:
    """A hospital's wards and what is known of them together."""

    site: Site
    wards: tuple[WardBeds, ...]

    @property
    def total(self) -> int:
        """All beds."""
        return self.free + self.taken + self.unknown

    @property
    def free(self) -> int:
        """Beds that are known to be free."""
        return sum(ward.free for ward in self.wards)

    @property
    def taken(self) -> int:
        """Beds that are known to be taken."""
        return sum(ward.taken for ward in self.wards)

    @property
    def unknown(self) -> int:
        """Beds of which nothing is known now."""
        return sum(ward.unknown for ward in self.wards)

    @property
    def age_ms(self) -> int | None:
        """Age of the oldest word that the numbers rest on; None where they rest on none."""
        return max(
            (ward.age_ms for ward in self.wards if not ward.stale and ward.age_ms is not None), default=None
        )


class PanelWords:
    """What the bed panels said last, asked of InfluxDB and remembered for when it is away.

    Args:
        series: None without InfluxDB; then nothing is ever known.
    """

    def __init__(self, series: Queries | None) -> None:
        self._series = series
        self.remembered: Panels = {}
        """The answer before; its rows grow old like all others."""

    async def ask(self, now_ms: int) -> Panels:
        """The last words of all panels, by one question.

        Raises:
            SeriesError: InfluxDB does not answer.
        """
        if self._series is None:
            raise Unavailable("no InfluxDB is configured", "see [influx] in hub.toml")
        # Whole seconds, so that all who ask within one ask the same.
        now_s = now_ms // 1000
        rows = await self._series.query(
            'SELECT * FROM "bed_panel" '  # noqa: S608, the numbers are ours
            f"WHERE time > {now_s - LAST_KNOWN_MS // 1000}s AND time <= {now_s + AHEAD_MS // 1000}s "
            'GROUP BY "gateway", "device" ORDER BY time DESC LIMIT 1'
        )
        self.remembered = {(row["gateway"], row["device"]): row for row in rows}
        return self.remembered


def wards(region: Region, panels: Panels, unheard: Collection[str], now_ms: int) -> list[WardBeds]:
    """Every ward of the region, in the profile's order.

    Args:
        unheard: ids of gateways, and ``gateway/device``, that are not heard now.
    """
    return [
        _ward(ward, panels.get((ward.gateway, ward.device)), unheard, now_ms)
        for ward in region.wards.values()
    ]


def hospitals(region: Region, found: Iterable[WardBeds]) -> list[HospitalBeds]:
    """Wards by hospital, in the profile's order."""
    by_site: dict[str, list[WardBeds]] = {}
    for ward in found:
        by_site.setdefault(ward.ward.site, []).append(ward)
    return [HospitalBeds(region.sites[site], tuple(of_site)) for site, of_site in by_site.items()]


def as_json(beds: WardBeds) -> dict[str, Any]:
    """A ward as the API tells it: a stale one has no number of free or taken beds."""
    return {
        "id": beds.ward.id,
        "name": beds.ward.name,
        "site": beds.ward.site,
        "bed_class": beds.ward.bed_class,
        "beds": [{"name": bed.name, "taken": bed.taken} for bed in beds.beds],
        "total": len(beds.beds),
        "free": None if beds.stale else beds.free,
        "taken": None if beds.stale else beds.taken,
        "unknown": beds.unknown,
        "t_ms": beds.t_ms,
        "age_ms": beds.age_ms,
        "stale": beds.stale,
    }


def _ward(ward: Ward, last: Mapping[str, Any] | None, unheard: Collection[str], now_ms: int) -> WardBeds:
    age_ms = None if last is None else max(0, now_ms - last["time"])
    stale = (
        age_ms is None or age_ms > STALE_S * 1000 or is_unheard(unheard, ward.gateway, ward.device, age_ms)
    )
    beds = tuple(Bed(name, _taken(last, column)) for column, name in ward.beds.items())
    counted: Sequence[Bed] = () if stale else beds
    free = sum(bed.taken is False for bed in counted)
    taken = sum(bed.taken is True for bed in counted)
    return WardBeds(
        ward=ward,
        beds=beds,
        free=free,
        taken=taken,
        unknown=len(beds) - free - taken,
        t_ms=None if last is None else last["time"],
        age_ms=age_ms,
        stale=stale,
    )


def _taken(last: Mapping[str, Any] | None, column: str) -> bool | None:
    value = None if last is None else last.get(column)
    return bool(value) if value in (0, 1) else None
