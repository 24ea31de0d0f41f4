"""A profile's cameras and vehicles: what is wrong with their files, and what they say. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from contract.strict_toml import Mistake, once_each, unknown
from hub.region import files
from hub.region.model import Camera, Vehicle


def check_cameras(file: files.CamerasFile, region: files.RegionFile) -> Iterator[Mistake]:
    """What is wrong with cameras.toml."""
    yield from once_each("camera", [camera.id for camera in file.camera])
    yield from _check_points("camera", file.camera, region)


def check_vehicles(
    file: files.VehiclesFile, region: files.RegionFile, agencies: files.AgenciesFile
) -> Iterator[Mistake]:
    """What is wrong with vehicles.toml."""
    yield from once_each("vehicle", [vehicle.id for vehicle in file.vehicle])
    known = [agency.id for agency in agencies.agency]
    called: set[str] = set()
    for at, vehicle in enumerate(file.vehicle):
        if vehicle.agency not in known:
            yield unknown("agency", vehicle.agency, known, ("vehicle", at, "agency"))
        if vehicle.call_sign in called:
            yield Mistake(
                f"{vehicle.call_sign!r} is called twice",
                at=("vehicle", at, "call_sign"),
                instead="a call sign that no other answers to",
            )
        called.add(vehicle.call_sign)
    yield from _check_points("vehicle", file.vehicle, region)


def _check_points(
    table: str, entries: Sequence[files.CameraEntry | files.VehicleEntry], region: files.RegionFile
) -> Iterator[Mistake]:
    """The point that tells of each: there, whole, and of one only."""
    gateways = [gateway.id for gateway in region.gateway]
    told: set[tuple[str, str]] = set()
    for at, entry in enumerate(entries):
        if bool(entry.gateway) != (entry.device is not None):
            yield Mistake(
                "a point has a gateway and a device",
                at=(table, at),
                instead="both, or none where nothing tells of it",
            )
        elif entry.gateway and entry.gateway not in gateways:
            yield unknown("gateway", entry.gateway, gateways, (table, at, "gateway"))
        elif entry.device is not None:
            if (entry.gateway, entry.device) in told:
                yield Mistake(
                    f"{entry.device!r} of {entry.gateway} tells of another {table} already",
                    at=(table, at, "device"),
                    instead="a point of its own",
                )
            told.add((entry.gateway, entry.device))


def camera_of(entry: files.CameraEntry) -> Camera:
    """What an entry says."""
    return Camera(
        id=entry.id,
        name=entry.name,
        lat=entry.lat,
        lon=entry.lon,
        shows=entry.shows,
        link=entry.link or "",
        gateway=entry.gateway,
        device=entry.device or "",
    )


def vehicle_of(entry: files.VehicleEntry) -> Vehicle:
    """What an entry says."""
    return Vehicle(
        id=entry.id,
        agency=entry.agency,
        call_sign=entry.call_sign,
        post=entry.post,
        lat=entry.lat,
        lon=entry.lon,
        gateway=entry.gateway,
        device=entry.device or "",
        stale_s=entry.stale_s,
    )
