"""A short day of alarms: a flood, a power cut with its backfill, mistaken presses and one in earnest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

import hub.incidents.technical
import hub.rules.engine
from hub.alarms import conditions, outage
from hub.alarms.tables import alarms
from hub.region import load
from hub.rules import book
from simulator.alarm_day.__main__ import all_well, told
from simulator.alarm_day.day import Day, Outcome
from simulator.alarm_day.plan import Scale
from tests.hub.empty_tables import fresh

FOLDER = Path(__file__).resolve().parents[2] / "profiles" / "kota-contoh"
PROFILE = load(FOLDER)
SHORT = Scale(hours=1.25, gateways=16, cut_min=15, presses=12, faults=4, operators=2)


def lived(scale: Scale = SHORT, seed: int = 3) -> Outcome:
    with fresh() as conn:
        return Day(conn, PROFILE, scale, seed, rules=FOLDER / book.NAME).run()


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return lived()


def test_nothing_is_missed_and_old_records_raise_nothing(outcome):
    assert outcome.wrong == ()
    assert outcome.backfilled > 16
    assert outcome.backfill_rang == 0
    assert outcome.pressed == outcome.presses == SHORT.presses + 1
    assert all_well(outcome)


def test_the_press_in_earnest_has_a_line_of_its_own_that_sounds_until_somebody_has_seen_it(outcome):
    press = outcome.true_press
    assert 0 < press.looks == press.shown
    assert press.waited_ms is not None
    assert press.waited_ms < 60_000


@pytest.fixture
def no_outage(monkeypatch):
    """Each gateway of a power cut rings for itself."""
    monkeypatch.setattr(outage, "LEAST", 10**6)


def test_a_power_cut_rings_once_and_is_no_flood(outcome):
    assert outcome.suppressed >= 32, "instruments by their gateways, and gateways by the outage"
    assert outcome.quality.floods == ()


def test_without_an_alarm_of_the_outage_it_would_be_a_flood_that_is_drawn_together(no_outage):
    found = lived()
    assert 16 <= found.suppressed < 32
    assert found.quality.floods
    assert found.most_listed > 3 * found.most_lines


def test_the_figures_are_told_beside_what_is_recommended(outcome):
    lines = list(told(outcome))
    assert sum("recommended" in line for line in lines) == 4
    assert any("alarms raised by backfill" in line and line.endswith(" 0") for line in lines)


def conditions_of(rules: Path) -> set[str]:
    """What has rung on a day without presses and faults."""
    scale = Scale(hours=0.5, gateways=0, cut_min=8, presses=0, faults=0, operators=1)
    with fresh() as conn:
        found = Day(conn, PROFILE, scale, 3, rules=rules).run()
        assert all_well(found)
        return set(conn.execute(select(alarms.c.condition)).scalars())


def test_the_rules_of_the_profile_are_part_of_the_day(tmp_path):
    told_by_rules = {"upstream:air-dari-hulu", "no_data:duga-air-diam"}
    assert told_by_rules <= conditions_of(FOLDER / book.NAME)
    assert not told_by_rules & conditions_of(tmp_path / "none.toml")


@pytest.mark.parametrize("is_now", [True, False])
def test_backfill_that_counted_as_now_would_be_seen(monkeypatch, is_now):
    """The river rises behind a line that is cut until it has nearly fallen again."""
    if is_now:
        for room in (hub.incidents.technical, hub.rules.engine):
            monkeypatch.setattr(room, "LIVE_AGE_MS", 10**9)
    found = lived(replace(SHORT, gateways=2, presses=0, faults=0, cut_min=35))
    assert (found.backfill_rang > 0) == is_now
    assert all_well(found) != is_now


def test_a_press_that_a_flood_hides_would_be_seen(monkeypatch, no_outage):
    monkeypatch.setattr(conditions, "PRESSES", frozenset())
    found = lived(replace(SHORT, presses=0, faults=0))
    assert found.true_press.shown < found.true_press.looks
