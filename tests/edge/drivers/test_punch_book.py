"""Each scan once in the event lane, through repeats, refusals, deaths between two commits, and a damaged book."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from edge.drivers.punch_book import PunchBook
from edge.drivers.punches import CityKey, Punch, scan
from edge.errors import CardError
from tests.edge.drivers.readers import SECRET, Store

KEY = CityKey("2026a", bytes.fromhex(SECRET))


class Killed(BaseException):
    """Stands for kill -9: nothing of the process goes on."""


def scans(*minutes: int, key: CityKey = KEY):
    zone = ZoneInfo("Asia/Jakarta")
    punches = [
        Punch("17", datetime(2026, 11, 22, 7, minute), 0, 15)  # noqa: DTZ001
        for minute in minutes
    ]
    return [scan(key, zone, device="absen", serial="S1", punch=punch) for punch in punches]


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    yield store
    store.spool.close()


@pytest.fixture
def book(tmp_path, store):
    book = PunchBook(tmp_path / "book.sqlite")
    book.open(store)
    yield book
    book.close()


def again(tmp_path, store):
    """The book as the next process opens it; the first one was never closed."""
    book = PunchBook(tmp_path / "book.sqlite")
    book.open(store)
    return book


def test_a_repeat_is_known_within_a_batch_between_batches_and_after_a_restart(tmp_path, book, store):
    assert book.append("S1", scans(1, 2, 2), store, 10) == 2
    assert book.append("S1", scans(2, 3), store, 20) == 1
    book.close()
    later = again(tmp_path, store)
    assert later.append("S1", scans(1, 2, 3), store, 30) == 0
    assert later.append("S1", scans(4), store, 40) == 1
    assert later.counted("S1") == (4, 0)
    later.close()
    assert len(store.events()) == 4


def test_a_change_of_the_citys_key_does_not_make_old_scans_new(book, store):
    assert book.append("S1", scans(1, 2), store, 10) == 2
    assert book.append("S1", scans(1, 2, 3, key=CityKey("2027a", bytes(32))), store, 20) == 1


def test_what_the_spool_refuses_is_not_remembered(book, store):
    store.refuse = True
    with pytest.raises(CardError):
        book.append("S1", scans(1, 2), store, 10)
    assert book.counted("S1") == (0, 0)
    store.refuse = False
    assert book.append("S1", scans(1, 2), store, 20) == 2


def test_killed_before_the_spool_had_it_it_is_told_again(tmp_path, book, store):
    store.die = Killed()
    with pytest.raises(Killed):
        book.append("S1", scans(1, 2), store, 10)
    store.die = None
    # The next process writes an event of its own into the very row.
    store.append_events([(5, b'{"id":"%032x","kind":"gateway_start","device":"g"}' % 1)])
    later = again(tmp_path, store)
    assert later.counted("S1") == (0, 0)
    assert later.append("S1", scans(1, 2), store, 20) == 2
    later.close()
    assert [event.kind for event in store.events()].count("attendance_scan") == 2


def test_killed_after_the_spool_had_it_it_is_known(tmp_path, book, store):
    store.die_after = Killed()
    with pytest.raises(Killed):
        book.append("S1", scans(1, 2), store, 10)
    store.die_after = None
    later = again(tmp_path, store)
    assert later.append("S1", scans(1, 2, 3), store, 20) == 1
    assert later.counted("S1") == (3, 0)
    later.close()
    assert len(store.events()) == 3


def test_a_damaged_book_is_set_aside_and_its_scans_keep_their_event_ids(tmp_path, book, store):
    book.append("S1", scans(1), store, 10)
    book.set_stamp("S1", "ATTLOG", "7")
    book.close()
    (tmp_path / "book.sqlite").write_bytes(b"no database at all" * 1000)
    later = again(tmp_path, store)
    assert later.stamp("S1", "ATTLOG") is None
    assert later.append("S1", scans(1), store, 20) == 1
    later.close()
    first, second = store.events()
    assert first == second
    assert (tmp_path / "book.sqlite.damaged").exists()


def test_stamps_are_kept_by_reader_and_table(tmp_path, book, store):
    book.set_stamp("S1", "ATTLOG", "7")
    book.set_stamp("S1", "OPERLOG", "8")
    book.close()
    later = again(tmp_path, store)
    assert [later.stamp("S1", name) for name in ("ATTLOG", "OPERLOG")] == ["7", "8"]
    assert later.stamp("S2", "ATTLOG") is None
    later.close()


def test_nobody_else_may_read_the_book(tmp_path, book):
    assert (tmp_path / "book.sqlite").stat().st_mode & 0o077 == 0
