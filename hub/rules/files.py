"""The file rules.toml of a profile as strict structures: schedules, and one structure for each kind of rule."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta

from hub.region.files import Id, Section, Text

Priority = Literal["low", "medium", "high", "critical"]
Per = Literal["device", "site", "city"]
Day = Literal["senin", "selasa", "rabu", "kamis", "jumat", "sabtu", "minggu"]
DAYS: tuple[Day, ...] = ("senin", "selasa", "rabu", "kamis", "jumat", "sabtu", "minggu")
"""Monday first, as ``datetime.weekday`` counts."""

Seconds = Annotated[float, Meta(ge=0, le=31 * 86_400, description="seconds, up to 31 days")]
Span = Annotated[float, Meta(gt=0, le=31 * 86_400, description="seconds, above 0 and up to 31 days")]
Share = Annotated[float, Meta(ge=0, le=100, description="percent, 0 to 100")]
Clock = Annotated[
    str,
    Meta(
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z|^24:00\Z", description='a time of day, for example "07:30"'
    ),
]
Sentence = Annotated[str, Meta(min_length=1, max_length=300)]
Link = Annotated[
    str,
    Meta(
        pattern=r"^(https://|/)[^\s]{1,300}\Z",
        description='where it says what to do, "https://…" or a page of the hub, "/…"',
    ),
]
Place = Annotated[str, Meta(pattern=r"^[^/]+/[^/]+\Z", description='"gateway/device"')]


class Hours(Section, frozen=True, kw_only=True):
    """``hours`` of a schedule: what begins on those days, and when it ends; before its beginning is on the next day."""

    days: Annotated[tuple[Day, ...], Meta(min_length=1, max_length=7)]
    begins: Clock
    ends: Clock


class Season(Section, frozen=True, kw_only=True):
    """``[[schedule.season]]``: on these dates, both included, other hours count; none at all where ``hours`` is empty.

    Ramadan and holidays are seasons: their dates move each year, so they are data.
    """

    name: Text
    first: date
    last: date
    hours: tuple[Hours, ...] = ()


class ScheduleEntry(Section, frozen=True, kw_only=True):
    """``[[schedule]]``"""

    id: Id
    hours: tuple[Hours, ...] = ()
    season: tuple[Season, ...] = ()


class RuleEntry(Section, frozen=True, kw_only=True):
    """What every ``[[rule]]`` has. One without ``alarm`` only serves combinations."""

    id: Id
    title_id: Annotated[str, Meta(max_length=120)] = ""
    title_en: Annotated[str, Meta(max_length=120)] = ""
    reason_id: Sentence
    reason_en: Sentence
    advice: Link
    priority: Priority = "medium"
    tell: bool = False
    alarm: bool = True
    during: str = ""
    outside: str = ""
    for_s: Seconds = 0.0
    clear_for_s: Seconds = 0.0
    gap_s: Span = 600.0


class Selecting(RuleEntry, frozen=True, kw_only=True):
    """A rule about devices: those named, or all of a kind, at these sites or at all."""

    devices: tuple[Place, ...] = ()
    device_kind: str = ""
    sites: tuple[str, ...] = ()


class ThresholdEntry(Selecting, frozen=True, kw_only=True, tag_field="kind", tag="threshold"):
    """Begins at ``above`` or over (``below`` or under), ends beyond it by ``hysteresis``."""

    quantity: str
    above: float | None = None
    below: float | None = None
    hysteresis: Annotated[float, Meta(ge=0)] = 0.0


class RiseEntry(Selecting, frozen=True, kw_only=True, tag_field="kind", tag="rise"):
    """Rises by ``per_h`` an hour or more, over ``window_s``; ends below half. ``reaches``: what it heads for."""

    quantity: str
    per_h: Annotated[float, Meta(gt=0)]
    window_s: Annotated[float, Meta(ge=10, le=86_400)] = 1800.0
    reaches: float | None = None


class NoDataEntry(Selecting, frozen=True, kw_only=True, tag_field="kind", tag="no_data"):
    """No good value for ``after_s``; of any quantity where none is named."""

    after_s: Span
    quantity: str = ""


class StuckEntry(Selecting, frozen=True, kw_only=True, tag_field="kind", tag="stuck"):
    """Values come, and for ``after_s`` none differs from the first by more than ``tolerance``."""

    quantity: str
    after_s: Span
    tolerance: Annotated[float, Meta(ge=0)] = 0.0


class RatioEntry(Selecting, frozen=True, kw_only=True, tag_field="kind", tag="ratio"):
    """Of the members known now, ``above_pct`` or more have the value 1 (``is_at`` or more).

    Members are the quantities named (``bed_*`` for all beds of a ward's panel) of the devices, together per device, per
    site, or in the whole city. A member not heard for ``fresh_s`` is unknown; with fewer than ``known_pct`` known,
    nobody knows.
    """

    quantities: Annotated[tuple[str, ...], Meta(min_length=1)]
    above_pct: Share
    hysteresis_pct: Share = 0.0
    is_at: float = 1.0
    per: Per = "device"
    fresh_s: Span = 600.0
    known_pct: Share = 50.0


class CountEntry(Selecting, frozen=True, kw_only=True, tag_field="kind", tag="count"):
    """At least so often within ``window_s``: events of these kinds, or that a quantity came to ``above`` or over."""

    at_least: Annotated[int, Meta(ge=1, le=10_000)]
    window_s: Span
    events: tuple[str, ...] = ()
    quantity: str = ""
    above: float | None = None
    per: Per = "device"


class UpstreamEntry(RuleEntry, frozen=True, kw_only=True, tag_field="kind", tag="upstream"):
    """The water of a station upstream is on its way: warns the station when one above it reaches ``siaga``.

    It stays until that post has left the level for as long as the water takes to come down.
    """

    station: str
    upstream: str
    siaga: Annotated[int, Meta(ge=1, le=3, description="3, 2 or 1; 1 is the worst")] = 3


class CombinationEntry(RuleEntry, frozen=True, kw_only=True, tag_field="kind", tag="combination"):
    """Others at the same device, site, or anywhere in the city: all of ``all``, one of ``any``, none of ``none``."""

    all: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    per: Per = "site"


AnyRule = (
    ThresholdEntry
    | RiseEntry
    | NoDataEntry
    | StuckEntry
    | RatioEntry
    | CountEntry
    | UpstreamEntry
    | CombinationEntry
)


class RulesFile(Section, frozen=True, kw_only=True):
    """rules.toml"""

    schedule: tuple[ScheduleEntry, ...] = ()
    rule: tuple[AnyRule, ...] = ()


def kind_of(entry: RuleEntry) -> str:
    """The word that the file has for the rule's kind."""
    return str(type(entry).__struct_config__.tag)
