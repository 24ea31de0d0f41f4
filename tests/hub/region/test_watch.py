"""A profile that changes while the hub runs: taken when it is whole, whichever of its files it was."""

import shutil
from pathlib import Path

import pytest

from hub.region import load
from hub.region.watch import ProfileWatch

KOTA_CONTOH = Path(__file__).resolve().parents[3] / "profiles" / "kota-contoh"


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(KOTA_CONTOH, tmp_path / "profile"))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("cameras.toml", "Kamera Taman Tugu", "Kamera Tugu barat"),
        ("vehicles.toml", "Ambulans PSC 2", "Ambulans PSC dua"),
        ("checklists.toml", 'kind = "accident"', 'kind = "rescue"'),
    ],
)
async def test_a_changed_file_is_taken_and_one_with_a_mistake_is_not(folder, file, old, new):
    watch = ProfileWatch(folder, load(folder))
    await watch.look()
    assert not watch.changed.is_set(), "nothing has changed"
    path = folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text + "nonsense = 1\n")
    await watch.look()
    assert not watch.changed.is_set()
    assert "nonsense" in " ".join(watch.mistakes)
    path.write_text(text.replace(old, new))
    await watch.look()
    assert watch.changed.is_set()
    assert not watch.mistakes
    assert watch.region == load(folder) != load(KOTA_CONTOH)
