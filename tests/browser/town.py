"""The small city that browsers look at: three gateways at a quick beat, each behind a network that can be cut."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from simulator.cli import PROFILE
from simulator.rehearsal import Choice, Rehearsal

RIVER, HOSPITAL, CROSSING = "gw-pos-bendung-hulu", "gw-rsud-contoh", "gw-simpang-tugu"
STATION = "bendung-hulu"
BEAT_S = 1.0
SILENT_S = 3 * BEAT_S
"""A gateway is silent after three missed beats."""


def town(folder: Path) -> Rehearsal:
    """The city, not started yet."""
    profile = folder / "profile"
    shutil.copytree(PROFILE, profile)
    region = profile / "region.toml"
    text = region.read_text(encoding="utf-8")
    region.write_text(text.replace("[[gateway]]", f"[[gateway]]\nbeat_s = {BEAT_S}"), encoding="utf-8")
    choice = Choice(folder, profile, proxied=None, only=frozenset({RIVER, HOSPITAL, CROSSING}))
    return Rehearsal(choice, first=calm)


def calm(city: Rehearsal) -> None:
    """The river far below its first threshold."""
    for station in city.region.stations.values():
        if station.gateway in city.plans:
            level_m = station.thresholds_mm[0] / 1000 * 0.6
            city.show(station.gateway, station.device, {"level_m": level_m, "rain_mm": 0.0})


async def close_all(city: Rehearsal) -> None:
    """End every open incident, so that the next press of any button is a new one."""
    await city.log_in("pengendali")
    incidents = (await city.api.get("/api/incidents?which=open")).raise_for_status().json()["incidents"]
    for one in incidents:
        place = f"/api/incidents/{one['id']}"
        (await city.api.post(f"{place}/acknowledge", json={"note": ""})).raise_for_status()
        now = (await city.api.get(place)).raise_for_status().json()
        body = {"version": now["version"], "note": "uji"}
        (await city.api.post(f"{place}/mark-false", json=body)).raise_for_status()


async def open_incident(city: Rehearsal, user: str) -> str:
    """Id of an incident that is open, once the hub has one."""
    await city.log_in(user)
    async with asyncio.timeout(20):
        while True:
            answer = (await city.api.get("/api/incidents?which=open")).raise_for_status()
            if found := answer.json()["incidents"]:
                return str(found[0]["id"])
            await asyncio.sleep(0.05)


async def press(city: Rehearsal, button: str) -> int:
    """Press a button for a moment; UTC wall clock in ms of the contact."""
    one = city.region.buttons[button]
    return await city.gateways[one.gateway].press(one.device, hold_ms=150)
