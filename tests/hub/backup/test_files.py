"""The files of a hub: with mode and folder, registers whole, and nowhere but where they belong."""

import sqlite3
from contextlib import closing

import pytest

from hub.backup import files
from hub.backup.errors import BackupError
from hub.config import load_config

HUB = """
profile = "kota"
[database]
file = "hub.sqlite"
[broker]
host = "hub.example"
ca = "tls/ca.pem"
certificate = "tls/a.pem"
key = "tls/a.key"
telemetry_certificate = "tls/b.pem"
telemetry_key = "tls/b.key"
[backup]
folder = "backups"
"""


@pytest.fixture
def folder(tmp_path):
    """A hub's files."""
    root = tmp_path / "hub"
    for name in (
        "kota/region.toml",
        "tls/ca.pem",
        "tls/a.pem",
        "tls/a.key",
        "tls/b.pem",
        "tls/b.key",
        "backups/old.age",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "tls" / "a.key").chmod(0o640)
    (root / "tls").chmod(0o750)
    (root / "hub.sqlite").write_bytes(b"a store")
    (root / "hub.toml").write_text(HUB)
    return root


def test_all_that_the_configuration_names_and_nothing_else(folder):
    config = load_config(folder / "hub.toml")
    kept: dict[str, bytes] = {}
    places = files.named_in(config, folder / "hub.toml")
    found = files.collect(places, kept.__setitem__, without=[folder / "backups"])
    names = {one.path.removeprefix(f"{folder}/") for one in found.files.values()}
    assert names == {
        "hub.toml",
        "kota/region.toml",
        *(f"tls/{n}" for n in ("ca.pem", "a.pem", "a.key", "b.pem", "b.key")),
    }
    assert set(kept) == set(found.files)


def test_files_come_back_with_their_modes_in_folders_with_theirs(folder, tmp_path):
    kept: dict[str, bytes] = {}
    found = files.collect([folder / "tls"], kept.__setitem__)
    into = tmp_path / "elsewhere"
    files.make_folders(found.folders, into)
    for member, one in found.files.items():
        files.put_back(one, kept[member], into)
    back = into.joinpath(*(folder / "tls").parts[1:])
    assert back.stat().st_mode & 0o777 == 0o750
    assert (back / "a.key").stat().st_mode & 0o777 == 0o640
    assert {one.name: one.read_text() for one in back.iterdir()} == {
        one.name: one.read_text() for one in (folder / "tls").iterdir()
    }


def test_a_register_in_use_is_whole(folder):
    path = folder / "tls" / "register.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE claims (id)")
        writer.execute("INSERT INTO claims VALUES (1)")
        assert path.with_name("register.sqlite-wal").exists()
        kept: dict[str, bytes] = {}
        found = files.collect([path.parent], kept.__setitem__)
        writer.execute("INSERT INTO claims VALUES (2)")
    (member,) = (member for member, one in found.files.items() if one.path == str(path))
    assert not any(one.path.endswith(("-wal", "-shm")) for one in found.files.values())
    (folder / "copy").write_bytes(kept[member])
    with closing(sqlite3.connect(folder / "copy")) as copy:
        assert copy.execute("SELECT id FROM claims").fetchall() == [(1,)]


@pytest.mark.parametrize("path", ["../etc/passwd", "etc/passwd", "/a/../../etc/passwd", ""])
def test_no_file_leaves_its_folder(tmp_path, path):
    with pytest.raises(BackupError, match="no place"):
        files.place(path, tmp_path)
    assert files.place("/etc/siaga/hub.toml", tmp_path) == tmp_path / "etc/siaga/hub.toml"


def test_a_file_that_is_far_too_large_is_a_mistake(folder, monkeypatch):
    monkeypatch.setattr(files, "MOST_BYTES", 3)
    with pytest.raises(BackupError, match="meant to be here"):
        files.collect([folder / "tls"], {}.__setitem__)
