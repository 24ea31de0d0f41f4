from pathlib import Path

import pytest

from hub.city.rivers import upstream_first
from hub.kpis import attendance
from hub.region.loader import load
from simulator.scenario import plan

PROFILE = Path(__file__).resolve().parents[2] / "profiles" / "kota-contoh"
DURATIONS = [60.0, 90.0, 600.0, 86_400.0]


@pytest.fixture(scope="module")
def region():
    return load(PROFILE)


def levels(scenario, station):
    """Severity 0..3 at each second: entered at the threshold, left 5 cm below it."""
    severity, seen = 0, [0]
    for t_s in range(int(scenario.duration_s)):
        mm = round(scenario.level_m(station.id, t_s) * 1000)
        while severity < 3 and mm >= station.thresholds_mm[severity]:
            severity += 1
        while severity > 0 and mm < station.thresholds_mm[severity - 1] - station.hysteresis_mm:
            severity -= 1
        if seen[-1] != severity:
            seen.append(severity)
    return seen


@pytest.mark.parametrize("duration_s", DURATIONS[:3])
def test_the_wave_reaches_every_station_in_order_and_leaves_it_again(region, duration_s):
    scenario = plan(region, duration_s)
    stations = upstream_first(region.stations.values())
    crests = [scenario.waves[station.id].crest_s for station in stations]
    assert crests == sorted(crests)
    assert len(set(crests)) == len(crests)
    worst = []
    for station in stations:
        passed = levels(scenario, station)
        assert passed[0] == passed[-1] == 0, station.id
        assert sorted(passed[: passed.index(max(passed)) + 1]) == passed[: passed.index(max(passed)) + 1]
        worst.append(max(passed))
    assert min(worst) >= 1
    assert worst.count(3) >= 2


@pytest.mark.parametrize("duration_s", DURATIONS)
def test_every_kind_of_event_happens_and_in_time(region, duration_s):
    scenario = plan(region, duration_s)
    kinds = {"press", "cut", "restore", "silence", "answer", "come", "leave"}
    assert {act.kind for act in scenario.acts} == kinds
    assert all(0 < act.at_s < 0.9 * duration_s for act in scenario.acts)
    assert [act.at_s for act in scenario.acts] == sorted(act.at_s for act in scenario.acts)
    true = {(act.gateway, act.device) for act in scenario.presses if act.true}
    false = {(act.gateway, act.device) for act in scenario.presses if not act.true}
    assert len(true) == 1
    assert len(false) >= 3
    assert scenario.incidents_expected == len(true | false) < len(scenario.presses)
    cut = {act.kind: act for act in scenario.acts if act.kind in ("cut", "restore")}
    assert cut["restore"].at_s - cut["cut"].at_s >= 19
    assert all(act.gateway != cut["cut"].gateway for act in scenario.presses)


@pytest.mark.parametrize("duration_s", DURATIONS)
def test_enough_people_come_early_for_a_number_that_may_be_told_and_who_leaves_has_come(region, duration_s):
    acts = [act for act in plan(region, duration_s).acts if act.people]
    assert [act.kind for act in acts] == ["come", "come", "leave"]
    first, second, leaving = (set(act.people) for act in acts)
    assert len(first) >= attendance.LEAST
    assert len(first | second) == len(first) + len(second) >= 2 * attendance.LEAST
    assert leaving < first | second
    assert acts[1].at_s - acts[0].at_s > len(first), "each scans for a second"


def test_a_shorter_wish_gets_the_shortest_rehearsal(region):
    assert plan(region, 1).duration_s == 60


def test_the_same_seed_tells_the_same_story_and_another_another(region):
    one, two, other = plan(region, 90, seed=7), plan(region, 90, seed=7), plan(region, 90, seed=8)
    station = next(iter(region.stations))
    told = [[(s.level_m(station, t), s.rain_mm(station, t)) for t in range(90)] for s in (one, two, other)]
    assert told[0] == told[1] != told[2]
    wards = list(region.wards.values())
    beds = [[s.occupied(ward, t) for ward in wards for t in range(0, 90, 5)] for s in (one, two, other)]
    assert beds[0] == beds[1] != beds[2]
    assert any(before != after for before, after in zip(beds[0], beds[0][1:], strict=False))


def test_rain_only_grows(region):
    scenario = plan(region, 90)
    for station in region.stations:
        fallen = [scenario.rain_mm(station, t) for t in range(90)]
        assert fallen == sorted(fallen)
        assert fallen[-1] > 0
