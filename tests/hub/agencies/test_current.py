"""The directory in force over starts: from the profile's files, from pages, and where both have changed."""

import shutil

import pytest

from contract.strict_toml import TomlError
from hub.agencies import store
from hub.agencies.current import look, plain_current, take_up
from hub.agencies.reading import read, texts_of, version_of
from hub.agencies.store import DirectoryConflictError
from tests.hub.agencies.profile import KOTA_CONTOH, directory, region

NOW = 1_795_000_000_000


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(KOTA_CONTOH, tmp_path / "kota")


def start(conn, folder):
    return take_up(conn, region(), folder, now_ms=NOW)


def rename(folder, new, old="Pos Damkar Kota"):
    path = folder / "contacts.toml"
    path.write_text(path.read_text().replace(old, new))


def by_page(conn, current, new, old="Pos Damkar Kota"):
    """What a page does: new texts into force."""
    texts = {**current.version.texts}
    texts["contacts.toml"] = texts["contacts.toml"].replace(old, new)
    return store.put(
        conn,
        texts,
        profile=current.version.profile,
        actor="rina",
        expected=current.version.version,
        now_ms=NOW,
    )


def name_of(current):
    return current.get().contacts["damkar-pos-kota"].name


def test_the_first_start_takes_the_files_and_the_next_one_nothing_new(conn, folder):
    first, again = start(conn, folder), start(conn, folder)
    assert first.version == again.version
    assert again.get() == directory()
    assert [row["actor"] for row in store.listed(conn)] == ["hub"]
    assert "texts" not in store.listed(conn)[0]


def test_files_that_changed_are_taken_at_the_next_start(conn, folder):
    start(conn, folder)
    rename(folder, "Pos Kota")
    assert name_of(start(conn, folder)) == "Pos Kota"
    assert len(store.listed(conn)) == 2


def test_what_pages_made_outlives_a_start(conn, folder):
    by_page(conn, start(conn, folder), "Pos Baru")
    assert name_of(start(conn, folder)) == "Pos Baru"


def test_where_files_and_pages_have_changed_a_person_chooses(conn, folder, caplog):
    by_page(conn, start(conn, folder), "Pos Baru")
    rename(folder, "Pos Lain")
    with caplog.at_level("WARNING"):
        current = start(conn, folder)
    assert name_of(current) == "Pos Baru"
    assert current.files().directory.contacts["damkar-pos-kota"].name == "Pos Lain"
    assert "directory.differs" in caplog.text


def test_after_an_export_the_files_count_again(conn, folder):
    version = by_page(conn, start(conn, folder), "Pos Baru")
    (folder / "contacts.toml").write_text(version.texts["contacts.toml"])
    assert name_of(start(conn, folder)) == "Pos Baru"
    rename(folder, "Pos Lagi", old="Pos Baru")
    assert name_of(start(conn, folder)) == "Pos Lagi"


def test_files_with_a_mistake_change_nothing_and_say_so(conn, folder, caplog):
    start(conn, folder)
    rename(folder, 'Pos"')
    with caplog.at_level("ERROR"):
        assert name_of(start(conn, folder)) == "Pos Damkar Kota"
    assert "directory.refused" in caplog.text
    assert "contacts.toml:" in look(folder, region()).fault


def test_at_the_very_first_start_files_with_a_mistake_are_refused(conn, folder):
    rename(folder, 'Pos"')
    with pytest.raises(TomlError, match=r"contacts\.toml:\d+"):
        start(conn, folder)
    assert store.newest(conn) is None


def test_what_no_longer_fits_the_region_gives_way_to_the_files(conn, folder, caplog):
    current = start(conn, folder)
    texts = dict.fromkeys(current.version.texts, "")
    store.put(conn, texts, profile="x", actor="rina", expected=current.version.version, now_ms=NOW)
    with caplog.at_level("ERROR"):
        assert name_of(start(conn, folder)) == "Pos Damkar Kota"
    assert "directory.unfit" in caplog.text


def test_of_two_people_who_saw_the_same_only_one_changes_it(conn, folder):
    current = start(conn, folder)
    by_page(conn, current, "Pos Baru")
    with pytest.raises(DirectoryConflictError):
        by_page(conn, current, "Pos Lain")
    assert "Pos Baru" in store.newest(conn).texts["contacts.toml"]


def test_only_so_many_versions_are_kept(conn, folder):
    current, name = start(conn, folder), "Pos Damkar Kota"
    for at in range(store.KEPT + 5):
        version = by_page(conn, current, f"Pos {at}", old=name)
        current, name = plain_current(region(), read(version.texts, region())), f"Pos {at}"
        current.adopt(version, current.get())
    assert len(store.listed(conn, limit=500)) == store.KEPT
    assert store.newest(conn).version == version.version


def test_an_older_version_never_takes_the_place_of_a_newer(conn, folder):
    current = start(conn, folder)
    newer = by_page(conn, current, "Pos Baru")
    changed = read(newer.texts, region())
    older = current.version
    current.adopt(newer, changed)
    current.adopt(older, directory())
    assert name_of(current) == "Pos Baru"
    assert current.version.version == version_of(newer.texts) != version_of(texts_of(folder))


def test_the_duty_desk_of_a_start_has_the_channels_that_pages_gave_it(conn, folder):
    current = start(conn, folder)
    texts = {**current.version.texts}
    texts["agencies.toml"] = texts["agencies.toml"].replace('"Sistem piket"', '"Sistem baru"')
    store.put(conn, texts, profile="x", actor="rina", expected=current.version.version, now_ms=NOW)
    names = [channel.name for channel in start(conn, folder).region.duty_desk.channels]
    assert names == ["Sistem baru", "Grup obrolan piket"]
    assert region().duty_desk.channels[0].name == "Sistem piket"
