"""What the standard library's SQLite says, as errors of ours; a fault of ours is never taken for a damaged card."""

import sqlite3

import pytest

from edge.errors import CardError, CorruptCard, DiskFull
from edge.sqlite import FileCard, card_error


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (sqlite3.SQLITE_FULL, DiskFull),
        (sqlite3.SQLITE_CORRUPT, CorruptCard),
        (sqlite3.SQLITE_NOTADB, CorruptCard),
        (522, CorruptCard),
        (None, CorruptCard),
        (sqlite3.SQLITE_IOERR, CardError),
        (sqlite3.SQLITE_IOERR | 3 << 8, CardError),
        (sqlite3.SQLITE_READONLY, CardError),
        (sqlite3.SQLITE_BUSY, CardError),
        (sqlite3.SQLITE_CANTOPEN, CardError),
    ],
)
def test_result_codes(code, error):
    found = card_error(code, "text")
    assert type(found) is error
    assert found.hint
    assert found.retryable is (error is not CorruptCard)


def test_a_file_that_is_no_database(tmp_path):
    path = tmp_path / "x.db"
    path.write_bytes(b"nothing of the kind" * 500)
    db = FileCard().open(str(path))
    with pytest.raises(CorruptCard):
        db.execute("SELECT * FROM sqlite_master")
    db.close()


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(CardError):
        FileCard().open(str(tmp_path / "no" / "x.db")).execute("SELECT 1 FROM sqlite_master")


def test_a_fault_of_ours_is_not_a_damaged_card(tmp_path):
    db = FileCard().open(str(tmp_path / "x.db"))
    with pytest.raises(sqlite3.ProgrammingError):
        db.execute("SELECT ?", ())
    db.close()
    with pytest.raises(sqlite3.ProgrammingError):
        db.execute("SELECT 1")


def test_files(tmp_path):
    card = FileCard()
    name = str(tmp_path / "a")
    assert card.size(name) is None
    card.extend(name, 3_000_000)
    assert card.size(name) == 3_000_000
    card.extend(name, 10)
    assert card.size(name) == 3_000_000, "never shorter"
    card.rename(name, name + ".b")
    assert card.size(name) is None
    card.remove(name + ".b")
    card.remove(name + ".b")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(CardError):
        card.rename(name, name + ".c")
