"""What programmes have reached: a value a day, corrected by saying it again, each change in the trail."""

import datetime as dt
import json
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from contract.strict_toml import TomlError
from hub.api.tables import audit
from hub.kpis import programmes as points
from hub.programmes import commands, files, store
from hub.programmes.files import Programme
from hub.programmes.store import ACTION, ProgrammeError, Value
from tests.hub.city import NOW

WIB = ZoneInfo("Asia/Jakarta")
TODAY = store.today(WIB, NOW)
IMMUNISED = Programme(id="imunisasi", name="Imunisasi dasar", owner="Dinas Kesehatan", unit="%", target=95.0)
FIRE = Programme(
    id="damkar", name="Waktu tanggap", owner="Damkar", unit="menit", target=15.0, better="lower", every_d=7
)
KNOWN = {one.id: one for one in (IMMUNISED, FIRE)}


def put(conn, *values, actor="sari", now_ms=NOW):
    return store.put(conn, KNOWN, values, actor=actor, today=TODAY, now_ms=now_ms)


def trail(conn):
    rows = conn.execute(select(audit).where(audit.c.action == ACTION).order_by(audit.c.n))
    return [(row.actor, row.subject, json.loads(row.detail)) for row in rows]


def days(ago):
    return TODAY - dt.timedelta(days=ago)


def test_a_value_is_taken_once_corrected_and_told_in_the_trail(conn):
    assert put(conn, Value("imunisasi", days(40), 90.0), Value("imunisasi", TODAY, 93.5)) == 2
    assert put(conn, Value("imunisasi", TODAY, 93.5)) == 0
    assert put(conn, Value("imunisasi", TODAY, 94.0), actor="budi", now_ms=NOW + 1) == 1
    assert store.newest(conn) == {"imunisasi": Value("imunisasi", TODAY, 94.0)}
    assert trail(conn)[1:] == [
        ("sari", "imunisasi", {"date": str(TODAY), "value": 93.5, "before": None}),
        ("budi", "imunisasi", {"date": str(TODAY), "value": 94.0, "before": 93.5}),
    ]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Value("vaksin", TODAY, 1.0), "no programme 'vaksin'"),
        (Value("damkar", TODAY + dt.timedelta(days=1), 1.0), "has not come yet"),
        (Value("damkar", TODAY, -0.1), "is no value"),
        (Value("damkar", TODAY, float("nan")), "is no value"),
    ],
)
def test_one_that_cannot_be_takes_the_others_with_it(conn, wrong, said):
    with pytest.raises(ProgrammeError, match=said):
        put(conn, Value("imunisasi", TODAY, 93.5), wrong)
    assert (store.newest(conn), trail(conn)) == ({}, [])


def test_the_points_say_how_much_is_reached_and_what_is_late(conn):
    put(conn, Value("imunisasi", days(32), 47.5), Value("damkar", days(7), 20.0))
    found = {point.tags[0]: point.values for point in points.reached(conn, KNOWN, WIB, NOW)}
    assert found["imunisasi"] == {
        "target": 95.0, "value": 47.5, "reached_pct": 50.0, "off": 1, "age_s": 32 * 86_400, "late": 1,
    }  # fmt: skip
    assert (found["damkar"]["reached_pct"], found["damkar"]["off"], found["damkar"]["late"]) == (75.0, 1, 0)


def test_one_without_a_report_has_its_target_and_no_value(conn):
    put(conn, Value("damkar", TODAY, 12.0))
    found = {point.tags[0]: point.values for point in points.reached(conn, KNOWN, WIB, NOW)}
    assert found["imunisasi"] == {"target": 95.0, "late": 1}
    assert (found["damkar"]["reached_pct"], found["damkar"]["off"]) == (100.0, 0)


def test_a_correction_is_the_same_point_of_its_day(conn):
    put(conn, Value("damkar", days(1), 12.0))
    ((before, mark),) = points.reported(conn, KNOWN, WIB, 0)
    put(conn, Value("damkar", days(1), 13.0), now_ms=NOW + 1)
    ((after, other),) = points.reported(conn, KNOWN, WIB, 0)
    assert (before.t_ms, before.tags, before.id) == (after.t_ms, after.tags, after.id)
    assert (after.values["value"], mark != other) == (13.0, True)
    begin = dt.datetime.fromtimestamp(after.t_ms / 1000, WIB)
    assert (begin.date(), begin.time()) == (days(1), dt.time())
    assert list(points.reported(conn, {"imunisasi": IMMUNISED}, WIB, 0)) == [], "gone from the profile"


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_csv_file_is_read(tmp_path, separator):
    rows = [("date", "programme", "value", "catatan"), ("2026-10-31", "damkar", "12.5", "x")]
    (tmp_path / "a.csv").write_text("\n".join(separator.join(row) for row in rows))
    assert list(commands.values_of(tmp_path / "a.csv")) == [Value("damkar", dt.date(2026, 10, 31), 12.5)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("programme,value\ndamkar,1\n", "has not the columns"),
        ("programme,date,value\ndamkar,31-10-2026,1\n", ":2: "),
        ("programme,date,value\ndamkar,2026-10-31,1\ndamkar,2026-10-31,dua\n", ":3: "),
        ("programme,date,value\ndamkar,2026-10-31\n", ":2: "),
        ("", "has not the columns"),
    ],
)
def test_a_csv_file_that_is_none_says_the_line(tmp_path, text, said):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ProgrammeError, match=said):
        list(commands.values_of(tmp_path / "a.csv"))


def test_a_profile_may_do_without_and_a_mistake_is_told_with_its_line(tmp_path):
    assert files.read(tmp_path) == {}
    entry = '[[programme]]\nid = "a"\nname = "A"\nowner = "B"\nunit = "%"\ntarget = 5\n'
    (tmp_path / files.NAME).write_text(entry)
    assert files.read(tmp_path)["a"].target == 5.0
    for wrong in (entry.replace("5", "0"), entry + entry, entry + "goal = 1\n"):
        (tmp_path / files.NAME).write_text(wrong)
        with pytest.raises(TomlError, match=r"programmes\.toml:\d+"):
            files.read(tmp_path)
