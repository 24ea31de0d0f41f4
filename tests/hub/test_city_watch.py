"""Hints that keep pages alive: few, and none for what has not moved."""

from hub.bus import Bus
from hub.city.beds import PanelWords
from hub.city.watch import CityWatch
from hub.rules.model import StationState
from tests.hub.city import REGION

KEY = ("gw-rs-1", "panel-1")


def watch():
    bus, states = Bus(), []
    return bus, states, CityWatch(REGION, bus, None, levels=lambda: states, panels=PanelWords(None))


def told(bus):
    return [(update.topic, update.subject, update.data["moved"]) for update in bus._past]


def test_a_new_value_is_told_once():
    bus, states, city = watch()
    states.append(StationState("hulu", epoch="e", seq=1, value_mm=1300))
    city.tell_levels()
    city.tell_levels()
    assert told(bus) == [("station", "hulu", 1)]
    states[0] = StationState("hulu", epoch="e", seq=2, value_mm=1300)
    city.tell_levels()
    assert len(told(bus)) == 2


def test_many_posts_are_one_hint():
    bus, states, city = watch()
    states += [StationState(name, epoch="e", seq=1, value_mm=1300) for name in ("a", "b", "c")]
    city.tell_levels()
    assert told(bus) == [("station", "", 3)]


def test_beds_are_told_when_somebody_came_or_went_and_not_for_a_new_time():
    bus, _, city = watch()
    city.tell_beds({KEY: {"time": 1, "bed_01": 0, "bed_02": 0}})
    city.tell_beds({KEY: {"time": 2, "bed_01": 0, "bed_02": 0}})
    assert told(bus) == []
    city.tell_beds({KEY: {"time": 3, "bed_01": 1, "bed_02": 0}})
    assert told(bus) == [("bed", "mawar", 1)]
    city.tell_beds({})
    assert len(told(bus)) == 2
