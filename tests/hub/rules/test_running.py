"""Every kind of rule: when it raises, when it does not, when it ends; once per record, never by what is old."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.kinds import Quality
from hub.rules.machine import RAISED, TRANSITIONS, Machine
from hub.rules.model import LIVE_AGE_MS
from hub.rules.running import Running
from hub.rules.verdict import Priority, Standing, Subject
from tests.hub.rules.books import MINUTE_MS, NOW_MS, POST, REGION, WARD, book, feed, rule, running, sample

OVER_TWO = 'kind = "threshold"\ndevices = ["gw-pos-muara/duga-air"]\nquantity = "level_m"\nabove = 2.0\n'
WIB = timezone(timedelta(hours=7))

# Threshold


def test_a_threshold_begins_on_it_and_ends_below_its_hysteresis(tmp_path):
    rules = running(tmp_path, rule(OVER_TWO + "hysteresis = 0.1"))
    assert feed(rules, [1.99, 2.0, 1.9, 1.89, 1.95, 2.0]) == [(2, True), (4, False), (6, True)]


def test_without_hysteresis_it_chatters(tmp_path):
    assert len(feed(running(tmp_path, rule(OVER_TWO)), [2.0, 1.95] * 3)) == 6


def test_below_is_the_same_upside_down(tmp_path):
    rules = running(tmp_path, rule(OVER_TWO.replace("above", "below") + "hysteresis = 0.1"))
    assert feed(rules, [2.01, 2.0, 2.1, 2.11]) == [(2, True), (4, False)]


def test_a_value_that_reckoning_left_a_hair_below_is_on_it(tmp_path):
    assert feed(running(tmp_path, rule(OVER_TWO)), [1.9999999999999998]) == [(1, True)]
    assert feed(running(tmp_path, rule(OVER_TWO)), [1.9999]) == []


def test_a_for_time_must_pass_without_a_break(tmp_path):
    rules = running(tmp_path, rule(OVER_TWO + "for_s = 180\nclear_for_s = 120"))
    row = [2.1, 2.1, 1.0, 2.1, 2.1, 2.1, 2.1, 1.0, 2.1, 1.0, 1.0, 1.0]
    assert feed(rules, row) == [(7, True), (12, False)]


def test_what_is_unknown_neither_begins_nor_ends_an_alarm(tmp_path):
    rules = running(tmp_path, rule(OVER_TWO + "for_s = 120"))
    assert feed(rules, [2.1, None, 2.1, 2.1, 2.1, None, None]) == [(5, True)], "a break begins the time anew"
    bad = sample(20, {"level_m": 1.0}, at_ms=NOW_MS + 8 * MINUTE_MS, quality={"level_m": Quality.STUCK})
    assert rules.judge(bad, NOW_MS + 8 * MINUTE_MS) == []
    assert feed(rules, [61.0, -21.0], first=30, start_ms=NOW_MS + 9 * MINUTE_MS) == [], "impossible"
    assert feed(rules, [1.0], first=40, start_ms=NOW_MS + 12 * MINUTE_MS) == [(40, False)]


def test_a_for_time_does_not_run_across_a_gap(tmp_path):
    rules = running(tmp_path, rule(OVER_TWO + "for_s = 1800"))
    assert feed(rules, [2.1] * 6, step_ms=11 * MINUTE_MS) == []
    assert feed(running(tmp_path, rule(OVER_TWO + "for_s = 1800")), [2.1] * 4, step_ms=10 * MINUTE_MS) == [
        (4, True)
    ]


def test_a_verdict_says_what_people_read(tmp_path):
    text = OVER_TWO + 'hysteresis = 0.1\npriority = "high"\ntell = true\n'
    words = (
        rule(text)
        .replace('reason_en = "{site} {device}"', 'reason_en = "{device} {value} {unit}, limit {limit}"')
        .replace('reason_id = "{site} {device}"', 'reason_id = "{device} {value} {unit}, batas {limit}"')
    )
    rules = running(tmp_path, words)
    (verdict,) = rules.judge(sample(7, {"level_m": 2.5}, age_ms=1500), NOW_MS)
    assert verdict.subject == Subject("pos-muara", "gw-pos-muara", "duga-air", "level_m")
    assert (verdict.rule, verdict.kind, verdict.active, verdict.tell) == ("uji", "threshold", True, True)
    assert verdict.priority is Priority.HIGH
    assert verdict.reason_en == "Muara Cilaras 2.5 m, limit 2"
    assert verdict.reason_id == "Muara Cilaras 2,5 m, batas 2", "with a comma, as Indonesians write it"
    assert (verdict.t_ms, verdict.at_ms) == (NOW_MS, NOW_MS - 1500)
    assert verdict.mark is not None
    assert verdict.mark.seq == 7
    assert verdict.version == rules.book.version != ""


# Once per record, never by what is old


def test_old_records_and_repeats_change_nothing(tmp_path):
    rules = running(tmp_path, rule(OVER_TWO))
    assert rules.judge(sample(1, {"level_m": 9.0}, age_ms=LIVE_AGE_MS + 1), NOW_MS) == []
    assert len(rules.judge(sample(50, {"level_m": 9.0}, age_ms=LIVE_AGE_MS), NOW_MS)) == 1
    assert rules.judge(sample(50, {"level_m": 1.0}), NOW_MS) == [], "a repeat"
    assert rules.judge(sample(49, {"level_m": 1.0}, at_ms=NOW_MS - 1), NOW_MS) == [], "the backlog behind it"
    assert len(rules.judge(sample(51, {"level_m": 1.0}, at_ms=NOW_MS + 1), NOW_MS)) == 1


@given(
    st.lists(
        st.tuples(st.integers(1, 30), st.sampled_from([1.0, 2.5, None]), st.integers(0, 2 * LIVE_AGE_MS)),
        max_size=60,
    )
)
def test_whatever_order_records_come_in_alarms_alternate_and_are_of_newer_records(arrivals):
    rules = _over_two()
    raised, top = False, 0
    for seq, value, age_ms in arrivals:
        for verdict in rules.judge(sample(seq, {"level_m": value}, age_ms=age_ms), NOW_MS):
            assert verdict.active != raised
            assert age_ms <= LIVE_AGE_MS
            assert seq > top
            raised = verdict.active
        if age_ms <= LIVE_AGE_MS:
            top = max(top, seq)
    assert rules.active == raised


def _over_two() -> Running:
    with tempfile.TemporaryDirectory() as folder:
        return running(Path(folder), rule(OVER_TWO))


# Rise


RISE = 'kind = "rise"\ndevices = ["gw-pos-pintu-tengah/duga-air"]\nquantity = "level_m"\nper_h = 0.6\n'
MIDDLE = ("gw-pos-pintu-tengah", "duga-air", "river_post")


def test_a_rise_is_a_straight_line_and_names_the_next_level_and_who_is_below(tmp_path):
    words = rule(RISE).replace('"{site} {device}"', '"{rate} {next} {next_at} {downstream}"')
    rules = running(tmp_path, words)
    found = []
    for minute in range(40):
        at_ms = NOW_MS + minute * MINUTE_MS
        one = sample(minute + 1, {"level_m": 1.0 + 0.01 * minute}, at_ms=at_ms, of=MIDDLE)
        found += rules.judge(one, at_ms)
    (verdict,) = found
    value, facts = 1.15, verdict.facts
    assert facts["rate"] == pytest.approx(0.6)
    assert facts["value"] == pytest.approx(value)
    assert facts["next"] == "Siaga 3"
    assert facts["next_ms"] == pytest.approx(verdict.at_ms + (2.0 - value) / 0.6 * 3_600_000, abs=2)
    assert "pasar-lama" in str(facts["downstream"])
    assert "Siaga 3" in verdict.reason_id


def test_a_slower_rise_says_nothing(tmp_path):
    assert feed(running(tmp_path, rule(RISE)), [0.0099 * m for m in range(60)], of=MIDDLE) == []


# No data


NO_DATA = 'kind = "no_data"\ndevices = ["gw-pos-muara/duga-air"]\nquantity = "level_m"\nafter_s = 300\n'


def test_silence_is_heard_and_ends_with_the_next_good_value(tmp_path):
    rules = running(tmp_path, rule(NO_DATA))
    feed(rules, [1.0])
    assert rules.tick(NOW_MS + 299_000, NOW_MS) == []
    (verdict,) = rules.tick(NOW_MS + 300_000, NOW_MS)
    assert verdict.active
    assert verdict.mark is None
    assert rules.tick(NOW_MS + 900_000, NOW_MS) == [], "once"
    assert feed(rules, [None], first=5, start_ms=NOW_MS + 901_000) == []
    assert feed(rules, [1.0], first=6, start_ms=NOW_MS + 902_000) == [(6, False)]


def test_a_hub_that_hears_nobody_judges_nobodys_silence(tmp_path):
    rules = running(tmp_path, rule(NO_DATA))
    feed(rules, [1.0])
    assert rules.tick(NOW_MS + 900_000, None) == []
    back_ms = NOW_MS + 1_000_000
    assert rules.tick(back_ms + 299_000, back_ms) == []
    late = [verdict for second in range(700) for verdict in rules.tick(back_ms + second * 1000, back_ms)]
    assert [verdict.active for verdict in late] == [True]


HOUR_MS = 60 * MINUTE_MS
EARLIER_MS = NOW_MS - 24 * HOUR_MS
"""The time after the clock was set back by a day."""


def test_a_clock_that_was_set_back_hides_no_silence(tmp_path):
    rules = running(tmp_path, rule(NO_DATA))
    feed(rules, [1.0])
    rules.wake_all(EARLIER_MS)
    assert rules.tick(EARLIER_MS + 1000, EARLIER_MS) == []
    late = [one for at in range(310) for one in rules.tick(EARLIER_MS + at * 1000, EARLIER_MS)]
    assert [one.active for one in late] == [True]


def test_a_clock_that_was_set_back_lengthens_no_for_time_by_as_much(tmp_path):
    rules = running(tmp_path, rule(OVER_TWO + "for_s = 180"))
    assert feed(rules, [2.1, 2.1]) == []
    assert feed(rules, [2.1] * 4, first=3, start_ms=EARLIER_MS) == [(6, True)]


@pytest.mark.parametrize(("back_ms", "judged"), [(24 * HOUR_MS, [(2, True)]), (5 * MINUTE_MS, [])])
def test_a_clock_that_was_set_back_makes_no_card_that_was_replaced_unheard(tmp_path, back_ms, judged):
    rules = running(tmp_path, rule(OVER_TWO))
    feed(rules, [1.0])
    at_ms = NOW_MS - back_ms
    fresh = sample(2, {"level_m": 2.1}, at_ms=at_ms, epoch="fedcba9876543210")
    assert [(2, one.active) for one in rules.judge(fresh, at_ms)] == judged


# Stuck


def test_a_value_that_rests_too_long_is_stuck_until_it_moves(tmp_path):
    text = (
        'kind = "stuck"\ndevices = ["gw-pos-muara/duga-air"]\nquantity = "level_m"\n'
        "after_s = 300\ntolerance = 0.01"
    )
    rules = running(tmp_path, rule(text))
    assert feed(rules, [1.0, 1.01, 0.99, 1.0, 1.005, 1.0, 1.02]) == [(6, True), (7, False)]
    assert feed(running(tmp_path, rule(text)), [1.0, 1.02] * 10) == []
    assert feed(running(tmp_path, rule(text)), [1.0] * 5, step_ms=11 * MINUTE_MS) == [], "gaps between"


# Ratio


BEDS = (
    'kind = "ratio"\ndevices = ["gw-rsud-contoh/panel-icu"]\nquantities = ["bed_*"]\n'
    "above_pct = 90\nhysteresis_pct = 20\nfor_s = 900\n"
)


def beds(rules: Running, taken: int, minute: int, *, total: int = 8) -> list[bool]:
    at_ms = NOW_MS + minute * MINUTE_MS
    values: dict[str, float | None] = {f"bed_{n:02d}": int(n <= taken) for n in range(1, total + 1)}
    values |= {f"bed_{n:02d}": 0 for n in range(9, 17)}
    return [v.active for v in rules.judge(sample(minute + 1, values, at_ms=at_ms, of=WARD), at_ms)]


def test_beds_are_full_when_they_have_been_for_fifteen_minutes(tmp_path):
    rules = running(tmp_path, rule(BEDS))
    assert [m for m in range(20) if beds(rules, 8, m)] == [15]
    assert beds(rules, 6, 20) == [], "75 % is within the hysteresis"
    assert beds(rules, 5, 21) == [False]


def test_seven_of_eight_beds_are_not_over_ninety_percent(tmp_path):
    rules = running(tmp_path, rule(BEDS))
    assert not any(beds(rules, 7, minute) for minute in range(40))


def test_what_a_panel_does_not_say_is_no_free_bed(tmp_path):
    """Of eight beds four are known, all taken: that is full. Three are too few to know."""
    rules = running(tmp_path, rule(BEDS.replace("for_s = 900", "")))
    one = sample(1, {f"bed_{n:02d}": 1 for n in range(1, 4)}, of=WARD)
    assert rules.judge(one, NOW_MS) == []
    (verdict,) = rules.judge(sample(2, {f"bed_{n:02d}": 1 for n in range(1, 5)}, of=WARD), NOW_MS)
    assert (verdict.facts["count"], verdict.facts["total"]) == (4, 4)


def test_a_ratio_of_a_site_is_over_its_panels_and_forgets_the_silent(tmp_path):
    text = BEDS.replace("for_s = 900", 'per = "site"\nfresh_s = 60').replace(
        'devices = ["gw-rsud-contoh/panel-icu"]', 'device_kind = "bed_panel"'
    )
    rules = running(tmp_path, rule(text))
    melati = ("gw-rsud-contoh", "panel-melati", "bed_panel")
    full = {f"bed_{n:02d}": 1 for n in range(1, 17)}
    (verdict,) = rules.judge(sample(1, full, of=melati), NOW_MS)
    assert verdict.subject == Subject("rsud-contoh")
    empty = {f"bed_{n:02d}": 0 for n in range(1, 9)}
    assert [v.active for v in rules.judge(sample(2, empty, of=WARD), NOW_MS)] == [False], "16 of 24"
    assert rules.tick(NOW_MS + 61_000, NOW_MS) == [], "nobody knows now; nothing begins"


# Count


def test_events_are_counted_in_a_window_each_once(tmp_path):
    rules = running(tmp_path, rule('kind = "count"\nevents = ["device_down"]\nat_least = 3\nwindow_s = 600'))

    def down(event: str, minute: int, device: str = "duga-air") -> list[bool]:
        at_ms = NOW_MS + minute * MINUTE_MS
        return [v.active for v in rules.happened("gw-pos-muara", device, "device_down", event, at_ms)]

    assert down("a", 0) == down("b", 1) == down("b", 2) == down("c", 3, "other") == []
    assert down("d", 4) == [True]
    assert rules.tick(NOW_MS + 9 * MINUTE_MS, NOW_MS) == []
    assert [v.active for v in rules.tick(NOW_MS + 10 * MINUTE_MS, NOW_MS)] == [False]
    assert rules.happened("gw-pos-muara", "duga-air", "device_up", "e", NOW_MS) == []


def test_a_quantity_that_comes_to_a_limit_is_counted_by_its_crossings(tmp_path):
    text = (
        'kind = "count"\ndevices = ["gw-pos-muara/duga-air"]\nquantity = "level_m"\n'
        "above = 2.0\nat_least = 3\nwindow_s = 600"
    )
    assert feed(running(tmp_path, rule(text)), [2.1] * 9) == []
    assert feed(running(tmp_path, rule(text)), [1.0, 2.0] * 3 + [1.0] * 9) == [(6, True), (12, False)]


# Upstream


UPSTREAM = 'kind = "upstream"\nstation = "jembatan-gantung"\nupstream = "bendung-hulu"\nsiaga = 3\n'
TOP = ("gw-pos-bendung-hulu", "duga-air", "river_post")


def test_the_water_of_a_post_further_up_warns_and_stays_until_it_has_passed(tmp_path):
    words = rule(UPSTREAM).replace(
        'reason_en = "{site} {device}"', 'reason_en = "{level} {upstream} {arrives}–{latest}"'
    )
    rules = running(tmp_path, words)
    (verdict,) = rules.judge(sample(1, {"level_m": 0.8}, of=TOP), NOW_MS)
    assert verdict.subject.gateway == "gw-pos-jembatan-gantung"
    assert verdict.facts["arrives_ms"] == NOW_MS + 35 * MINUTE_MS
    assert verdict.facts["latest_ms"] == NOW_MS + 55 * MINUTE_MS
    assert verdict.reason_en.startswith("Siaga 3 Bendung Hulu ")
    found = feed(rules, [0.76] + [0.7] * 60, first=2, start_ms=NOW_MS + MINUTE_MS, of=TOP)
    assert found == [(58, False)], "55 minutes after it fell below"
    assert feed(running(tmp_path, rule(UPSTREAM)), [0.79] * 5, of=TOP) == []


# Combination


def combined(text: str) -> list[str]:
    return [
        rule(OVER_TWO, name="tinggi"),
        rule(OVER_TWO.replace("2.0", "3.0"), name="sangat-tinggi"),
        rule('kind = "combination"\n' + text, name="gabungan"),
    ]


def said(rules: Running, values: list[float]) -> list[tuple[str, bool]]:
    found = []
    for at, value in enumerate(values):
        at_ms = NOW_MS + at * MINUTE_MS
        found += rules.judge(sample(at + 1, {"level_m": value}, at_ms=at_ms), at_ms)
        found += rules.tick(at_ms, NOW_MS)
    return [(v.rule, v.active) for v in found if v.rule == "gabungan"]


def test_a_combination_of_all_any_and_none(tmp_path):
    row = [1.0, 2.5, 3.5, 2.5, 1.0]
    assert said(running(tmp_path, *combined('all = ["tinggi", "sangat-tinggi"]')), row) == [
        ("gabungan", True),
        ("gabungan", False),
    ]
    assert len(said(running(tmp_path, *combined('any = ["tinggi", "sangat-tinggi"]')), row)) == 2
    found = said(running(tmp_path, *combined('all = ["tinggi"]\nnone = ["sangat-tinggi"]')), row)
    assert [active for _, active in found] == [True, False, True, False]
    assert said(running(tmp_path, *combined('all = ["tinggi", "sangat-tinggi"]')), [2.5, 2.9]) == []


def test_a_combination_waits_for_its_time_without_a_new_sample(tmp_path):
    rules = running(tmp_path, *combined('all = ["tinggi"]\nfor_s = 120'))
    assert said(rules, [2.5]) == []
    assert rules.tick(NOW_MS + 119_000, NOW_MS) == []
    assert [v.rule for v in rules.tick(NOW_MS + 120_000, NOW_MS)] == ["gabungan"]


def test_a_rule_that_only_serves_combinations_raises_no_alarm(tmp_path):
    quiet = rule(OVER_TWO + "alarm = false", name="tinggi")
    rules = running(tmp_path, quiet, rule('kind = "combination"\nall = ["tinggi"]', name="gabungan"))
    verdicts = rules.judge(sample(1, {"level_m": 2.5}), NOW_MS)
    assert [v.rule for v in verdicts] == ["gabungan"]


# Hours


HOURS = """
[[schedule]]
id = "kantor"
hours = [{ days = ["senin", "selasa", "rabu", "kamis", "jumat"], begins = "07:30", ends = "16:00" }]
[[schedule.season]]
name = "Ramadan"
first = 2027-02-08
last = 2027-03-09
hours = [{ days = ["senin"], begins = "08:00", ends = "15:00" }]
[[schedule.season]]
name = "Lebaran"
first = 2027-03-10
last = 2027-03-12
"""


def local(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=WIB).timestamp() * 1000)


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        ("2027-02-01 07:29:59", False),
        ("2027-02-01 07:30:00", True),
        ("2027-02-01 15:59:59", True),
        ("2027-02-01 16:00:00", False),
        ("2027-02-06 10:00:00", False),  # a Saturday
        ("2027-02-08 07:45:00", False),  # Ramadan
        ("2027-02-08 14:59:00", True),
        ("2027-02-08 15:00:00", False),
        ("2027-03-11 10:00:00", False),  # Lebaran
        ("2027-03-15 15:30:00", True),
    ],
)
def test_a_rule_counts_in_its_hours_of_the_region(tmp_path, at, counts):
    at_ms = local(at)
    high = {"level_m": 2.5}
    rules = running(tmp_path, HOURS, rule(OVER_TWO + 'during = "kantor"'))
    assert bool(rules.judge(sample(1, high, at_ms=at_ms), at_ms)) is counts
    rules = running(tmp_path, HOURS, rule(OVER_TWO + 'outside = "kantor"'))
    assert bool(rules.judge(sample(1, high, at_ms=at_ms), at_ms)) is not counts


def test_an_alarm_ends_with_the_hours_of_its_rule(tmp_path):
    rules = running(tmp_path, HOURS, rule(OVER_TWO + 'during = "kantor"'))
    end_ms = local("2027-02-01 16:00:00")
    assert rules.judge(sample(1, {"level_m": 2.5}, at_ms=end_ms - 1000), end_ms - 1000)
    assert rules.tick(end_ms - 1, NOW_MS) == []
    assert [v.active for v in rules.tick(end_ms, NOW_MS)] == [False]


def test_hours_over_midnight(tmp_path):
    night = '[[schedule]]\nid = "kantor"\nhours = [{ days = ["senin"], begins = "22:00", ends = "06:00" }]\n'
    rules = running(tmp_path, night, rule(OVER_TWO + 'during = "kantor"'))
    for seq, (at, counts) in enumerate(
        [("2027-02-01 21:00", 0), ("2027-02-02 05:59", 1), ("2027-02-02 22:30", 0)], 1
    ):
        at_ms = local(at)
        found = rules.judge(sample(seq, {"level_m": 2.5}, at_ms=at_ms), at_ms)
        assert sum(verdict.active for verdict in found) == counts, at
        rules.judge(sample(seq + 10, {"level_m": 0.5}, at_ms=at_ms + 1), at_ms + 1)


# The machine, restarts


def test_the_table_has_a_way_out_of_every_state():
    for state, steps in TRANSITIONS.items():
        assert set(steps.values()) - {state}, state
        assert state == "normal" or "normal" in {TRANSITIONS[s].get("closed", "normal") for s in [state]}


@given(
    st.lists(st.tuples(st.sampled_from([True, False, None]), st.integers(1, 200)), max_size=60),
    st.integers(0, 300),
    st.integers(0, 300),
)
def test_outcomes_alternate_whatever_happens(looks, for_ms, clear_ms):
    machine, raised, at_ms = Machine(), False, 0
    for there, wait_ms in looks:
        at_ms += wait_ms
        outcome = machine.take(there, at_ms, for_ms=for_ms, clear_for_ms=clear_ms, gap_ms=150)
        if outcome is not None:
            assert (outcome == "raise") is not raised
            raised = not raised
        assert (machine.state in RAISED) is raised
    assert (machine.close(at_ms) == "clear") is raised


@given(st.lists(st.sampled_from([1.0, 1.95, 2.5, None]), min_size=1, max_size=40), st.integers(0, 40))
def test_a_restart_anywhere_raises_nothing_twice_and_loses_nothing(row, at):
    with tempfile.TemporaryDirectory() as folder:
        text = rule(OVER_TWO + "hysteresis = 0.1\nfor_s = 120\nclear_for_s = 60")

        def verdicts(restart: int) -> list[tuple[int, bool]]:
            rules, found = running(Path(folder), text), []
            for seq, value in enumerate(row, 1):
                if seq == restart:
                    rules = restarted(rules, Path(folder), text)
                found += feed(rules, [value], first=seq, start_ms=NOW_MS + seq * MINUTE_MS)
            return found

        assert verdicts(at) == verdicts(-1)


def restarted(rules: Running, folder, *text: str) -> Running:
    """The rules of a hub that was killed and knows what the store had."""
    standings = [
        judge.standing()
        for places in rules.built.judges.values()
        for judge in places.values()
        if judge.state != "normal"
    ]
    marks = [mark for place in rules.built.by_device if (mark := rules.mark(*place)) is not None]
    twin = running(folder, *text)
    assert twin.restore(standings, marks, NOW_MS) == []
    return twin


def test_a_record_that_comes_again_after_a_restart_is_not_judged_again(tmp_path):
    rules = running(tmp_path, rule(OVER_TWO))
    assert feed(rules, [1.0, 2.5, 1.0]) == [(2, True), (3, False)]
    assert feed(restarted(rules, tmp_path, rule(OVER_TWO)), [1.0, 2.5, 1.0]) == []


def test_what_a_rule_had_raised_that_is_no_more_is_cleared_at_start(tmp_path):
    rules = running(tmp_path, rule(OVER_TWO))
    where = Subject("pos-muara", "gw-pos-muara", "duga-air", "level_m")
    (verdict,) = rules.restore([Standing("dulu", "stuck", where, "active", 1, 1)], [], NOW_MS)
    assert (verdict.rule, verdict.subject, verdict.active) == ("dulu", where, False)


# New rules beside old ones


def swap(rules: Running, folder, *text: str) -> list[tuple[str, bool]]:
    return [
        (v.rule, v.active)
        for v in rules.adopt(rules.prepare(book(folder, *text), REGION), NOW_MS + 30 * MINUTE_MS)
    ]


def test_rules_that_did_not_change_go_on_with_all_they_remember(tmp_path):
    one = rule(OVER_TWO + "for_s = 120", name="satu")
    rules = running(tmp_path, one)
    feed(rules, [2.5, 2.5])
    before = rules.book.version
    assert swap(rules, tmp_path, one, rule(OVER_TWO, name="dua")) == []
    assert rules.book.version != before
    assert feed(rules, [2.5], first=3, start_ms=NOW_MS + 2 * MINUTE_MS) == [(3, True), (3, True)]


def test_a_changed_rule_goes_on_where_it_stood(tmp_path):
    rules = running(tmp_path, rule(OVER_TWO))
    assert feed(rules, [2.5]) == [(1, True)]
    assert swap(rules, tmp_path, rule(OVER_TWO + "hysteresis = 0.5")) == []
    assert feed(rules, [1.6, 1.4], first=2, start_ms=NOW_MS + MINUTE_MS) == [(3, False)]


def test_an_alarm_of_a_rule_that_is_taken_out_is_cleared(tmp_path):
    rules = running(tmp_path, rule(OVER_TWO))
    feed(rules, [2.5])
    assert swap(rules, tmp_path) == [("uji", False)]
    assert feed(rules, [2.5], first=2, start_ms=NOW_MS + MINUTE_MS) == []


def test_a_rule_of_another_kind_under_the_same_name_begins_anew(tmp_path):
    rules = running(tmp_path, rule(NO_DATA))
    feed(rules, [1.0])
    rules.tick(NOW_MS + 400_000, NOW_MS)
    assert swap(rules, tmp_path, rule(OVER_TWO)) == [("uji", False)]


def test_no_record_is_judged_twice_or_missed_across_a_change(tmp_path):
    rules = running(tmp_path, rule(OVER_TWO))
    assert feed(rules, [2.5]) == [(1, True)]
    prepared = rules.prepare(book(tmp_path, rule(OVER_TWO), rule(OVER_TWO, name="dua")), REGION)
    assert feed(rules, [1.0], first=2, start_ms=NOW_MS + MINUTE_MS) == [(2, False)], "judged by the old ones"
    assert rules.adopt(prepared, NOW_MS + MINUTE_MS) == []
    assert feed(rules, [1.0], first=2, start_ms=NOW_MS + MINUTE_MS) == [], "not again"
    assert feed(rules, [2.5], first=3, start_ms=NOW_MS + 2 * MINUTE_MS) == [(3, True), (3, True)]


def test_a_combination_over_a_rule_that_is_taken_out_and_put_back(tmp_path):
    rules = running(tmp_path, *combined('all = ["tinggi"]'))
    assert said(rules, [2.5]) == [("gabungan", True)]
    assert swap(rules, tmp_path, *combined('all = ["sangat-tinggi"]')) == [("gabungan", False)]
    assert swap(rules, tmp_path, *combined('all = ["tinggi"]')) == [("gabungan", True)]


def test_subjects_that_are_not_of_the_region_are_left_alone(tmp_path):
    other = ("gw-asing", "duga-air", "river_post")
    rules = running(tmp_path, rule(OVER_TWO))
    assert rules.watched("gw-pos-muara") == {"duga-air"}
    assert rules.watched("gw-asing") == frozenset()
    assert rules.judge(sample(1, {"level_m": 9.0})._replace(gateway=other[0]), NOW_MS) == []
    assert POST[0] in REGION.gateways
