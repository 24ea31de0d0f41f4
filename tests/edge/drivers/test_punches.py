"""What readers upload, read; and people made nameless."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge.drivers.punches import CityKey, Punch, load_key, read_attlog, scan
from edge.errors import KeyFileError
from tests.edge.drivers.readers import SECRET, key_file

KEY = CityKey("2026a", bytes.fromhex(SECRET))
JAKARTA = ZoneInfo("Asia/Jakarta")


def at(*parts: int) -> datetime:
    return datetime(*parts)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("line", "punch"),
    [
        (b"1001\t2026-11-22 07:31:02\t0\t15\t0\t0\t0\n", Punch("1001", at(2026, 11, 22, 7, 31, 2), 0, 15)),
        (b"1001\t2026-11-22 07:31:02\t255\t1\r\n", Punch("1001", at(2026, 11, 22, 7, 31, 2), 255, 1)),
        (b"1001\t2026-11-22 07:31:02", Punch("1001", at(2026, 11, 22, 7, 31, 2), 0, None)),
        (b"  0042\t2026-1-2 7:03:09\t1\t\t\n", Punch("0042", at(2026, 1, 2, 7, 3, 9), 1, None)),
        (
            b"PIN=77\tDateTime=2026-11-22 16:00:00\tStatus=1\tVerify=4\n",
            Punch("77", at(2026, 11, 22, 16), 1, 4),
        ),
    ],
)
def test_a_line_is_a_punch_with_its_code_as_it_came(line, punch):
    told = read_attlog(line)
    assert told.punches == (punch,)
    assert (told.lines, told.unreadable) == (1, 0)


@pytest.mark.parametrize(
    "line",
    [
        b"1001",
        b"1001\t2026-02-30 07:00:00\t0\t1",
        b"1001\t0000-00-00 00:00:00\t0\t1",
        b"1001\t2026-11-22\t0\t1",
        b"\t2026-11-22 07:31:02\t0\t1",
        b"1001\t2026-11-22 07:31:02\tin\t1",
        b"1001\t2026-11-22 07:31:02\t0\t\xb2",
        b"9" * 33 + b"\t2026-11-22 07:31:02\t0\t1",
        b"10\x0701\t2026-11-22 07:31:02\t0\t1",
        b"\xff\xfe\x00garbage",
    ],
)
def test_what_is_no_scan_is_counted_and_its_neighbours_are_kept(line):
    good = b"7\t2026-11-22 07:31:02\t0\t1"
    told = read_attlog(b"\n".join([good, line, b"", good]))
    assert (len(told.punches), told.unreadable, told.lines) == (2, 1, 3)


def test_a_number_is_in_no_text_made_of_a_punch():
    (punch,) = read_attlog(b"198703122010\t2026-11-22 07:31:02\t0\t1").punches
    event = scan(KEY, JAKARTA, device="absen", serial="S1", punch=punch)
    assert "198703122010" not in f"{punch!r} {event!r} {KEY!r}"
    assert SECRET not in repr(KEY)
    assert b"198703122010" not in event.body


def test_a_scan_is_the_same_event_every_time_and_another_for_anything_that_differs():
    def made(number="17", minute=31, code=0, serial="S1", key=KEY):
        punch = Punch(number, at(2026, 11, 22, 7, minute, 2), code, 15)
        return scan(key, JAKARTA, device="absen", serial=serial, punch=punch)

    assert made() == made()
    other = CityKey("2027a", bytes(32))
    variants = [made("18"), made(minute=32), made(code=1), made(serial="S2"), made(key=other)]
    assert len({made().event_id, *(each.event_id for each in variants)}) == 6


def test_the_body_has_pseudonym_key_utc_and_the_raw_codes():
    made = scan(
        KEY, JAKARTA, device="absen", serial="S1", punch=Punch("17", at(2026, 11, 22, 7, 31, 2), 4, 15)
    )
    who = hmac.new(bytes.fromhex(SECRET), b"siaga attendance 1\x0017", hashlib.sha256).hexdigest()[:24]
    at_ms = 1795307462000  # 2026-11-22 00:31:02 UTC, by date(1)
    assert json.loads(made.body) == {
        "id": made.event_id,
        "kind": "attendance_scan",
        "device": "absen",
        "data": {"who": who, "key": "2026a", "at_ms": at_ms, "code": 4, "verify": 15},
    }


@pytest.mark.parametrize(("zone", "hours"), [("Asia/Jakarta", 7), ("Asia/Makassar", 8), ("Asia/Jayapura", 9)])
def test_the_sites_zone_makes_utc_of_the_readers_time(zone, hours):
    made = scan(KEY, ZoneInfo(zone), device="a", serial="S", punch=Punch("1", at(1970, 1, 2), 0))
    assert json.loads(made.body)["data"]["at_ms"] == (24 - hours) * 3_600_000


def test_a_key_file_is_read_only_where_nobody_else_may(tmp_path: Path):
    path = key_file(tmp_path)
    assert load_key(path) == KEY
    for mode in (0o640, 0o604, 0o660):
        path.chmod(mode)
        with pytest.raises(KeyFileError, match="others may read"):
            load_key(path)


def test_a_wrong_key_file_is_refused_without_telling_what_is_in_it(tmp_path: Path):
    path = key_file(tmp_path, secret=SECRET[:-1] + "G")
    with pytest.raises(KeyFileError, match="line 2") as caught:
        load_key(path)
    assert SECRET[:8] not in str(caught.value)
    with pytest.raises(KeyFileError, match="No such file"):
        load_key(tmp_path / "none.key")
