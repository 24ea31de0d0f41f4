"""The alarm about backups that have stopped."""

import pytest
from sqlalchemy import select

from hub import life
from hub.alarms.tables import alarms
from hub.backup import age, folder
from hub.backup.age import HOUR_MS, BackupAge
from hub.db import Database

NOW_MS = 1_790_000_000_000


class Now:
    """A clock that is put forward by hand."""

    ms = NOW_MS

    def now_ms(self) -> int:
        return self.ms

    def mono_ms(self) -> int:
        return self.ms


@pytest.fixture
def db(tmp_path):
    """A store whose first day is today."""
    db = Database(f"sqlite:///{tmp_path}/hub.sqlite")
    db.open()
    yield db
    db.close()


@pytest.mark.parametrize(("age_h", "severity"), [(0, None), (25, None), (26, 1), (47, 1), (48, 2), (1000, 2)])
def test_a_day_is_worth_a_word_and_two_are_worse(age_h, severity):
    assert age.severity(age_h * HOUR_MS) == severity


def test_the_newest_is_told_by_its_name_and_nothing_else_is_one(tmp_path):
    assert folder.newest_ms(tmp_path / "nothing") is None
    assert folder.newest_ms(tmp_path) is None
    # The last one, which somebody had renamed, ended the hub.
    for name in ("siaga-notes.age", folder.new_name(NOW_MS) + ".part", "siaga-20260231T999999Z.age"):
        (tmp_path / name).touch()
    assert folder.newest_ms(tmp_path) is None
    for at_ms in (NOW_MS, NOW_MS - HOUR_MS):
        (tmp_path / folder.new_name(at_ms)).touch()
    assert folder.newest_ms(tmp_path) == NOW_MS


async def test_it_comes_gets_worse_and_goes_with_the_next_backup(db, tmp_path):
    clock, told = Now(), []
    await db.write(lambda conn: life.incarnation(conn, now_ms=NOW_MS, random=lambda _: 7))
    watch = BackupAge(tmp_path, db, clock, changed=lambda: told.append(clock.ms))

    async def severity(hours: float) -> int | None:
        clock.ms = NOW_MS + round(hours * HOUR_MS)
        await watch.judge()
        row = await db.read(lambda conn: conn.execute(select(alarms)).one_or_none())
        return None if row is None or row.state in ("normal", "returned") else int(row.severity)

    assert await severity(25) is None, "a store of today has no backup yet"
    assert await severity(27) == 1
    assert await severity(50) == 2
    assert await severity(51) == 2
    (tmp_path / folder.new_name(NOW_MS + 52 * HOUR_MS)).touch()
    assert await severity(53) is None
    assert len(told) == 3
