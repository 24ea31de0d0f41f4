"""What happened in the last hour, in words: records of gateways, changes of rivers, silences. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from contract.kinds import TIME_GOOD_MS
from hub.console import words
from hub.console.language import marked as _
from hub.console.places import device_name, site_name
from hub.region import Region

About = Literal["panic", "river", "bed", "equipment", "other"]

ABOUT: Mapping[About, str] = {
    "panic": _("Buttons"),
    "river": _("Rivers"),
    "bed": _("Beds"),
    "equipment": _("Equipment"),
    "other": _("Other"),
}
"""What one can look at alone."""

_ABOUT_KIND: Mapping[str, About] = {
    "panic_press": "panic",
    "panic_release": "panic",
    "panic_test": "panic",
    "panic_fault": "panic",
    "panic_line_whole": "panic",
    "camera_snapshot": "panic",
    "nurse_call": "bed",
    "bed_edge": "bed",
    "device_down": "equipment",
    "device_up": "equipment",
    "gateway_start": "equipment",
    "software_left_behind": "equipment",
    "spool_quarantined": "equipment",
    "spool_full": "equipment",
}

_EDGES: Mapping[tuple[str, bool], str] = {
    ("nurse_call", True): _("A nurse is called"),
    ("nurse_call", False): _("Nurse call ended"),
    ("bed_edge", True): _("Bed taken"),
    ("bed_edge", False): _("Bed free"),
    ("door_edge", True): _("Door contact closed its circuit"),
    ("door_edge", False): _("Door contact opened its circuit"),
}

_REASONS: Mapping[str, str] = {
    "no_answer": _("no answer"),
    "exception": _("answers and refuses"),
    "garbage": _("answers unreadably"),
    "bus_down": _("line or converter is down"),
    "identity": _("another instrument answers"),
    "not_started": _("contacts are not watched"),
    "beats": _("its heartbeat stayed away"),
    "will": _("its connection broke"),
}


@dataclass(frozen=True, slots=True)
class Happened:
    """One line.

    Attributes:
        t_ms: when, for the order and the clock; hub time where no clock of the gateway knows.
        unsure: its time is uncertain by more than a second, or is only the hub's.
        what: message id with the names of ``values``.
        why: message id of a reason, or a text of the gateway.
        marks: message ids of what is special about it.
        tone: priority 1..4 of what is abnormal; None for what is usual.
    """

    key: str
    t_ms: int
    unsure: bool
    about: About
    what: str
    place: str
    device: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    why: str = ""
    marks: tuple[str, ...] = ()
    delay_ms: int | None = 0
    tone: int | None = None


def of_record(region: Region, row: Mapping[str, Any]) -> Happened:
    """A record of a gateway's panic or event lane."""
    kind, data = row["kind"], row["data"] or {}
    what = words.EVENTS.get(kind, kind)
    if isinstance(data.get("active"), bool):
        what = _EDGES.get((kind, data["active"]), what)
    marks = [
        said
        for said, is_so in (
            (_("found at the gateway's start"), data.get("initial") is True),
            (_("again, after a restore"), row["again"]),
            (_("the same number twice"), row["conflict"]),
            (_("malformed"), row["malformed"]),
            (_("a copy of an earlier record"), row["copy_of"] is not None),
        )
        if is_so
    ]
    return Happened(
        key=f"record-{row['id']}",
        t_ms=row["received_ms"] if row["t_ms"] is None else row["t_ms"],
        unsure=row["t_ms"] is None or row["error_ms"] > TIME_GOOD_MS,
        about=_ABOUT_KIND.get(kind, "other"),
        what=what,
        place=site_name(region, row["site"]),
        device=device_name(region, row["gateway"], row["device"]),
        why=_why(data),
        marks=tuple(marks),
        delay_ms=row["age_ms"],
        tone=_TONES.get(kind),
    )


_TONES: Mapping[str, int] = {
    "panic_press": 2,
    "panic_fault": 2,
    "device_down": 3,
    "software_left_behind": 3,
    "spool_quarantined": 2,
    "spool_full": 2,
}


def of_level(region: Region, row: Mapping[str, Any]) -> Happened:
    """A change of a river's level."""
    station = region.stations.get(row["station"])
    labels = station.labels if station is not None else ("Siaga 4", "Siaga 3", "Siaga 2", "Siaga 1")
    new, old = row["new_severity"], row["old_severity"]
    return Happened(
        key=f"level-{row['id']}",
        t_ms=row["t_ms"],
        unsure=False,
        about="river",
        what=_("Level up: %(old)s to %(new)s") if new > old else _("Level down: %(old)s to %(new)s"),
        place=station.name if station is not None else row["station"],
        values={"old": labels[old], "new": labels[new]},
        marks=(_("found later, in a gap that filled"),) if row["history"] else (),
        tone=4 - new if new else None,
    )


def of_silence(region: Region, row: Mapping[str, Any]) -> list[Happened]:
    """A gateway fell silent and, where it is over, spoke again."""
    site = region.gateways[row["gateway"]].site if row["gateway"] in region.gateways else row["gateway"]
    place = site_name(region, site)
    begun = Happened(
        key=f"silence-{row['id']}",
        t_ms=row["found_ms"],
        unsure=False,
        about="equipment",
        what=_("Gateway is silent"),
        place=place,
        why=_REASONS.get(row["reason"], row["reason"]),
        tone=2,
    )
    if row["until_ms"] is None:
        return [begun]
    over = Happened(
        key=f"silence-{row['id']}-over",
        t_ms=row["until_ms"],
        unsure=False,
        about="equipment",
        what=_("Gateway is heard again"),
        place=place,
    )
    return [begun, over]


def newest_first(lines: Iterable[Happened], *, since_ms: int, about: str, limit: int) -> list[Happened]:
    """The lines since a time, of one subject or of all.

    A record that came late stands where it happened, so it may be older than ``since_ms``; it is kept.
    """
    found = [
        one
        for one in lines
        if (not about or one.about == about) and (one.t_ms >= since_ms or one.key.startswith("record-"))
    ]
    return sorted(found, key=lambda one: (-one.t_ms, one.key))[:limit]


def _why(data: Mapping[str, Any]) -> str:
    reason = data.get("reason")
    if isinstance(reason, str):
        return _REASONS.get(reason, reason)
    return ""
