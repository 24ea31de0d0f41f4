"""The rules of a region: rules.toml read strictly, every name in it known, and its version."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType

from contract.kinds import EVENT_KINDS, KINDS, PANIC_KINDS
from contract.strict_toml import Mistake, TomlError, closest, load, loads, once_each, unknown
from hub.region import Device, Region
from hub.rules import files
from hub.rules.law import COMMON_WORDS, WORDS, words_in
from hub.rules.places import Places

NAME = "rules.toml"

Path_ = tuple[str | int, ...]


@dataclass(frozen=True)
class Book:
    """All rules of a region, checked: every name in them is one of the region.

    Attributes:
        version: twelve hexadecimal digits of the file's digest; the same text has the same version.
        text: the file.
        rules: in the order of the file; a combination after the rules that it names.
    """

    version: str
    text: str
    schedules: Mapping[str, files.ScheduleEntry]
    rules: Mapping[str, files.AnyRule]


EMPTY = Book("", "", MappingProxyType({}), MappingProxyType({}))
"""A profile without rules.toml."""


def read(path: Path, region: Region) -> Book:
    """The rules of a file; a file that is not there has none.

    Raises:
        contract.strict_toml.TomlError: with file, line and what to write instead, for all mistakes of the file.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return EMPTY
    except (OSError, UnicodeDecodeError):
        load(path, files.RulesFile)  # says what is wrong with it
        raise
    return parse(text, region, str(path))


def parse(text: str, region: Region, name: str) -> Book:
    """The rules of a text; ``name`` stands for the file in errors.

    Raises:
        contract.strict_toml.TomlError: as ``read``.
    """
    file = loads(text, files.RulesFile, name, lambda found: _check(found, region))
    rules = {entry.id: entry for entry in file.rule}
    return Book(
        version=hashlib.sha256(text.encode()).hexdigest()[:12],
        text=text,
        schedules=MappingProxyType({entry.id: entry for entry in file.schedule}),
        rules=MappingProxyType({rule: rules[rule] for rule in _in_order(rules)}),
    )


def members(entry: files.RatioEntry, device: Device, places: Places) -> list[str]:
    """The quantities of a device that a ratio counts."""
    known = places.members(entry, device)
    return [name for name in known if any(fnmatchcase(name, pattern) for pattern in entry.quantities)]


def _check(file: files.RulesFile, region: Region) -> Iterator[Mistake]:
    schedules = [entry.id for entry in file.schedule]
    rules = {entry.id: entry for entry in file.rule}
    places = Places(region)
    yield from once_each("schedule", schedules)
    yield from once_each("rule", [entry.id for entry in file.rule])
    for at, schedule in enumerate(file.schedule):
        for mistake in _check_schedule(schedule):
            yield mistake.below(("schedule", at))
    for at, entry in enumerate(file.rule):
        for mistake in _check_rule(entry, places, schedules, rules):
            yield mistake.below(("rule", at))


def _check_schedule(schedule: files.ScheduleEntry) -> Iterator[Mistake]:
    if not schedule.hours and not schedule.season:
        yield Mistake(
            "a schedule without hours never holds",
            at=("hours",),
            instead='hours = [{ days = ["senin"], begins = "07:30", ends = "16:00" }]',
        )
    before: tuple[str, date] | None = None
    for at, season in enumerate(schedule.season):
        if season.last < season.first:
            yield Mistake(
                f"{season.name!r} ends before it begins",
                at=("season", at, "last"),
                instead=f"{season.first} or later",
            )
        elif before is not None and season.first <= before[1]:
            yield Mistake(
                f"{season.name!r} begins before {before[0]!r} has ended",
                at=("season", at, "first"),
                instead="seasons in the order of their dates, none within another",
            )
        before = season.name, season.last


def _check_rule(
    entry: files.AnyRule,
    places: Places,
    schedules: Collection[str],
    rules: Mapping[str, files.AnyRule],
) -> Iterator[Mistake]:
    for key in ("during", "outside"):
        name = getattr(entry, key)
        if name and name not in schedules:
            yield unknown("schedule", name, schedules, (key,))
    yield from _check_reasons(entry)
    if isinstance(entry, files.Selecting):
        yield from _check_selection(entry, places)
    check = _CHECKS.get(type(entry))
    if check is not None:
        yield from check(entry, places, rules)


def _check_reasons(entry: files.AnyRule) -> Iterator[Mistake]:
    known = COMMON_WORDS | WORDS.get(files.kind_of(entry), frozenset())
    for key in ("reason_id", "reason_en"):
        try:
            names = words_in(getattr(entry, key))
        except ValueError:
            yield Mistake("a brace stands alone", at=(key,), instead="{name} for a fact, {{ for a brace")
            continue
        for name in names:
            if name not in known:
                instead = closest(name, known) if name else "{value}, or {{ for a brace"
                yield Mistake(f"there is no fact {name!r}", at=(key,), instead=instead)


