"""``siaga-hub rules``: a file is checked, and tried on data of the past, with a drawing."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime

import pytest

from hub import cli
from hub.errors import ConfigError
from hub.rules.plot import MOST_POINTS, Bar, Curve, _thinned, svg
from hub.rules.replay import Column, Row, read_csv, replay
from tests.hub.rules.books import NOW_MS, PROFILE, REGION, rule, running

OVER_TWO = rule('kind = "threshold"\ndevices = ["gw-pos-muara/duga-air"]\nquantity = "level_m"\nabove = 2.0')
DIAM = rule('kind = "no_data"\ndevices = ["gw-pos-muara/duga-air"]\nafter_s = 7200', name="diam")
CSV = """time,muara_cm,hulu
2026-01-01 06:00:00,100,0.1
2026-01-01 07:00:00,210,0.2
2026-01-01 08:00:00,,0.9
2026-01-01 13:00:00,150,0.2
"""
MAPS = ["muara_cm=gw-pos-muara/duga-air/level_m*0.01", "hulu=gw-pos-bendung-hulu/duga-air/level_m"]


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text(OVER_TWO + DIAM)
    (tmp_path / "data.csv").write_text(CSV)
    return path


def run(*arguments: str) -> int:
    return cli.main(["rules", *arguments])


def test_a_good_file_is_told_with_its_places(capsys):
    assert run("check", str(PROFILE / "rules.toml")) == 0
    out = capsys.readouterr().out
    assert "tempat-tidur-penuh: ratio, 3 tempat" in out
    assert "baik / good, 8 aturan" in out


def test_a_bad_file_is_told_with_its_line(rules, capsys):
    rules.write_text(OVER_TWO + "abvoe = 1")
    assert run("check", str(rules), "--profile", str(PROFILE)) == cli.REFUSED
    assert f"{rules}:12: rule[0].abvoe: unknown key" in capsys.readouterr().err
    assert run("check", str(rules.with_name("none.toml")), "--profile", str(PROFILE)) == cli.REFUSED
    assert "there is no file" in capsys.readouterr().err


def test_a_csv_file_is_replayed_in_the_order_of_time_and_drawn(rules, tmp_path, capsys):
    drawing = tmp_path / "out.svg"
    maps = [word for text in MAPS for word in ("--map", text)]
    data = ("--csv", str(tmp_path / "data.csv"), "--profile", str(PROFILE), "--plot", str(drawing))
    assert run("test", str(rules), "--replay", *data, *maps) == 0
    lines = capsys.readouterr().out.splitlines()
    said = [line[:16] + " " + line.split("WIB ")[1].split(" +")[0] for line in lines if "WIB " in line]
    assert said == [
        "2026-01-01 07:00 uji gw-pos-muara/duga-air/level_m",
        "2026-01-01 08:00 bendung-hulu level Siaga 4 -> 3 0.90 m",
        "2026-01-01 09:00 diam gw-pos-muara/duga-air",
        "2026-01-01 13:00 bendung-hulu level Siaga 3 -> 4 0.20 m",
        "2026-01-01 13:00 uji gw-pos-muara/duga-air/level_m -",
        "2026-01-01 13:00 diam gw-pos-muara/duga-air -",
    ]
    assert "8 baris / rows, 3 alarm" in lines[-2]
    root = ET.fromstring(drawing.read_text())
    assert root.tag.endswith("svg")
    assert "Siaga 3" in drawing.read_text()


def test_one_rule_alone_may_be_looked_at(rules, tmp_path, capsys):
    data = ("--csv", str(tmp_path / "data.csv"), "--profile", str(PROFILE), "--map", MAPS[0])
    assert run("test", str(rules), "--replay", *data, "--rule", "diam") == 0
    assert "1 alarm" in capsys.readouterr().out
    assert run("test", str(rules), "--replay", *data, "--rule", "daim") == cli.REFUSED
    assert "'diam'" in capsys.readouterr().err
    late = ("--from", "2026-01-02T00:00", "--until", "2026-01-03T00:00")
    assert run("test", str(rules), "--replay", *data, *late) == cli.REFUSED
    assert "no data" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("time,a\nx,1\n", ":2: Invalid isoformat"),
        ("time,a\n2026-01-01,x\n", ":2: could not convert"),
        ("zeit,a\n2026-01-01,1\n", "there is no column 'time'"),
    ],
)
def test_a_bad_csv_file_is_told_with_its_line(tmp_path, text, says):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_csv(path, REGION, [Column.parse("a=gw-pos-muara/duga-air/level_m")])
    assert says in str(caught.value)


@pytest.mark.parametrize("text", ["a", "a=b/c", "a=b/c/d*x", "a=b/c/d/e"])
def test_what_is_no_column_is_refused(text):
    with pytest.raises(ConfigError, match="no column"):
        Column.parse(text)


def test_a_csv_file_may_name_its_places_itself_and_its_offsets(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("time,gw-pos-muara/duga-air/level_m,note\n2026-01-01T00:00:00+00:00,2.5,x\n")
    at_ms = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
    assert read_csv(path, REGION, []) == [Row(at_ms, "gw-pos-muara", "duga-air", {"level_m": 2.5})]


def test_a_replay_leaves_out_devices_that_the_region_does_not_have(tmp_path):
    rows = [
        Row(NOW_MS, "gw-asing", "x", {"level_m": 9.0}),
        Row(NOW_MS, "gw-pos-muara", "x", {"level_m": 9.0}),
    ]
    assert list(replay(REGION, running(tmp_path, OVER_TWO), rows)) == []


def test_a_drawing_keeps_its_peaks_and_escapes_its_words():
    points = [(at, 1.0) for at in range(20_000)]
    points[7_777] = (7_777, 9.0)
    thin = _thinned(points)
    assert len(thin) <= MOST_POINTS + 2
    assert (7_777, 9.0) in thin
    text = svg("<a&b>", [Curve("x", points, [(2.0, "<")])], [Bar("y", [(5, None), (0, 1)])], UTC)
    ET.fromstring(text)
    assert "<a&b>" not in text
    assert svg("none", [], [], UTC).count("polyline") == 0
