"""What happens on the day, drawn from a seed: the river, the power cut with its backfill, presses, ordinary faults."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from hub.region import Region, Station
from simulator.alarm_day.town import INSTRUMENTS, small_gateways

MINUTE_MS = 60_000
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything.

    Attributes:
        hours: how long the day is; the cut comes in its middle, the flood an hour before.
        gateways: that lose power; half of them go on by battery, with nobody to talk to.
        cut_min: for how long.
        presses: by mistake; one more is in earnest.
        faults: ordinary ones: an instrument that does not answer for some minutes, or a gateway.
    """

    hours: float = 24.0
    gateways: int = 200
    cut_min: int = 40
    presses: int = 700
    faults: int = 60
    operators: int = 4


@dataclass(frozen=True, slots=True)
class Happening:
    """A record that arrives: an event, or ``beats`` for a gateway that is heard again.

    Attributes:
        at_ms: when the hub hears of it.
        t_ms: when it happened.
    """

    at_ms: int
    gateway: str
    device: str
    kind: str
    t_ms: int

    @property
    def is_backfill(self) -> bool:
        """Whether it waited on its gateway for longer than what counts as now."""
        return self.at_ms - self.t_ms > 10 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Away:
    """A gateway that is not heard between two times; ``records`` says that it goes on recording."""

    gateway: str
    from_ms: int
    to_ms: int
    records: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole day."""

    begin_ms: int
    end_ms: int
    away: tuple[Away, ...]
    happenings: tuple[Happening, ...]
    true_press: Happening


def plan(region: Region, scale: Scale, random: Random, begin_ms: int) -> Plan:
    """A day as the seed wants it."""
    end_ms = begin_ms + round(scale.hours * HOUR_MS)
    middle_ms = begin_ms + round(scale.hours * HOUR_MS / 2)
    boards = [gateway.id for gateway in small_gateways(region)]
    spared, lost = boards[: len(boards) - scale.gateways], boards[len(boards) - scale.gateways :]
    away, happenings = [], []
    for number, gateway in enumerate(lost):
        on_battery = number % 2 == 0
        back_ms = middle_ms + scale.cut_min * MINUTE_MS + random.randrange(2 * MINUTE_MS)
        away.append(Away(gateway, middle_ms + random.randrange(5_000), back_ms, on_battery))
        happenings += _cut(gateway, middle_ms, back_ms, random, on_battery=on_battery)
    posts = sorted({station.gateway for station in region.stations.values()})
    away += [
        Away(gateway, middle_ms, middle_ms + scale.cut_min * MINUTE_MS, records=True) for gateway in posts[:2]
    ]
    happenings += _faults(spared, scale.faults, begin_ms, end_ms, random)
    mute = {one.gateway: one for one in away}
    for _ in range(scale.presses):
        t_ms = by_day(begin_ms, end_ms, random)
        gateway = random.choice(boards)
        gone = mute.get(gateway)
        if gone is not None and gone.from_ms <= t_ms < gone.to_ms:
            if not gone.records:
                gateway = random.choice(spared)
            else:  # a late press is told with its delay
                happenings.append(Happening(gone.to_ms + 500, gateway, "tombol", "panic_press", t_ms))
                continue
        happenings.append(Happening(t_ms + 100, gateway, "tombol", "panic_press", t_ms))
    # In earnest, while all the silent gateways ring.
    t_ms = middle_ms + 100_000
    true_press = Happening(t_ms + 100, spared[0], "tombol-benar", "panic_press", t_ms)
    ordered = sorted([*happenings, true_press], key=lambda one: one.at_ms)
    return Plan(begin_ms, end_ms, tuple(away), tuple(ordered), true_press)


def level_m(station: Station, place: int, t_ms: int, plan: Plan, random: Random) -> float:
    """The river: low, then over its worst threshold in the middle of the day, later further down; with waves."""
    peak_ms = (plan.begin_ms + plan.end_ms) / 2 + place * 25 * MINUTE_MS
    wide_ms = (plan.end_ms - plan.begin_ms) / 10
    top = station.thresholds_mm[2] / 1000 * 1.12
    base = station.thresholds_mm[0] / 1000 * 0.4
    return base + (top - base) * math.exp(-(((t_ms - peak_ms) / wide_ms) ** 2)) + random.gauss(0, 0.008)


def _cut(gateway: str, cut_ms: int, back_ms: int, random: Random, *, on_battery: bool) -> list[Happening]:
    """What a gateway tells of a power cut: its instruments fall silent before it does, and start after it."""
    found = []
    for device in INSTRUMENTS:
        down_ms, up_ms = cut_ms + random.randrange(2_000), back_ms + random.randrange(5_000, 50_000)
        if on_battery:  # it has recorded all that, and tells it when it can: backfill
            found.append(Happening(back_ms + 1_000, gateway, device, "device_down", down_ms))
        else:  # it has started, and they have not yet
            found.append(Happening(back_ms + 3_000, gateway, device, "device_down", back_ms + 3_000))
        if random.random() < 0.97:  # one in thirty does not survive it
            found.append(Happening(up_ms, gateway, device, "device_up", up_ms))
    return found


def _faults(boards: list[str], count: int, begin_ms: int, end_ms: int, random: Random) -> list[Happening]:
    found = []
    for _ in range(count):
        gateway, device = random.choice(boards), random.choice(tuple(INSTRUMENTS))
        t_ms = random.randrange(begin_ms, end_ms)
        for kind, at_ms in (("device_down", t_ms), ("device_up", t_ms + random.randrange(60_000, 900_000))):
            found.append(Happening(at_ms + 100, gateway, device, kind, at_ms))
    return found


def by_day(begin_ms: int, end_ms: int, random: Random) -> int:
    """A time of the day; people are about in its middle."""
    return round(begin_ms + (end_ms - begin_ms) * min(max(random.gauss(0.5, 0.22), 0.0), 0.999))
