"""What a duty desk reads about a river: Bahasa Indonesia first, English second. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hub.region import Region, Station
from hub.rules.model import Change


def title(station: Station, change: Change) -> str:
    """One line: the level that is now, where, and how high the water stands."""
    return (
        f"{station.labels[change.new].upper()}: {station.name}, {station.river}, {_metres(change.value_mm)} m"
    )


def text(region: Region, station: Station, change: Change) -> str:
    """The whole message, with what is to be expected next here and further down."""
    old, new = station.labels[change.old], station.labels[change.new]
    value, at = _metres(change.value_mm), _local(region, change.t_ms)
    indonesian = [
        f"Tinggi muka air {station.name} ({station.river}) {value} m pada {at}. Naik dari {old} ke {new}."
    ]
    english = [f"Water level at {station.name} ({station.river}) {value} m at {at}. Up from {old} to {new}."]
    if change.rate_mm_h is not None:
        rate = _metres(change.rate_mm_h)
        indonesian.append(f"Laju {rate} m/jam.")
        english.append(f"Rate {rate} m/h.")
    if change.next_ms is not None:
        worse, when = station.labels[change.new + 1], _local(region, change.next_ms)
        indonesian.append(f"Perkiraan {worse} pada {when}.")
        english.append(f"{worse} is projected for {when}.")
    for below in station.downstream:
        name = region.stations[below.station].name
        least = _local(region, change.t_ms + int(below.least_s * 1000))
        most = _local(region, change.t_ms + int(below.most_s * 1000))
        indonesian.append(f"Perkiraan tiba di {name}: {least} s.d. {most}.")
        english.append(f"Expected at {name}: {least} to {most}.")
    return " ".join(indonesian) + "\n" + " ".join(english)


def _metres(mm: int) -> str:
    return f"{mm / 1000:.2f}"


def _local(region: Region, t_ms: int) -> str:
    moment = datetime.fromtimestamp(t_ms / 1000, UTC).astimezone(ZoneInfo(region.zone))
    return f"{moment:%d-%m-%Y %H:%M} {region.zone_label}"
