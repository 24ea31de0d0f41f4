"""The study of the real river: its counts are those of a person who reads the file, its page is what it makes."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from benchmarks.river import __main__ as page
from benchmarks.river import alarms, posts, warnings
from hub.rules.model import siaga
from tests.ciliwung import FILE, THRESHOLDS_CM, WIB, needs_the_river, plain, read
from tests.docs import pages

HOUR = posts.HOUR_MS


@pytest.fixture(scope="module")
def river():
    return posts.read(FILE)


@needs_the_river
@pytest.mark.parametrize("hysteresis_mm", [0, 50])
def test_the_engines_changes_are_those_of_two_plain_readings(river, hysteresis_mm):
    found = alarms.changes(river, hysteresis_mm)
    assert alarms.is_read_the_same(river, found, hysteresis_mm)
    for post in THRESHOLDS_CM:
        other = [(one.t_ms, one.old, one.new) for one in plain(post, read(post), hysteresis_mm / 10)]
        assert [(one.t_ms, siaga(one.old), siaga(one.new)) for one in found[post]] == other
    broken = {**found, "depok": found["depok"][1:]}
    assert not alarms.is_read_the_same(river, broken, hysteresis_mm)


@needs_the_river
def test_the_page_has_the_tables_that_the_file_gives(river):
    floods, hourly = page._hourly(river)
    text = pages.text("river.md")
    assert hourly in text
    assert page._warnings(floods, alarms.verdicts(river, warnings.rules())) in text


def test_the_page_goes_into_a_folder_that_is_not_there_yet(tmp_path, monkeypatch):
    rows = ["time_local_wib,katulampa_cm,depok_cm,manggarai_cm"]
    begin = datetime(2023, 2, 24, tzinfo=WIB)
    for hour in range(48):
        level_cm = 300 if 20 < hour < 30 else 50
        rows += [f"{begin + timedelta(hours=hour):%Y-%m-%d %H:%M:%S},{level_cm},{level_cm},{level_cm}"]
    (tmp_path / "river.csv").write_text("\n".join(rows))
    into = tmp_path / "not" / "there"
    monkeypatch.setattr("sys.argv", ["river", str(tmp_path / "river.csv"), "--into", str(into)])
    page.main()
    assert sorted(path.name for path in into.iterdir()) == [
        "river-depok.svg",
        "river-manggarai.svg",
        "river.md",
    ]


@needs_the_river
def test_three_days_by_the_minute_chatter_without_hysteresis(river):
    first = int(datetime(2023, 2, 24, 12, tzinfo=WIB).timestamp() * 1000)
    last = first + int(timedelta(days=3).total_seconds() * 1000)
    restless = {
        post: posts.by_minute([p for p in points if first <= p[0] <= last], seed=7, noise_m=0.05)
        for post, points in river.items()
    }
    found = alarms.verdicts(restless, alarms.thresholds(posts.region(50)))
    for post in posts.POSTS:
        bare, with_hysteresis, both = (
            len(found[f"{name}-{post}"]) for name in ("polos", "histeresis", "keduanya")
        )
        assert bare > with_hysteresis >= both > 0
        limit = posts.THRESHOLDS_MM[post][:1] * 3
        once = [
            new for _, old, new in alarms.plainly(restless[post], (limit[0], 10**6, 10**7), 50) if old < new
        ]
        assert with_hysteresis == len(once)


def test_an_alarm_again_is_one_soon_after_the_last():
    spans = [(0, HOUR), (7 * HOUR, 8 * HOUR), (15 * HOUR, None)]
    assert alarms.of(spans, 5) == alarms.Counted(raised=3, cleared=2, again=1, changes=5)
    assert alarms.met([(0, HOUR), (30 * HOUR, 31 * HOUR)], [(2 * HOUR, 3 * HOUR)]) == 1


def test_warnings_are_ahead_in_vain_or_with_the_event():
    floods = warnings.events([(100 * HOUR, 101 * HOUR), (110 * HOUR, 111 * HOUR), (300 * HOUR, 310 * HOUR)])
    assert floods == [(100 * HOUR, 111 * HOUR), (300 * HOUR, 310 * HOUR)], "one flood with two peaks"
    found = warnings.judge(
        "uji",
        floods,
        [
            (10 * HOUR, 11 * HOUR),  # in vain
            (90 * HOUR, 91 * HOUR),
            (97 * HOUR, 98 * HOUR),
            (300 * HOUR, 301 * HOUR),  # with it
            (305 * HOUR, 306 * HOUR),  # while it is on
        ],
    )
    assert (found.events, found.ahead, found.lead_h, found.warnings, found.in_vain) == (2, 1, (10.0,), 5, 1)


def test_a_gap_stays_a_gap_by_the_minute():
    points = posts.by_minute([(0, 1.0), (HOUR, 2.0), (3 * HOUR, 2.0)], seed=1, noise_m=0.0)
    assert len(points) == 60
    assert points[30] == (30 * posts.MINUTE_MS, 1.5)
