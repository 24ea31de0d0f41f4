"""The devices of a region, found at once: a city has tens of thousands, and each rule asks for some of them."""

from __future__ import annotations

from collections.abc import Collection

from contract.kinds import KINDS
from hub.region import Device, Region, Station
from hub.rules import files

Place = tuple[str, str]
"""(gateway, device)."""


class Places:
    """A region's devices by place, and by kind and site."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self.devices: dict[Place, Device] = {}
        self._by_kind: dict[str, dict[str, list[Device]]] = {}
        for device in region.devices:
            self.devices[device.gateway, device.device] = device
            sites = self._by_kind.setdefault(device.kind, {})
            sites.setdefault(region.site_of(device.gateway), []).append(device)
        self.stations: dict[Place, Station] = {
            (one.gateway, one.device): one for one in region.stations.values()
        }
        self._beds = {(one.gateway, one.device): one.beds for one in region.wards.values()}
        self._names: dict[Place, str] = {
            **{(one.gateway, one.device): one.name for one in region.buttons.values()},
            **{(one.gateway, one.device): one.name for one in region.wards.values()},
            **{place: one.name for place, one in self.stations.items()},
        }

    def selected(self, entry: files.Selecting) -> list[Device]:
        """The devices that a rule is about."""
        if entry.devices:
            places = (
                (gateway, device) for gateway, _, device in (text.partition("/") for text in entry.devices)
            )
            found = [self.devices[place] for place in dict.fromkeys(places) if place in self.devices]
            return [
                one for one in found if not entry.sites or self.region.site_of(one.gateway) in entry.sites
            ]
        sites = self._by_kind.get(entry.device_kind, {})
        return [device for site in entry.sites or sites for device in sites.get(site, ())]

    def members(self, entry: files.RatioEntry, device: Device) -> Collection[str]:
        """What may be counted of a device: of a ward's panel its beds, else every quantity."""
        beds = self._beds.get((device.gateway, device.device))
        return KINDS[device.kind].quantities if beds is None else beds

    def name(self, place: Place) -> str:
        """What people call a device: the name of its station, ward or button where it has one."""
        return self._names.get(place, place[1])
