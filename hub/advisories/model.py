"""An advisory: what another authority says, as it said it, with whose words they are."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import asin, cos, radians, sin, sqrt
from typing import Any, Literal

from hub.errors import HubError

Source = Literal["bmkg_earthquake", "bmkg_nowcast"]

ATTRIBUTION = "Sumber data: BMKG (Badan Meteorologi, Klimatologi, dan Geofisika)"
"""BMKG asks that whoever shows its data names it."""

EARTH_KM = 6371.0


class FeedError(HubError):
    """A feed says something that is not what it should be."""


@dataclass(frozen=True, slots=True)
class Advisory:
    """One warning of another authority.

    Attributes:
        id: as its authority calls it; unique in its source.
        issued_ms, expires_ms: UTC; None where it does not end by itself.
        headline, text: in the words of the authority.
        severity: ``Extreme`` … ``Unknown`` of CAP, or the magnitude of an earthquake.
        area: where, in words.
        lat, lon: degrees; None where it is an area.
        polygons: rings of (lat, lon).
    """

    source: Source
    id: str
    issued_ms: int
    headline: str
    text: str
    severity: str
    area: str
    expires_ms: int | None = None
    lat: float | None = None
    lon: float | None = None
    polygons: tuple[tuple[tuple[float, float], ...], ...] = ()
    link: str = ""

    def as_json(self) -> dict[str, Any]:
        """As the API tells it, with whose words they are."""
        return {**asdict(self), "attribution": ATTRIBUTION}


def distance_km(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Between two places, along the great circle."""
    a, b = radians(lat), radians(other_lat)
    half = sin((b - a) / 2) ** 2 + cos(a) * cos(b) * sin(radians(other_lon - lon) / 2) ** 2
    return 2 * EARTH_KM * asin(sqrt(min(1.0, half)))