def _check_selection(entry: files.Selecting, places: Places) -> Iterator[Mistake]:
    events = isinstance(entry, files.CountEntry) and entry.events
    if bool(entry.devices) == bool(entry.device_kind) and not (events and not entry.devices):
        yield Mistake(
            "one of devices and device_kind must be given",
            instead='device_kind = "river_post", or devices = ["gateway/device"]',
        )
        return
    region = places.region
    strange = [at for at, text in enumerate(entry.devices) if tuple(text.split("/")) not in places.devices]
    for at in strange:
        known = map("/".join, places.devices)
        yield unknown("device", entry.devices[at], known, ("devices", at))
    if entry.device_kind and entry.device_kind not in KINDS:
        yield unknown("device kind", entry.device_kind, KINDS, ("device_kind",))
        return
    for at, site in enumerate(entry.sites):
        if site not in region.sites:
            yield unknown("site", site, region.sites, ("sites", at))
    found = places.selected(entry)
    if not found and all(site in region.sites for site in entry.sites) and not events:
        if not strange:
            yield Mistake(
                "no device of the region is meant", instead="a kind and sites that have such devices"
            )
        return
    quantity = getattr(entry, "quantity", "")
    if quantity:
        for kind in dict.fromkeys(device.kind for device in found):
            if quantity not in KINDS[kind].quantities:
                yield unknown(f"quantity of {kind}", quantity, KINDS[kind].quantities, ("quantity",))


def _check_threshold(entry: files.ThresholdEntry, *_: object) -> Iterator[Mistake]:
    if (entry.above is None) == (entry.below is None):
        yield Mistake("one of above and below must be given", instead="above = 2.0")


def _check_ratio(entry: files.RatioEntry, places: Places, _: object) -> Iterator[Mistake]:
    found = places.selected(entry)
    for at, pattern in enumerate(entry.quantities):
        known = {name for device in found for name in KINDS[device.kind].quantities}
        if known and not any(fnmatchcase(name, pattern) for name in known):
            yield unknown("quantity", pattern, known, ("quantities", at))
    if entry.hysteresis_pct > entry.above_pct:
        yield Mistake(
            "hysteresis_pct is above above_pct, so the alarm would never end",
            at=("hysteresis_pct",),
            instead=f"less than {entry.above_pct:g}, for example 5",
        )


def _check_count(entry: files.CountEntry, *_: object) -> Iterator[Mistake]:
    known = (*PANIC_KINDS, *EVENT_KINDS)
    for at, kind in enumerate(entry.events):
        if kind not in known:
            yield unknown("event kind", kind, known, ("events", at))
    if bool(entry.events) == bool(entry.quantity):
        yield Mistake(
            "one of events and quantity must be given",
            instead='events = ["device_down"], or quantity and above',
        )
    elif bool(entry.quantity) != (entry.above is not None):
        yield Mistake("quantity and above belong together", instead="both, or events alone")


def _check_upstream(entry: files.UpstreamEntry, places: Places, _: object) -> Iterator[Mistake]:
    region = places.region
    for key in ("station", "upstream"):
        name = getattr(entry, key)
        if name not in region.stations:
            yield unknown("station", name, region.stations, (key,))
            return
    below = [one.station for one in region.stations[entry.upstream].downstream]
    if entry.station not in below:
        yield Mistake(
            f"{entry.upstream!r} does not say how long its water takes to {entry.station!r}",
            at=("station",),
            instead=closest(entry.station, below) or "a [[station.downstream]] in region.toml",
        )


def _check_combination(
    entry: files.CombinationEntry, _: Places, rules: Mapping[str, files.AnyRule]
) -> Iterator[Mistake]:
    if not entry.all and not entry.any:
        yield Mistake(
            "a combination of nothing", instead='all = ["…"] or any = ["…"], the ids of other rules'
        )
    for key in ("all", "any", "none"):
        for at, name in enumerate(getattr(entry, key)):
            others = [other for other in rules if other != entry.id]
            if name not in others:
                yield unknown("other rule", name, others, (key, at))
            elif entry.id in _behind(name, rules):
                yield Mistake(
                    f"{name!r} depends on {entry.id!r} in turn", at=(key, at), instead="a rule that does not"
                )


_CHECKS: Mapping[type, Callable[..., Iterator[Mistake]]] = {
    files.ThresholdEntry: _check_threshold,
    files.RatioEntry: _check_ratio,
    files.CountEntry: _check_count,
    files.UpstreamEntry: _check_upstream,
    files.CombinationEntry: _check_combination,
}


def others(entry: files.AnyRule) -> tuple[str, ...]:
    """The rules that a rule looks at."""
    if not isinstance(entry, files.CombinationEntry):
        return ()
    return entry.all + entry.any + entry.none


def _behind(name: str, rules: Mapping[str, files.AnyRule]) -> set[str]:
    """Every rule that a rule depends on, however far; it may be itself."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        entry = rules.get(waiting.pop())
        for other in () if entry is None else others(entry):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found


def _in_order(rules: Mapping[str, files.AnyRule]) -> list[str]:
    """The rules with each combination after those that it names."""
    return sorted(rules, key=lambda name: len(_behind(name, rules)))


__all__ = ["EMPTY", "NAME", "Book", "TomlError", "closest", "members", "others", "parse", "read"]
