"""The rules engine: pure, in memory, one per hub. Samples in, changes out."""

from __future__ import annotations

from collections.abc import Iterable

from hub.region import Region, Station
from hub.rules.model import Change, Sample, Skipped, StationState


class Engine:
    """Judges each live sample of a river post once, in the order of its records.

    Not thread-safe: it lives on the hub's event loop.
    """

    def __init__(self, stations: Iterable[Station]) -> None:
        raise NotImplementedError

    def judge(self, sample: Sample, now_ms: int) -> list[Change]:
        """What the sample changes; empty for most. Devices that are no station cost one look-up."""
        raise NotImplementedError

    def watches(self, gateway: str, device: str) -> bool:
        """Whether samples of that device are judged at all (so that others need not be built)."""
        raise NotImplementedError

    def restore(self, states: Iterable[StationState]) -> None:
        """Take up the states that were stored, at hub start. Unknown stations are left out."""
        raise NotImplementedError

    def states(self) -> list[StationState]:
        """The state of every station that has been judged, to be stored and to be shown."""
        raise NotImplementedError

    def filled(self, gateway: str, epoch: str, floor: int) -> list[Skipped]:
        """Gaps that are filled now that the gateway's telemetry floor is there; each is returned once."""
        raise NotImplementedError


def for_region(region: Region) -> Engine:
    """The engine of a region."""
    return Engine(region.stations.values())
