"""What happens in the rehearsal city, and when. Pure: a region and a duration in, a plan out.

Every time is a share of the duration, so that every kind of event happens in ninety seconds as in a day:
calm, a flood wave down the river, one true press among false ones, a gateway cut off and back, a sensor
that goes silent, people who come to work and leave it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Literal

from hub.city.rivers import upstream_first
from hub.region.model import Button, Region, Ward

SHORTEST_S = 60.0
"""A gateway's silence is found after a beat interval; less time would not show it."""

CALM = 0.10
"""Share of the duration before the wave reaches the first station."""
RISE, FALL = 0.10, 0.16
"""How long the wave rises and falls at a station."""
LAST_CREST = 0.72
"""When the crest is at the last station."""

RAIN_MM = 25.0
"""Rain that falls on every station before its crest."""

_REACHES = (2, 1, 1, 2, 3)
"""The worst Siaga level that the wave reaches at the first, second, … station."""

ActKind = Literal["press", "cut", "restore", "silence", "answer", "come", "leave"]


@dataclass(frozen=True, slots=True)
class Act:
    """Something that is done to the city.

    Attributes:
        at_s: seconds after the beginning.
        kind: ``press`` a button; ``cut`` a gateway off and ``restore`` it; ``silence`` a sensor and let it
            ``answer`` again; people ``come`` to work or ``leave`` it, and scan at a reader.
        true: of a press: somebody needs help.
        hold_ms: how long the button is held.
        people: who scan, by their numbers.
        id, en: one line for people.
    """

    at_s: float
    kind: ActKind
    gateway: str
    device: str
    id: str
    en: str
    true: bool = False
    hold_ms: int = 400
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """Where a story is: its round, how far, how long, and what comes next."""

    round: int
    after_s: float
    duration_s: float
    next: Act | None


@dataclass(frozen=True)
class Wave:
    """The water at one station: ``base_m`` in calm, ``peak_m`` at the crest at ``crest_s``."""

    base_m: float
    peak_m: float
    crest_s: float
    rise_s: float
    fall_s: float

    def level_m(self, t_s: float) -> float:
        """The water level, without waves and splashes."""
        before = self.crest_s - t_s
        share = 1 - before / self.rise_s if before > 0 else 1 + before / self.fall_s
        smooth = 0.5 - 0.5 * math.cos(math.pi * min(1.0, max(0.0, share)))
        return self.base_m + (self.peak_m - self.base_m) * smooth


@dataclass(frozen=True)
class Scenario:
    """The plan of one rehearsal."""

    duration_s: float
    waves: Mapping[str, Wave]
    """By station."""
    acts: tuple[Act, ...]
    """In the order of their times."""
    seed: int

    @property
    def presses(self) -> tuple[Act, ...]:
        """The presses among the acts."""
        return tuple(act for act in self.acts if act.kind == "press")

    @property
    def incidents_expected(self) -> int:
        """Presses of one button while its incident is open are one incident."""
        return len({(act.gateway, act.device) for act in self.presses})

    def level_m(self, station: str, t_s: float) -> float:
        """Water level at a station, with splashes of up to 4 mm; the same for the same second and seed."""
        splash = Random(f"{self.seed} {station} {int(t_s)}").uniform(-0.004, 0.004)
        return round(self.waves[station].level_m(t_s) + splash, 3)

    def rain_mm(self, station: str, t_s: float) -> float:
        """Rain since the beginning: it falls from the calm until the crest, in steps of 0.1 mm."""
        wave = self.waves[station]
        share = t_s / max(wave.crest_s, 1e-9)
        return round(RAIN_MM * min(1.0, max(0.0, share)), 1)

    def occupied(self, ward: Ward, t_s: float) -> dict[str, int]:
        """Who lies in which bed: about two of three, and somebody comes or goes now and then."""
        beds = {}
        for at, bed in enumerate(sorted(ward.beds)):
            random = Random(f"{self.seed} {ward.id} {bed}")
            moves_s = sorted(random.uniform(0, self.duration_s) for _ in range(at % 3))
            begins = random.random() < 0.65
            beds[bed] = int(begins ^ (sum(t_s >= move for move in moves_s) % 2 == 1))
        return beds


def plan(region: Region, duration_s: float, *, seed: int = 1) -> Scenario:
    """The rehearsal of a region over so many seconds (at least SHORTEST_S)."""
    duration_s = max(duration_s, SHORTEST_S)
    acts = sorted(
        [
            *_presses(region, duration_s),
            *_outage(region, duration_s),
            *_silence(region, duration_s),
            *_attendance(region, duration_s),
        ],
        key=lambda act: act.at_s,
    )
    return Scenario(duration_s, _waves(region, duration_s), tuple(acts), seed)


