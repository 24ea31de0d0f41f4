"""The counting must find what it is for: every test plants the fault that it looks for."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.region.loader import load
from simulator import report
from simulator.city import city_devices
from simulator.devices.modbus_units import Answered
from simulator.evidence import Point
from simulator.instruments import Showing
from simulator.rehearsal import Heard

REGION = load(Path(__file__).resolve().parents[2] / "profiles" / "kota-contoh")
DEVICES = {f"{one.gateway}/{one.device}": one for one in city_devices(REGION)}
POST = DEVICES["gw-pos-bendung-hulu/duga-air"]
FUNCTION = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}


def asked(device, levels):
    """The device's log and the points of a faithful city: one poll a second."""
    showing, heard, points = Showing(device), [], []
    for second, level_m in enumerate(levels):
        showing.show({"level_m": level_m, "rain_mm": second / 10})
        values = {}
        for part in device.parts:
            for point in part.instrument.points:
                address = point.address - part.instrument.address_base
                _, read = showing.units[part.unit].answer(
                    bytes(
                        [FUNCTION[point.table], *address.to_bytes(2, "big"), *point.width.to_bytes(2, "big")]
                    )
                )
                assert read is not None
                answered = Answered(second * 1000, part.unit, *read)
                heard.append(Heard(device.gateway, answered))
                values.update(part.read(answered))
        points.append(Point(device.gateway, device.device, device.kind, second * 1_000_000_000, values))
    return heard, points


def differences(heard, points):
    return list(report.differences([POST], heard, points))


def test_a_faithful_city_shows_no_difference():
    heard, points = asked(POST, [0.5, 0.6, 2.1])
    assert differences(heard, points) == []


def test_a_missing_a_repeated_and_a_changed_reading_are_found():
    heard, points = asked(POST, [0.5, 0.6, 2.1])
    assert "answered 3 polls, InfluxDB has 2" in differences(heard, points[:1] + points[2:])[0]
    assert "answered 3 polls, InfluxDB has 4" in differences(heard, [*points, points[-1]])[0]
    wrong = replace(points[1], values={**points[1].values, "level_m": 0.601})
    [found] = differences(heard, [points[0], wrong, points[2]])
    assert "reading 2, level_m" in found
    swapped = [points[1], points[0], points[2]]
    assert differences(heard, swapped)
    gone = replace(
        points[1], values={"tips": points[1].values["tips"], "rain_mm": points[1].values["rain_mm"]}
    )
    assert differences(heard, [points[0], gone, points[2]])
    late = replace(points[2], time_ns=points[2].time_ns + 5_000_000_000)
    assert "off the device's own time" in differences(heard, [*points[:2], late])[0]


def test_a_poll_that_was_cut_short_is_nobodys_reading():
    heard, points = asked(POST, [0.5, 0.6, 2.1])
    level = POST.parts[0]
    of_level = [at for at, one in enumerate(heard) if one.answered.unit == level.unit]
    cut = heard[: of_level[-1]] + heard[of_level[-1] + 1 :]
    rain_only = replace(points[2], values={name: points[2].values[name] for name in ("tips", "rain_mm")})
    assert differences(cut, [*points[:2], rain_only]) == []
    assert differences(cut, points)


def account(**lanes):
    def lane(following, floor=None, settled=()):
        return {
            "epoch": "e",
            "next": following,
            "floor": floor or following,
            "settled": [list(r) for r in settled],
        }

    filled = {name: lane(*lanes.get(name, (1,))) for name in ("panic", "event", "telemetry")}
    return {"lanes": filled, "lost": [], "closed": [], "dropped": 0}


def points_of(gateway, count):
    return [Point(gateway, "d", "river_post", at, {"level_m": 1.0}) for at in range(count)]


def test_readings_are_counted_gateway_by_gateway():
    accounts = {"a": account(telemetry=(11,)), "b": account(telemetry=(6,))}
    whole = report.readings(accounts, points_of("a", 10) + points_of("b", 4), {"b": 1})
    assert whole == report.Readings(15, 14, 1, 0, 0)
    # One gateway's lost record does not hide another's duplicate.
    crossed = report.readings(accounts, points_of("a", 11) + points_of("b", 3), {"b": 1})
    assert (crossed.lost, crossed.duplicated) == (1, 1)


def test_what_a_gateway_declares_lost_counts_as_lost():
    one = account(telemetry=(11,))
    one["lost"] = [["telemetry", "e", 3, 4, "full"], ["event", "e", 1, 9, "full"]]
    assert report.readings({"a": one}, points_of("a", 8), {}).lost == 2


def test_an_epoch_that_was_left_counts_without_what_moved():
    one = account(telemetry=(4,))
    one["closed"] = [["telemetry", "old", 11, [[8, 10]]]]
    assert report.promised(one, "telemetry") == 10


def test_unsettled_is_what_is_still_to_be_sent():
    assert report.unsettled(account(telemetry=(11,), panic=(3,))) == 0
    assert report.unsettled(account(telemetry=(11, 5, [(7, 8)]), panic=(3, 2))) == 5


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300))
def test_quantiles_are_values_that_so_many_are_not_above(values):
    found = report.quantiles(values)
    assert found.p50 in values
    assert found.p99 in values
    assert sum(value <= found.p50 for value in values) * 2 >= len(values)
    assert sum(value <= found.p99 for value in values) * 100 >= 99 * len(values)


def test_nothing_measured_has_no_quantile():
    assert report.quantiles([]) == report.Quantiles(None, None)


@pytest.mark.parametrize(
    ("levels", "changes"),
    [
        ([0.5, 0.79, 0.8, 0.76, 0.75, 0.749], [(0, 1), (1, 0)]),
        ([0.5, 2.5, 1.0, 0.2], [(0, 3), (3, 1), (1, 0)]),
        ([0.5, 0.7], []),
    ],
)
def test_expected_changes_are_a_plain_reading_of_the_log(levels, changes):
    heard, _ = asked(POST, levels)
    assert report.expected_changes(REGION, [POST], heard) == {"bendung-hulu": changes}


def change(t_ms, new, station="bendung-hulu"):
    return {"station": station, "t_ms": t_ms, "new_severity": new}


def test_a_level_that_was_seen_late_and_found_at_its_true_time_was_passed_once():
    late = [change(9, 2), change(4, 2), change(20, 0), change(5, 1, "muara")]
    assert report.passed_changes(late) == {"bendung-hulu": [(0, 2), (2, 0)], "muara": [(0, 1)]}
    assert report.passed_changes([change(9, 2), change(4, 1)]) == {"bendung-hulu": [(0, 1), (1, 2)]}
    assert report.passed_changes([]) == {}
