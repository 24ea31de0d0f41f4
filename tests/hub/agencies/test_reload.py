"""A region that changes while the hub runs is taken only when the hub could begin with it."""

import shutil

import pytest

from hub.agencies.current import take_up
from hub.region import load
from hub.region.watch import ProfileWatch
from tests.hub.agencies.profile import KOTA_CONTOH
from tests.hub.city import NOW


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(KOTA_CONTOH, tmp_path / "kota")


def rename_desk(folder, *files):
    """The duty desk gets another id, file by file, as a person writes it."""
    for name in files:
        path = folder / name
        path.write_text(path.read_text().replace('"piket"', '"pusdalops"'))


async def test_a_half_written_change_leaves_the_hub_as_it_is_until_it_is_whole(conn, folder):
    region = load(folder)
    current = take_up(conn, region, folder, now_ms=NOW)
    watch = ProfileWatch(folder, region, check=current.check)
    rename_desk(folder, "region.toml", "agencies.toml")
    load(folder)  # that much is whole
    await watch.look()
    assert not watch.changed.is_set()
    assert "contacts.toml" in watch.mistakes[0]
    assert watch.region == region
    rename_desk(folder, "contacts.toml", "routes.toml", "roster.toml")
    await watch.look()
    assert watch.changed.is_set()
    assert watch.mistakes == ()
    begun = take_up(conn, watch.region, folder, now_ms=NOW)
    assert begun.region.duty_desk.id == "pusdalops"


async def test_a_change_that_leaves_what_is_in_force_whole_asks_nothing_of_the_other_files(conn, folder):
    region = load(folder)
    current = take_up(conn, region, folder, now_ms=NOW)
    watch = ProfileWatch(folder, region, check=current.check)
    (folder / "contacts.toml").write_bytes(b"\xff half a file")
    path = folder / "region.toml"
    path.write_text(path.read_text().replace('name = "Kota Contoh"', 'name = "Kota Contoh Baru"', 1))
    await watch.look()
    assert watch.changed.is_set()
    assert take_up(conn, watch.region, folder, now_ms=NOW).get() == current.get()
