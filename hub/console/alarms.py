"""Alarms in words, and the lines of their list: one each, or drawn together in a flood. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contract.kinds import KINDS
from hub.alarms.conditions import cause, is_press
from hub.alarms.flood import Group, collapse
from hub.alarms.machine import State, is_withheld
from hub.console import words
from hub.console.places import device_name, site_name
from hub.region import Region, Station

SOUNDS_IN_FLOOD = 1
"""In a flood only alarms of this priority, and presses, sound; all are in the list."""

LONG = 40
"""A longer list is drawn together too: what nobody has seen must not stand below 200 lines that somebody has."""

Said = str | Mapping[str, str]
"""A message id, or a text in both languages."""


@dataclass(frozen=True, slots=True)
class AlarmLine:
    """An alarm in words.

    Attributes:
        priority: 1 (critical) .. 4 (low); that of its incident where it has one.
        what: message id, or a rule's own title in both languages.
        incident: id of the open incident that it belongs to.
        withheld: whether it is kept from ringing, and then by whom, until when and why.
        may_withhold: False for a press.
    """

    id: int
    priority: int
    state: State
    site: str
    cause: str
    what: Said
    place: str
    device: str
    level: str
    reason: Said
    incident: str
    raised_ms: int
    acknowledged_by: str
    count: int
    cleared_ms: int | None = None
    withheld_by: str = ""
    withheld_until_ms: int | None = None
    withheld_note: str = ""
    may_withhold: bool = True

    @property
    def withheld(self) -> bool:
        """Whether it is kept from ringing."""
        return is_withheld(self.state)

    @property
    def sounds_in_flood(self) -> bool:
        """Whether it sounds also in a flood: what is critical, and a press that nobody has verified."""
        return self.priority <= SOUNDS_IN_FLOOD or not self.may_withhold

    @property
    def waits(self) -> bool:
        """Whether it waits for somebody to look."""
        return self.state in ("unacknowledged", "returned")


@dataclass(frozen=True, slots=True)
class Lines:
    """One entry of the list: an alarm, or several of a cause or of a site.

    Attributes:
        what: message id or title of the cause; empty where they have only the site in common.
        place: name of the site; empty where there are several.
    """

    key: str
    what: Said
    place: str
    sites: int
    lines: tuple[AlarmLine, ...]

    @property
    def priority(self) -> int:
        """Of the worst."""
        return min(line.priority for line in self.lines)

    @property
    def waiting(self) -> list[int]:
        """Ids of those that wait for somebody to look."""
        return [line.id for line in self.lines if line.waits]


def alarm_lines(
    region: Region, rows: Iterable[Mapping[str, Any]], incidents: Iterable[Mapping[str, Any]] = ()
) -> list[AlarmLine]:
    """Alarms in words: the worst first; of one priority presses, then those that nobody has seen.

    Args:
        incidents: open ones; an alarm of one of them has its priority, so that a press has one on all pages.
    """
    priorities = {row["id"]: row["priority"] for row in incidents}
    lines = [line(region, row, priorities) for row in rows]
    return sorted(
        lines,
        key=lambda one: (
            one.priority,
            one.may_withhold,
            one.state == "acknowledged",
            -one.raised_ms,
            one.id,
        ),
    )


def by_priority(lines: Iterable[AlarmLine]) -> list[tuple[int, int]]:
    """How many alarms of each priority that there are any of, the worst first."""
    return sorted(Counter(one.priority for one in lines).items())


def entries(lines: Sequence[AlarmLine], *, in_flood: bool) -> list[Lines]:
    """The list: each alarm by itself, or drawn together in a flood and where it is longer than anybody reads."""
    return drawn_together(lines) if in_flood or len(lines) > LONG else singly(lines)


def singly(lines: Iterable[AlarmLine]) -> list[Lines]:
    """A list of one alarm a line."""
    return [Lines(f"alarm-{one.id}", one.what, one.place, 1, (one,)) for one in lines]


def drawn_together(lines: Sequence[AlarmLine]) -> list[Lines]:
    """The list as a flood wants it."""
    by_id = {one.id: one for one in lines}
    groups = collapse(
        {
            "id": one.id,
            "site": one.site,
            "condition": one.cause,
            "severity": 4 - one.priority,
        }
        for one in lines
    )
    return [_drawn(group, tuple(by_id[row["id"]] for row in group.rows)) for group in groups]


def of_filter(
    lines: Iterable[AlarmLine], *, priority: int | None = None, site: str = "", state: str = ""
) -> list[AlarmLine]:
    """Those alarms alone."""
    return [
        one
        for one in lines
        if (priority is None or one.priority == priority)
        and (not site or one.site == site)
        and (not state or one.state == state)
    ]


def what_of(condition: str, detail: Mapping[str, Any]) -> Said:
    """What an alarm is about: the title of its rule, else the words of its cause."""
    rule = detail.get("rule")
    title = rule.get("title") if isinstance(rule, Mapping) else None
    if isinstance(title, Mapping) and {"id", "en"} <= set(title):
        return {language: str(text) for language, text in title.items()}
    return cause_of(condition)


def cause_of(condition: str) -> str:
    """Message id of the sort of a condition."""
    sort = cause(condition)
    return words.CONDITIONS.get(sort) or words.RULE_KINDS.get(sort, condition)


def line(region: Region, row: Mapping[str, Any], priorities: Mapping[str, int]) -> AlarmLine:
    """One alarm in words."""
    detail = row["detail"] if isinstance(row["detail"], Mapping) else {}
    station = region.stations.get(str(detail.get("station", "")))
    severity = int(row["severity"])
    incident = str(detail.get("incident") or "")
    is_level = row["condition"] == "level" and station is not None
    place, device = site_name(region, row["site"]), device_name(region, row["gateway"], row["device"])
    return AlarmLine(
        id=row["id"],
        priority=priorities.get(incident, 4 - severity),
        state=row["state"],
        site=row["site"],
        cause=cause(row["condition"]),
        what=what_of(row["condition"], detail),
        place=place,
        device="" if device in place else device,
        level=station.labels[severity] if is_level and station is not None else "",
        reason=reason_of(detail),
        incident=incident,
        raised_ms=row["raised_ms"],
        acknowledged_by=row["acknowledged_by"] or "",
        count=row["count"],
        cleared_ms=row["cleared_ms"],
        withheld_by=row["withheld_by"] or "",
        withheld_until_ms=row["withheld_until_ms"],
        withheld_note=row["withheld_note"] or "",
        may_withhold=not is_press(row["condition"]),
    )


@dataclass(frozen=True, slots=True)
class Point:
    """A quantity that an alarm is about, for its plot."""

    gateway: str
    device: str
    kind: str
    quantity: str
    unit: str
    stale_s: float = 300.0


def point_of(region: Region, row: Mapping[str, Any]) -> Point | None:
    """The quantity of an alarm that is no river post's; None where it is about none that the region has."""
    kinds = (
        one.kind for one in region.devices if (one.gateway, one.device) == (row["gateway"], row["device"])
    )
    kind = next((kind for kind in kinds if row["point"] in KINDS[kind].quantities), None)
    if kind is None:
        return None
    quantity = KINDS[kind].quantities[row["point"]]
    return Point(row["gateway"], row["device"], kind, row["point"], quantity.unit)


