"""What dashboards are built from: a city's profile, whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from grafana import theme
from grafana.theme import Theme
from hub.programmes import files as programmes
from hub.programmes.files import Programme
from hub.region import Region, load
from hub.rules import book as books
from hub.rules.book import Book
from hub.rules.files import RatioEntry


@dataclass(frozen=True)
class City:
    """A region with its rules and its looks, as they count at a time."""

    region: Region
    book: Book
    theme: Theme
    at_ms: int
    programmes: Mapping[str, Programme] = field(default_factory=dict)

    @property
    def site_names(self) -> dict[str, str]:
        """By id."""
        return {site.id: site.name for site in self.region.sites.values()}

    @property
    def station_names(self) -> dict[str, str]:
        """By id."""
        return {station.id: station.name for station in self.region.stations.values()}

    @property
    def gateway_names(self) -> dict[str, str]:
        """The name of each gateway's site, by the gateway's id."""
        return {one.id: self.region.sites[one.site].name for one in self.region.gateways.values()}

    @property
    def programme_names(self) -> dict[str, str]:
        """With the unit, by id."""
        return {one.id: f"{one.name} ({one.unit})" for one in self.programmes.values()}

    def share(self, device_kind: str) -> float | None:
        """From which share in per cent on a ratio over devices of a kind raises an alarm."""
        found = (rule for rule in self.book.rules.values() if isinstance(rule, RatioEntry))
        return next((one.above_pct for one in found if one.device_kind == device_kind), None)


def read(profile: Path, at_ms: int) -> City:
    """The city of a profile's folder.

    Raises:
        contract.strict_toml.TomlError: a file of it is wrong.
        grafana.theme.PictureError: a picture of its theme cannot be used.
    """
    region = load(profile)
    book = books.read(profile / books.NAME, region)
    return City(region, book, theme.read(profile), at_ms, programmes.read(profile))
