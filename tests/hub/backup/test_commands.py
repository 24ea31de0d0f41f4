"""``siaga-hub backup`` and ``restore`` as a person calls them, on a hub without InfluxDB."""

import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from hub import life
from hub.api import audit
from hub.api.auth import sessions
from hub.api.tables import audit as trail
from hub.api.tables import users
from hub.backup import archive, files, keys
from hub.backup.folder import prune
from hub.cli import main
from hub.config import load_config
from hub.db import migrate, production_engine
from tests.hub.backup.test_files import HUB

NOW_MS = 1_790_000_000_000


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A hub that has run: a store with a user who is logged in, and a key to back up to."""
    folder = tmp_path / "hub"
    for name in ("kota/region.toml", "tls/ca.pem", "tls/a.pem", "tls/a.key", "tls/b.pem", "tls/b.key"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    recipient = keys.make(tmp_path / "key")
    text = HUB.replace(
        'folder = "backups"', f'folder = "{tmp_path}/backups"\nrecipients = ["{recipient}"]\nkeep = 2'
    )
    (folder / "hub.toml").write_text(text)
    with store(folder / "hub.sqlite").begin() as conn:
        migrate(conn)
        life.incarnation(conn, now_ms=NOW_MS, random=lambda _: 7)
        user = {"name": "sari", "full_name": "Sari", "password": "hash", "roles": "admin", "active": True}
        conn.execute(insert(users).values(**user, created_ms=NOW_MS, password_ms=NOW_MS))
        sessions.start(conn, "sari", address="10.0.0.1", now_ms=NOW_MS)
        audit.record(conn, "sari", "login", "sari", now_ms=NOW_MS)
    return folder / "hub.toml"


def store(path: Path):
    return production_engine(f"sqlite:///{path}", True)


def back_up(config: Path, capsys, *more: str) -> Path:
    assert main(["backup", "--config", str(config), *more]) == 0
    told: str = capsys.readouterr().out
    (line,) = (line for line in told.splitlines() if "read back" in line)
    return Path(line.split(": ")[0])


def restore(backup: Path, *more: str) -> int:
    return main(["restore", str(backup), "--identity", str(backup.parents[1] / "key"), *more])


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        return connection.execute(sql).fetchall()


def test_below_another_folder_all_is_there_and_the_hubs_file_points_to_it(config, tmp_path, capsys):
    backup = back_up(config, capsys)
    into = tmp_path / "elsewhere"
    assert restore(backup, "--into", str(into)) == 0
    moved = into.joinpath(*config.parts[1:])
    found = load_config(moved)
    assert Path(found.profile) == moved.parent / "kota"
    assert found.backup.folder == f"{into}{tmp_path}/backups"
    assert rows(moved.parent / "hub.sqlite", "select name from users") == [("sari",)]
    assert (moved.parent / "hub.sqlite").stat().st_mode & 0o777 == 0o600
    assert "then: siaga-hub check" in capsys.readouterr().out


def test_after_a_restore_nobody_is_logged_in_and_the_generation_is_above_every_other(
    config, tmp_path, capsys
):
    backup = back_up(config, capsys)
    generations = []
    for name in ("one", "two"):
        assert restore(backup, "--into", str(tmp_path / name)) == 0
        found = (tmp_path / name).joinpath(*config.parent.parts[1:]) / "hub.sqlite"
        assert rows(found, "select count(*) from sessions") == [(0,)]
        generations += rows(found, "select generation, random from hub_life")
        assert rows(found, "select action, actor from audit order by n") == [
            ("login", "sari"),
            ("hub.restore", "cli"),
        ]
    # The same backup twice, as after a second disaster: the gateways' hub of before is not above the new one.
    assert generations[1][0] >= generations[0][0] > 20_000_000
    assert generations[0][1] != generations[1][1]
    assert restore(backup, "--into", str(tmp_path / "three"), "--above", "2000000000") == 0
    assert "2000000001" in capsys.readouterr().out


def test_a_look_writes_nothing_and_says_what_is_there_and_which_file_it_was(config, tmp_path, capsys):
    assert main(["backup", "--config", str(config)]) == 0
    first, digest = capsys.readouterr().out.splitlines()
    shutil.rmtree(config.parent)
    assert restore(Path(first.split(": ")[0]), "--check") == 0
    told = capsys.readouterr().out
    assert "utuh / whole: 7 files" in told
    assert digest in told.splitlines()
    assert not config.parent.exists()


def test_a_damaged_backup_or_another_key_changes_nothing(config, tmp_path, capsys):
    backup = back_up(config, capsys)
    keys.make(tmp_path / "other")
    into = ["--into", str(tmp_path / "into")]
    assert main(["restore", str(backup), "--identity", str(tmp_path / "other"), *into]) == 2
    data = bytearray(backup.read_bytes())
    data[len(data) // 2] ^= 1
    backup.write_bytes(data)
    assert restore(backup, *into) == 2
    assert not (tmp_path / "into").exists()
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "about", [{}, {"made_ms": "soon"}, {"made_ms": 1, "config": 5}, {"made_ms": 1, "config": "/x"}]
)
def test_a_file_that_is_whole_and_no_hubs_backup_is_refused(tmp_path, about, capsys):
    recipient = keys.recipients([keys.make(tmp_path / "key")])
    (tmp_path / "backups").mkdir()
    with archive.writing(tmp_path / "backups" / "a.age", recipient) as writer:
        writer.about.update(about)
    assert restore(tmp_path / "backups" / "a.age", "--into", str(tmp_path / "into")) == 2
    assert "not a hub's" in capsys.readouterr().err
    assert not (tmp_path / "into").exists()


def test_what_is_there_is_never_written_over(config, tmp_path, capsys):
    backup = back_up(config, capsys)
    assert restore(backup) == 2
    assert "not empty" in capsys.readouterr().err
    (config.parent / "tls" / "a.key").write_text("a newer key")
    assert restore(backup) == 2
    assert "a.key is there, with another content" in capsys.readouterr().err
    assert (config.parent / "tls" / "a.key").read_text() == "a newer key"


def test_a_trail_that_does_not_hold_is_not_restored(config, tmp_path, capsys):
    with store(config.parent / "hub.sqlite").begin() as conn:
        conn.execute(update(trail).values(actor="nobody"))
    backup = back_up(config, capsys)
    into = tmp_path / "into"
    assert restore(backup, "--into", str(into)) == 2
    assert "audit trail" in capsys.readouterr().err
    found = into.joinpath(*config.parent.parts[1:]) / "hub.sqlite"
    assert rows(found, "select count(*) from sqlite_master") == [(0,)], "nothing of it is there"


def test_parts_can_be_restored_alone_and_later(config, tmp_path, capsys):
    backup = back_up(config, capsys)
    into = ["--into", str(tmp_path / "into")]
    found = (tmp_path / "into").joinpath(*config.parent.parts[1:])
    assert restore(backup, *into, "--only", "files") == 0
    assert not (found / "hub.sqlite").exists()
    assert restore(backup, *into, "--only", "sql") == 0
    assert rows(found / "hub.sqlite", "select count(*) from users") == [(1,)]


def test_the_oldest_backups_go_and_nothing_else_in_the_folder(config, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "backups"
    folder.mkdir()
    for name in (
        "siaga-20200101T000000Z.age",
        "siaga-20210101T000000Z.age",
        "my notes.age",
        "siaga-2020.age",
    ):
        (folder / name).write_text("x")
    newest = back_up(config, capsys).name
    assert {path.name for path in folder.iterdir()} == {
        newest,
        "siaga-20210101T000000Z.age",
        "my notes.age",
        "siaga-2020.age",
    }
    assert prune(folder, 0) == []


def test_without_a_recipient_or_a_store_there_is_no_backup(config, tmp_path, capsys):
    (config.parent / "hub.sqlite").unlink()
    assert main(["backup", "--config", str(config)]) == 2
    assert "is not there" in capsys.readouterr().err
    config.write_text(config.read_text().replace("recipients = [", "recipients = [] # ["))
    assert main(["backup", "--config", str(config)]) == 2
    assert "nobody could read" in capsys.readouterr().err
    assert main(["backup", "--config", str(config), "--series", "many"]) == 2
    assert list((tmp_path / "backups").iterdir()) == []


def test_the_root_is_in_it_only_when_it_is_asked_for(config, tmp_path, capsys):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "root.key").write_text("akar")
    assert restore(back_up(config, capsys), "--into", str(tmp_path / "without")) == 0
    assert not list((tmp_path / "without").rglob("root.key"))
    asked = back_up(config, capsys, "--root", str(tmp_path / "root"), "--to", str(config.parent / "with.age"))
    assert restore(asked, "--into", str(tmp_path / "with")) == 0
    assert [path.read_text() for path in (tmp_path / "with").rglob("root.key")] == ["akar"]
    assert list((tmp_path / "with").rglob("hub.toml")), "what lies beside the file is taken all the same"
    assert not list((tmp_path / "with").rglob("*.age*"))


def test_what_systemd_shows_to_the_service_is_not_taken_from_there(config, tmp_path, monkeypatch, capsys):
    shown = tmp_path / "credentials"
    shown.mkdir()
    (shown / "kunci").write_text("rahasia")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(shown))
    config.write_text(config.read_text().replace('"tls/a.key"', '"credential:kunci"'))
    backup = back_up(config, capsys)
    assert restore(backup, "--into", str(tmp_path / "into")) == 0
    assert not list((tmp_path / "into").rglob("kunci"))


def test_credentials_are_looked_for_beside_the_file_that_came_back(config, tmp_path, monkeypatch, capsys):
    secrets = config.parent / "secrets"
    secrets.mkdir()
    (secrets / "kunci").write_text("rahasia")
    text = config.read_text().replace('"tls/a.key"', '"credential:kunci"')
    config.write_text(text.replace("keep = 2", 'keep = 2\nalso = ["secrets/kunci"]'))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "shown"))
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown" / "kunci").write_text("rahasia")
    backup = back_up(config, capsys)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    assert restore(backup, "--into", str(tmp_path / "into")) == 0
    assert [path.parent.name for path in (tmp_path / "into").rglob("kunci")] == ["secrets"]


def test_a_register_at_rest_is_read_where_nothing_may_be_written(tmp_path, monkeypatch):
    path = tmp_path / "register.sqlite"
    with sqlite3.connect(path) as register:
        register.execute("CREATE TABLE claims (id)")
    tried = []
    real = files._copy

    def no_files_beside(of, how, into):
        tried.append(how)
        if "immutable" not in how:
            raise sqlite3.OperationalError("unable to open database file")
        real(of, how, into)

    monkeypatch.setattr(files, "_copy", no_files_beside)
    assert files._content(path).startswith(b"SQLite format 3")
    assert tried == ["mode=ro", "mode=ro&immutable=1"]
    path.with_name("register.sqlite-wal").write_bytes(os.urandom(10))
    with pytest.raises(sqlite3.OperationalError):
        files._content(path)


def test_without_influxdb_all_else_is_backed_up_and_it_is_told(config, tmp_path, capsys):
    config.write_text(config.read_text() + '[influx]\nurl = "http://127.0.0.1:9"\n')
    assert main(["backup", "--config", str(config), "--to", str(config.parent / "one.age")]) == 1
    assert "samples are missing" in capsys.readouterr().err
    assert restore(config.parent / "one.age", "--check") == 0
    assert "but not all samples" in capsys.readouterr().out
    assert (
        restore(
            config.parent / "one.age", "--into", str(tmp_path / "into"), "--only", "files", "--only", "sql"
        )
        == 0
    )
    assert (
        main(["backup", "--config", str(config), "--series", "none", "--to", str(config.parent / "two.age")])
        == 0
    )