def plot(point: Point, row: Mapping[str, Any]) -> dict[str, Any]:
    """What the plot of a quantity must know beside its points: the limit, where the rule tells it."""
    limit = _number(row["detail"].get("limit"))
    line = {"m": limit, "label": "", "siaga": 4 - int(row["severity"])}
    return {"thresholds": [] if limit is None else [line], "labels": [], "unit": point.unit}


@dataclass(frozen=True, slots=True)
class Why:
    """Why an alarm rang, as its rule and its values say; what is not known is None or empty.

    Attributes:
        cause: message id of what kind of condition it is.
        rule: id and version of the rule.
        value, limit: of the quantity, with its unit.
        rate_m_h: how fast the water rises.
        next: what is the next worse level, and when it is reached if it goes on so.
        advice: where it says what to do.
        facts: what else is known, name by name.
    """

    cause: str
    rule: str
    reason: Said
    value: float | None
    limit: float | None
    unit: str
    rate_m_h: float | None
    next: Said
    next_ms: int | None
    advice: str
    facts: Mapping[str, str]


_SHOWN = frozenset(
    {"rule", "reason", "value", "value_mm", "limit", "unit", "rate_mm_h", "next", "next_ms", "advice", "text"}
    | {"station", "kind", "old", "new", "t_ms", "incident"}
)
"""What of a detail has its own place on the page."""


def why(condition: str, detail: Mapping[str, Any], station: Station | None) -> Why:
    """What is known of the reason of an alarm."""
    rule = detail.get("rule") if isinstance(detail.get("rule"), Mapping) else {}
    assert isinstance(rule, Mapping)
    severity = int(detail.get("new") or 0)
    is_level = station is not None and condition == "level" and 0 < severity <= len(station.thresholds_mm)
    rate = detail.get("rate_mm_h")
    following: Said = str(detail.get("next") or "")
    if isinstance(detail.get("next"), Mapping):
        following = {language: str(text) for language, text in detail["next"].items()}
    if station is not None and condition == "level" and severity + 1 < len(station.labels):
        following = station.labels[severity + 1]
    return Why(
        cause=cause_of(condition),
        rule=" ".join(str(rule[key]) for key in ("id", "version") if rule.get(key)),
        reason=reason_of(detail),
        value=_metres(detail.get("value_mm")) if station is not None else _number(detail.get("value")),
        limit=station.thresholds_mm[severity - 1] / 1000
        if is_level and station is not None
        else _number(detail.get("limit")),
        unit="m" if station is not None else str(detail.get("unit") or ""),
        rate_m_h=_metres(rate),
        next=following,
        next_ms=detail.get("next_ms"),
        advice=str(rule.get("advice") or ""),
        facts={
            name: str(value)
            for name, value in detail.items()
            if name not in _SHOWN and isinstance(value, str | int | float) and not isinstance(value, bool)
        },
    )


def _metres(mm: Any) -> float | None:
    return mm / 1000 if isinstance(mm, int) else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def reason_of(detail: Mapping[str, Any]) -> Said:
    """Why it rang, as its rule or its gateway said it."""
    rule = detail.get("rule")
    reason = rule.get("reason") if isinstance(rule, Mapping) else None
    if isinstance(reason, Mapping) and {"id", "en"} <= set(reason):
        return {language: str(text) for language, text in reason.items()}
    return str(detail.get("text") or "")


def _drawn(group: Group, lines: tuple[AlarmLine, ...]) -> Lines:
    if len(lines) == 1:
        return singly(lines)[0]
    what: Said = lines[0].what if group.cause else ""
    if any(one.what != what for one in lines):
        what = cause_of(group.cause)
    key = f"group-{group.cause}-{group.site}"
    return Lines(key, what, lines[0].place if group.sites == 1 else "", group.sites, lines)
