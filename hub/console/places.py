"""What a device is called by people: a button, a river post or a ward by its name, all else by its id. Pure."""

from __future__ import annotations

from hub.region import Region


def site_name(region: Region, site: str) -> str:
    """A site's name; of one that the profile does not know its id."""
    known = region.sites.get(site)
    return site if known is None else known.name


def device_name(region: Region, gateway: str, device: str) -> str:
    """What is at that place of a gateway; empty where it is the gateway itself."""
    if device in ("", gateway):
        return ""
    button = region.button_at(gateway, device)
    if button is not None:
        return button.name
    station = region.station_at(gateway, device)
    if station is not None:
        return station.name
    ward = next(
        (ward for ward in region.wards.values() if (ward.gateway, ward.device) == (gateway, device)), None
    )
    return device if ward is None else ward.name
