"""The smallest city: three sites, each with a gateway, a river and two panic buttons."""

from __future__ import annotations

from dataclasses import dataclass

from hub.region import Agency, Button, Channel, Gateway, Region, Site, Station

THRESHOLDS_MM = (2000, 2500, 3000)


@dataclass(frozen=True)
class Place:
    """A site of the world's city and its gateway."""

    site: str
    gateway: str
    cell: int


SITES = (
    Place("pos-hulu", "gw-hulu", 0),
    Place("pos-tengah", "gw-tengah", 7),
    Place("pos-hilir", "gw-hilir", 63),
)


def region() -> Region:
    """The region profile of the world's city."""
    desk = Agency(
        id="duty",
        name="Meja jaga",
        short="Jaga",
        channels=(Channel(id="desk", kind="webhook", name="Meja jaga"),),
    )
    return Region(
        id="world",
        name="Kota Dunia",
        zone="Asia/Jakarta",
        zone_label="WIB",
        sites={
            place.site: Site(id=place.site, name=place.site, kind="river_post", lat=-6.2, lon=106.8)
            for place in SITES
        },
        gateways={
            place.gateway: Gateway(id=place.gateway, cell=place.cell, site=place.site) for place in SITES
        },
        stations={place.gateway: _station(place) for place in SITES},
        buttons={
            f"{place.gateway}-{device}": _button(place, device)
            for place in SITES
            for device in ("button-1", "button-2")
        },
        wards={},
        agencies={desk.id: desk},
        duty_desk=desk,
        devices=(),
    )


def _station(place: Place) -> Station:
    return Station(
        id=place.gateway,
        name=place.site,
        river="Kali Dunia",
        site=place.site,
        gateway=place.gateway,
        device="river",
        kind="river_post",
        quantity="level_m",
        thresholds_mm=THRESHOLDS_MM,
        hysteresis_mm=50,
        labels=("Siaga 4", "Siaga 3", "Siaga 2", "Siaga 1"),
    )


def _button(place: Place, device: str) -> Button:
    return Button(
        id=f"{place.gateway}-{device}",
        name=f"Tombol {device}",
        site=place.site,
        gateway=place.gateway,
        device=device,
        location="lobi",
    )
