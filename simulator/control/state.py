"""How the city is now, as the control page shows it. Plain values only."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

from hub.region.model import Region, Station
from simulator.interference import Interference
from simulator.scenario import Story

REMEMBERED = 12


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that a visitor did, or wanted to.

    Attributes:
        number: counts up from 1.
        ok: whether it was done.
        look: what to look at, empty where it was not done; page: where.
    """

    number: int
    ok: bool
    said_id: str
    said_en: str
    look_id: str = ""
    look_en: str = ""
    page: str = ""


class Diary:
    """The last things that visitors did."""

    def __init__(self) -> None:
        self._last: deque[Happening] = deque(maxlen=REMEMBERED)
        self._number = 0

    def note(
        self, said: tuple[str, str], *, ok: bool, look: tuple[str, str] = ("", ""), page: str = ""
    ) -> Happening:
        """Remember one."""
        self._number += 1
        happening = Happening(self._number, ok, *said, *look, page)
        self._last.appendleft(happening)
        return happening

    @property
    def last(self) -> list[Happening]:
        """The newest first."""
        return list(self._last)


def severity(station: Station, level_m: float) -> int:
    """How many thresholds the water has reached: 0 is Siaga 4, 3 is Siaga 1."""
    return sum(round(level_m * 1000) >= threshold for threshold in station.thresholds_mm)


def state(region: Region, hands: Interference, diary: Diary, story: Story | None) -> dict[str, Any]:
    """Everything that changes on the page."""
    rivers = {}
    for station in region.stations.values():
        level_m = hands.showing_m(station.id)
        rivers[station.id] = {
            "level_m": level_m,
            "held_m": hands.held_m(station.id),
            "severity": None if level_m is None else severity(station, level_m),
        }
    return {
        "parts": {part: hands.health(part) for part in ("influx", "broker", "hub", *region.gateways)},
        "revoked": [gateway for gateway in region.gateways if hands.is_revoked(gateway)],
        "cut": [gateway for gateway in region.gateways if hands.is_cut(gateway)],
        "silent": [
            f"{one.gateway}/{one.device}"
            for one in region.devices
            if one.driver == "modbus_tcp" and hands.is_silent(one.gateway, one.device)
        ],
        "rivers": rivers,
        "story": None if story is None else asdict(story),
        "disturbed": hands.disturbed,
        "diary": [asdict(one) for one in diary.last],
    }
