"""The town of the day: the river posts of a region profile, and as many small gateways beside them as are wanted."""

from __future__ import annotations

from dataclasses import replace

from hub.region import Button, Device, Gateway, Region, Site

BEAT_S = 60.0
INSTRUMENTS = {"meter-1": "pressure_probe", "panel-1": "bed_panel"}
"""What each small gateway reads, by its kind; the rules of the profile look at them too."""


def town(profile: Region, gateways: int) -> Region:
    """The profile with so many more gateways, each at a site of its own with a button and instruments."""
    sites, boards, buttons = dict(profile.sites), {}, dict(profile.buttons)
    devices = list(profile.devices)
    for known in profile.gateways.values():
        boards[known.id] = replace(known, beat_s=BEAT_S)
    for number in range(1, gateways + 1):
        site, board = f"kelurahan-{number:03d}", f"gw-kelurahan-{number:03d}"
        sites[site] = Site(site, f"Kelurahan {number}", "office", -7.3, 108.2)
        boards[board] = Gateway(board, number % 64, site, BEAT_S)
        devices += [Device(board, name, kind, "modbus_tcp") for name, kind in INSTRUMENTS.items()]
        buttons[site] = Button(site, f"Tombol Kelurahan {number}", site, board, "tombol", "loket")
    return replace(profile, sites=sites, gateways=boards, buttons=buttons, devices=tuple(devices))


def small_gateways(region: Region) -> list[Gateway]:
    """Those that were added to the profile, in their order."""
    return [gateway for gateway in region.gateways.values() if gateway.id.startswith("gw-kelurahan-")]
