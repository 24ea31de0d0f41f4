"""Makes the judges of a book: each rule at each place. Pure; what did not change comes from the rules before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from contract.kinds import KINDS
from hub.region import Device, Region
from hub.rules import files
from hub.rules.book import Book, members, others
from hub.rules.hours import Calendar
from hub.rules.kinds import (
    Combination,
    Count,
    Limits,
    NoData,
    Ratio,
    Reading,
    Rise,
    Stuck,
    Threshold,
    Upstream,
)
from hub.rules.law import Judge, Law
from hub.rules.places import Place, Places
from hub.rules.verdict import Subject

Placed = tuple[Judge, tuple[Place, ...]]
"""A judge and the devices whose samples it looks at."""


@dataclass
class Built:
    """The judges of a book.

    Attributes:
        placed: the judges of each rule with their devices.
        judges: the same by what they are about.
        by_device: the judges that look at a device.
        by_event: the judges that count a kind of event, of each rule, by device.
        dependents: the combinations that look at a rule.
    """

    book: Book
    region: Region
    places: Places
    laws: dict[str, Law] = field(default_factory=dict)
    placed: dict[str, list[Placed]] = field(default_factory=dict)
    judges: dict[str, dict[Subject, Judge]] = field(default_factory=dict)
    by_device: dict[Place, list[Judge]] = field(default_factory=dict)
    by_event: dict[str, list[dict[Place, Count]]] = field(default_factory=dict)
    dependents: dict[str, list[Law]] = field(default_factory=dict)


def build(book: Book, region: Region, before: Built | None = None) -> Built:
    """The judges of a book. Rules that are as they were keep theirs, with all that they remember."""
    places = before.places if before is not None and before.region is region else Places(region)
    built = Built(book, region, places)
    for name, entry in book.rules.items():
        if before is not None and _is_same(name, book, region, before):
            built.laws[name] = before.laws[name]
            built.placed[name] = before.placed[name]
            built.judges[name] = before.judges[name]
        else:
            law = built.laws[name] = _law(entry, book, places)
            placed = built.placed[name] = list(_place(law, entry, built))
            built.judges[name] = {judge.subject: judge for judge, _ in placed}
        _index(entry, built)
    return built


def group(subject: Subject, per: files.Per) -> Subject:
    """What a place belongs to: its device, its site, or the city."""
    if per == "city":
        return Subject()
    return Subject(subject.site) if per == "site" else subject._replace(point="")


def _is_same(name: str, book: Book, region: Region, before: Built) -> bool:
    entry = book.rules[name]
    if before.book.rules.get(name) != entry or (before.region is not region and before.region != region):
        return False
    if any(not _is_same(other, book, region, before) for other in others(entry)):
        return False
    schedules = [key for key in (entry.during, entry.outside) if key]
    return all(book.schedules[key] == before.book.schedules.get(key) for key in schedules)


def _law(entry: files.AnyRule, book: Book, places: Places) -> Law:
    def calendar(name: str) -> Calendar | None:
        return Calendar(book.schedules[name], places.region.zone) if name else None

    return Law(
        entry,
        places,
        version=book.version,
        during=calendar(entry.during),
        outside=calendar(entry.outside),
    )


def _index(entry: files.AnyRule, built: Built) -> None:
    placed = built.placed[entry.id]
    if isinstance(entry, files.CountEntry) and entry.events:
        counted = {place: judge for judge, places in placed if isinstance(judge, Count) for place in places}
        for kind in entry.events:
            built.by_event.setdefault(kind, []).append(counted)
        return
    for judge, places in placed:
        for place in places:
            built.by_device.setdefault(place, []).append(judge)
    for other in set(others(entry)):
        built.dependents.setdefault(other, []).append(built.laws[entry.id])


def _place(law: Law, entry: files.AnyRule, built: Built) -> Iterator[Placed]:
    if isinstance(entry, files.CombinationEntry):
        yield from _combinations(law, entry, built)
    elif isinstance(entry, files.UpstreamEntry):
        yield _upstream(law, entry)
    elif isinstance(entry, files.RatioEntry):
        yield from _ratios(law, entry)
    elif isinstance(entry, files.CountEntry):
        yield from _counts(law, entry)
    else:
        yield from _points(law, entry)


_Point = files.ThresholdEntry | files.RiseEntry | files.NoDataEntry | files.StuckEntry


def _points(law: Law, entry: _Point) -> Iterator[Placed]:
    """Rules that look at one device at a time."""
    limits = None
    if isinstance(entry, files.ThresholdEntry):
        limits = Limits(entry.above, entry.below, entry.hysteresis)
    readings: dict[str, tuple[Reading, ...]] = {}
    for device in law.places.selected(entry):
        if device.kind not in readings:
            names = [entry.quantity] if entry.quantity else KINDS[device.kind].quantities
            readings[device.kind] = tuple(Reading(device.kind, name) for name in names)
        place = device.gateway, device.device
        subject, found = _subject(law, device, entry.quantity), readings[device.kind]
        judge: Judge
        if limits is not None:
            judge = Threshold(law, subject, found[0], limits)
        elif isinstance(entry, files.NoDataEntry):
            judge = NoData(law, subject, found)
        elif isinstance(entry, files.StuckEntry):
            judge = Stuck(law, subject, found[0])
        else:
            station = law.places.stations.get(place)
            same = station is not None and station.quantity == entry.quantity
            judge = Rise(law, subject, found[0], station if same else None)
        yield judge, (place,)


def _ratios(law: Law, entry: files.RatioEntry) -> Iterator[Placed]:
    groups: dict[Subject, dict[Place, tuple[Reading, ...]]] = {}
    for device in law.places.selected(entry):
        names = members(entry, device, law.places)
        if names:
            readings = tuple(Reading(device.kind, name) for name in names)
            about = group(_subject(law, device), entry.per)
            groups.setdefault(about, {})[device.gateway, device.device] = readings
    limits = Limits(entry.above_pct, None, entry.hysteresis_pct)
    for subject, found in groups.items():
        yield Ratio(law, subject, found, limits), tuple(found)


def _counts(law: Law, entry: files.CountEntry) -> Iterator[Placed]:
    """Events that are of no device are of their gateway, and have its name where a device's would be."""
    region = law.places.region
    chosen = bool(entry.devices or entry.device_kind)
    if chosen:
        found = [(device, _subject(law, device, entry.quantity)) for device in law.places.selected(entry)]
        kinds = {(device.gateway, device.device): (device.kind, about) for device, about in found}
    else:
        everywhere = [(device.gateway, device.device) for device in region.devices]
        everywhere += [(gateway, gateway) for gateway in region.gateways]
        kinds = {
            (gateway, device): ("", Subject(region.site_of(gateway), gateway, device))
            for gateway, device in everywhere
            if not entry.sites or region.site_of(gateway) in entry.sites
        }
    groups: dict[Subject, dict[Place, Reading | None]] = {}
    for place, (kind, about) in kinds.items():
        subject = about if entry.per == "device" else group(about, entry.per)
        groups.setdefault(subject, {})[place] = Reading(kind, entry.quantity) if entry.quantity else None
    limits = None if entry.above is None else Limits(entry.above, None, 0.0)
    for subject, readings in groups.items():
        yield Count(law, subject, readings, limits), tuple(readings)


def _upstream(law: Law, entry: files.UpstreamEntry) -> Placed:
    above, warned = law.places.region.stations[entry.upstream], law.places.region.stations[entry.station]
    below = next(one for one in above.downstream if one.station == entry.station)
    law.clear_for_ms = max(law.clear_for_ms, round(below.most_s * 1000))
    subject = Subject(warned.site, warned.gateway, warned.device, warned.quantity)
    return Upstream(law, subject, above, below), ((above.gateway, above.device),)


def _combinations(law: Law, entry: files.CombinationEntry, built: Built) -> Iterator[Placed]:
    for subject in dict.fromkeys(
        group(about, entry.per) for other in others(entry) for about in built.judges[other]
    ):
        yield Combination(law, subject), ()


def _subject(law: Law, device: Device, point: str = "") -> Subject:
    return Subject(law.places.region.site_of(device.gateway), device.gateway, device.device, point)