def _waves(region: Region, duration_s: float) -> dict[str, Wave]:
    stations = upstream_first(region.stations.values())
    first_s, last_s = (CALM + RISE) * duration_s, LAST_CREST * duration_s
    travel_s = [0.0]
    for upper, lower in pairwise(stations):
        leg = next((one for one in upper.downstream if one.station == lower.id), None)
        travel_s.append(travel_s[-1] + ((leg.least_s + leg.most_s) / 2 if leg else 3600.0))
    scale = (last_s - first_s) / (travel_s[-1] or 1.0)
    waves = {}
    for at, station in enumerate(stations):
        siaga_3, siaga_2, siaga_1 = (one / 1000 for one in station.thresholds_mm)
        top = {3: (siaga_3 + siaga_2) / 2, 2: (siaga_2 + siaga_1) / 2, 1: siaga_1 + (siaga_1 - siaga_2) / 2}
        waves[station.id] = Wave(
            base_m=round(siaga_3 * 0.6, 3),
            peak_m=round(top[_REACHES[at % len(_REACHES)]], 3),
            crest_s=first_s + travel_s[at] * scale,
            rise_s=RISE * duration_s,
            fall_s=FALL * duration_s,
        )
    return waves


_FALSE_AT = (0.16, 0.30, 0.46, 0.58, 0.68)


def _presses(region: Region, duration_s: float) -> Iterator[Act]:
    """One true press in a hospital, pressed twice as frightened people do, and false ones all over the
    city."""
    hospital = _true_button(region)
    yield _press(hospital, 0.24 * duration_s, true=True)
    yield _press(hospital, 0.24 * duration_s + 2.5, true=True)
    cut = _cut_gateway(region)
    others = [one for one in region.buttons.values() if one.gateway not in (hospital.gateway, cut)]
    others.sort(key=lambda one: (region.sites[one.site].kind == "hospital", one.id))
    for share, button in zip(_FALSE_AT, others, strict=False):
        yield _press(button, share * duration_s, true=False)


def _press(button: Button, at_s: float, *, true: bool) -> Act:
    return Act(
        at_s,
        "press",
        button.gateway,
        button.device,
        f"tombol darurat {button.name} ditekan" + ("" if true else " (salah tekan)"),
        f"panic button {button.name} pressed" + ("" if true else " (by mistake)"),
        true=true,
    )


def _true_button(region: Region) -> Button:
    hospitals = [one for one in region.buttons.values() if region.sites[one.site].kind == "hospital"]
    return (hospitals or list(region.buttons.values()))[0]


def _cut_gateway(region: Region) -> str:
    """A gateway with beds, away from the true press: its samples wait on its card and fill in later."""
    true = _true_button(region).gateway
    wards = [ward.gateway for ward in region.wards.values() if ward.gateway != true]
    return wards[0] if wards else next(one for one in region.gateways if one != true)


def _outage(region: Region, duration_s: float) -> Iterator[Act]:
    gateway = _cut_gateway(region)
    site = region.sites[region.site_of(gateway)].name
    yield Act(
        0.34 * duration_s,
        "cut",
        gateway,
        "",
        f"jaringan {site} terputus; gerbangnya terus mencatat",
        f"{site} is cut off; its gateway goes on recording",
    )
    yield Act(
        0.66 * duration_s,
        "restore",
        gateway,
        "",
        f"jaringan {site} pulih; catatan yang tertunda menyusul",
        f"{site} is back; what it recorded follows",
    )


def _silence(region: Region, duration_s: float) -> Iterator[Act]:
    """The first station's sensor, once its wave has passed."""
    station = upstream_first(region.stations.values())[0]
    for share, kind, says_id, says_en in (
        (0.60, "silence", "berhenti menjawab", "stops answering"),
        (0.82, "answer", "menjawab lagi", "answers again"),
    ):
        yield Act(
            share * duration_s,
            "silence" if kind == "silence" else "answer",
            station.gateway,
            station.device,
            f"sensor {station.name} {says_id}",
            f"the sensor at {station.name} {says_en}",
        )


def _attendance(region: Region, duration_s: float) -> Iterator[Act]:
    """People come to work in two groups, and some leave, at every reader."""
    staff = tuple(str(1001 + at) for at in range(13))
    for device in region.devices:
        if device.driver != "attendance_push":
            continue
        site = region.sites[region.site_of(device.gateway)].name
        for share, kind, people, says_id, says_en in (
            (0.03, "come", staff[:7], "datang dan memindai di", "come to work and scan at"),
            (0.20, "come", staff[7:], "datang dan memindai di", "come to work and scan at"),
            (0.72, "leave", staff[:6], "pulang dan memindai di", "leave and scan at"),
        ):
            yield Act(
                share * duration_s,
                "come" if kind == "come" else "leave",
                device.gateway,
                device.device,
                f"{len(people)} pegawai {says_id} {site}",
                f"{len(people)} employees {says_en} {site}",
                people=people,
            )
