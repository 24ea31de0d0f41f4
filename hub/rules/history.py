"""The pass over a gap that has filled: which level changes happened while nobody could see them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from hub.region import Station
from hub.rules.levels import level, possible_mm
from hub.rules.model import Change, Skipped


def changes(
    station: Station, gap: Skipped, points: Iterable[tuple[int, float]], severity: int
) -> list[Change]:
    """The level changes within a gap, marked as history.

    Args:
        points: (time in ms, level in m) of the good values in the gap, ascending in time.
        severity: level of the station when the gap begins.
    """
    found = []
    for t_ms, value_m in points:
        value_mm = possible_mm(station, value_m)
        if value_mm is None or not gap.from_ms <= t_ms <= gap.to_ms:
            continue
        new = level(station.at(t_ms), severity, value_mm)
        if new != severity:
            found.append(
                Change(
                    kind="level",
                    station=station.id,
                    site=station.site,
                    gateway=station.gateway,
                    device=station.device,
                    quantity=station.quantity,
                    epoch=gap.epoch,
                    seq=0,
                    old=severity,
                    new=new,
                    value_mm=value_mm,
                    t_ms=t_ms,
                    age_ms=0,
                    history=True,
                )
            )
        severity = new
    return found
