"""A file is there whole, with its mode, or as it was before."""

from __future__ import annotations

import os
import stat

import pytest

from contract.whole_file import write_bytes, write_text


def test_it_replaces_and_makes_the_folder_and_its_mode_is_no_wider(tmp_path):
    place = tmp_path / "new" / "key.pem"
    old = os.umask(0)
    try:
        write_bytes(place, b"one", mode=0o600)
        write_text(place, "dua", mode=0o640)
    finally:
        os.umask(old)
    assert place.read_text() == "dua"
    assert stat.S_IMODE(place.stat().st_mode) == 0o640
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert [one.name for one in place.parent.iterdir()] == ["key.pem"]


@pytest.mark.parametrize("at", ["fchmod", "fsync"])
def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch, at):
    place = tmp_path / "key.pem"
    write_bytes(place, b"before", mode=0o600)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, at, full)
    with pytest.raises(OSError, match="No space"):
        write_bytes(place, b"after", mode=0o600)
    assert place.read_bytes() == b"before"
    monkeypatch.undo()
    write_bytes(place, b"after", mode=0o600)  # what was left behind is in nobody's way
    assert place.read_bytes() == b"after"


def test_a_link_in_the_way_is_not_followed(tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"theirs")
    (tmp_path / "key.pem.part").symlink_to(other)
    write_bytes(tmp_path / "key.pem", b"ours", mode=0o600)
    assert other.read_bytes() == b"theirs"
    assert (tmp_path / "key.pem").read_bytes() == b"ours"


def test_a_file_system_that_knows_no_modes_is_asked_for_none(tmp_path, monkeypatch):
    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")  # as FAT answers

    monkeypatch.setattr(os, "fchmod", refused)
    with pytest.raises(PermissionError):
        write_text(tmp_path / "claim", "rahasia", mode=0o600)
    write_text(tmp_path / "claim", "rahasia", mode=None)
    assert stat.S_IMODE((tmp_path / "claim").stat().st_mode) == 0o600, "elsewhere it is its owner's alone"
