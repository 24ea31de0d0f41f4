"""Points are lines that InfluxDB reads as they were meant, the same point the same line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from contract.kinds import KINDS
from hub.kpis import measures, tiers
from hub.kpis.measures import ANNOTATIONS, GATEWAYS, LANES, MEASURES, PIPELINE, PRESSES
from hub.kpis.point import Point, at, lines, on_grid

NOW = 1_795_000_004_321


def test_each_field_has_the_type_of_the_table_whatever_the_value_is():
    point = Point(
        GATEWAYS, ("gw-1", "rs-1"), {"committed": 7, "silent": True, "cpu_c": 51, "silent_s": None}, NOW
    )
    assert (
        point.line
        == b"kpi_gateways,gateway=gw-1,site=rs-1 committed=7i,silent=1i,cpu_c=51.0 1795000004321000000"
    )


def test_a_point_of_which_nothing_is_known_is_no_line():
    assert lines([Point(LANES, ("panic",), {"commit_p50_ms": None}, NOW)]) == []


def test_a_point_of_now_lies_on_the_grid_so_that_writing_it_twice_is_writing_it_once():
    first, again = (next(at(PIPELINE, now, {(): {"hold": 0}})).line for now in (NOW, NOW + 5000))
    assert first == again == b"kpi_pipeline hold=0i 1795000000000000000"
    assert on_grid(PIPELINE, NOW + 6000) == 1_795_000_010_000


def test_two_facts_of_one_millisecond_are_two_points():
    one, two = (Point(PRESSES, ("s", "g", "d"), {"number": 1}, NOW, key).line for key in ("a", "b"))
    assert one != two
    assert {line.rpartition(b" ")[2][:13] for line in (one, two)} == {b"1795000004321"}


@given(st.text(min_size=1), st.text())
def test_no_text_breaks_out_of_its_line(tag, text):
    line = Point(ANNOTATIONS, (tag, "s"), {"title": text, "severity": 1}, NOW).line
    assert b"\n" not in line
    assert b"\r" not in line
    assert line.endswith(b",severity=1i 1795000004321000000")


def test_no_measure_has_the_name_of_a_kind_and_no_tag_the_name_of_a_field():
    assert not MEASURES.keys() & KINDS.keys()
    for measure in MEASURES.values():
        assert not set(measure.tags) & measure.fields.keys(), measure.name
        assert not measure.name.endswith("_day")


def test_every_measure_is_in_the_table():
    declared = {name for name, value in vars(measures).items() if isinstance(value, measures.Measure)}
    assert len(declared) == len(MEASURES)


def test_the_tiers_serve_every_range_once():
    rows = [point.values for point in tiers.tiers(NOW)]
    assert [row["most_ms"] for row in rows[:-1]] == [row["least_ms"] for row in rows[1:]]
    assert rows[0]["least_ms"] == 0
