"""One encrypted file: whole or not there, read back, for its recipients only."""

import gzip
import io
import os
import resource
from pathlib import Path

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.backup import archive, keys
from hub.backup.errors import BackupError
from hub.backup.keys import Identity

ME, OTHER = keys.new_identity(), keys.new_identity()


def write(path: Path, **parts: bytes) -> None:
    with archive.writing(path, [ME.to_public()]) as writer:
        for name, data in parts.items():
            writer.add(name, data)
        writer.about["made"] = {"by": "test"}


def read(path: Path, identity: Identity = ME) -> dict[str, bytes]:
    with path.open("rb") as file:
        archive.verified(file, [identity])
        file.seek(0)
        return dict(archive.members(file, [identity]))


def test_what_was_written_is_read_by_its_recipient_and_by_no_other(tmp_path):
    path = tmp_path / "a.age"
    write(path, one=b"1" * 3_000_000, two=b"")
    found = read(path)
    assert found.pop(archive.MANIFEST)
    assert found == {"one": b"1" * 3_000_000, "two": b""}
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(BackupError, match="cannot be decrypted"):
        read(path, OTHER)


def test_any_age_program_opens_it_and_finds_a_packed_tar(tmp_path):
    path = tmp_path / "a.age"
    write(path, one=b"x")
    assert pyrage.decrypt(path.read_bytes(), [ME])[:2] == b"\x1f\x8b"


def test_nothing_readable_is_in_the_file(tmp_path):
    path = tmp_path / "a.age"
    write(path, **{"sql/users": b"argon2id-hash-of-budi" * 10})
    assert b"argon2id" not in path.read_bytes()
    assert b"sql/users" not in path.read_bytes()


@pytest.mark.parametrize("at", [30, 200, -1, -40])
def test_a_changed_byte_is_noticed(tmp_path, at):
    path = tmp_path / "a.age"
    write(path, one=b"content")
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(BackupError):
        read(path)


def test_a_file_that_was_cut_off_anywhere_is_noticed(tmp_path):
    path = tmp_path / "a.age"
    write(path, one=bytes(range(256)) * 1000)
    whole = path.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(BackupError):
            read(path)


def half(path: Path) -> None:
    with archive.writing(path, [ME.to_public()]) as writer:
        writer.add("one", b"new")
        raise RuntimeError("the database went away")


def test_a_backup_that_fails_leaves_nothing_and_the_former_one(tmp_path):
    path = tmp_path / "a.age"
    write(path, one=b"former")
    with pytest.raises(RuntimeError, match="away"):
        half(path)
    assert read(path)["one"] == b"former"
    assert [file.name for file in tmp_path.iterdir()] == ["a.age"]


def test_what_the_disk_does_not_give_back_is_no_backup(tmp_path, monkeypatch):
    path = tmp_path / "a.age"
    real = archive.verified

    def rotten(file, identities):
        file.seek(300)
        byte = file.read(1)
        file.seek(300)
        file.write(bytes([byte[0] ^ 1]))
        file.seek(0)
        return real(file, identities)

    monkeypatch.setattr(archive, "verified", rotten)
    with pytest.raises(BackupError):
        write(path, one=b"x" * 100_000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("length", [1_000_000, 1000], ids=["in the midst", "at the end"])
def test_a_disk_without_room_is_told_as_such_and_nothing_is_left(tmp_path, length):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length // 4, limits[1]))
    try:
        with pytest.raises((BackupError, OSError), match="too large"):
            write(tmp_path / "a.age", one=os.urandom(length))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_a_member_has_one_name(tmp_path):
    with archive.writing(tmp_path / "a", [ME.to_public()]) as writer:
        writer.add("one", b"1")
        with pytest.raises(BackupError, match="two members"):
            writer.add("one", b"2")


def test_a_key_is_for_its_owner_only_and_is_never_overwritten(tmp_path):
    recipient = keys.make(tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    (identity,) = keys.identities(tmp_path / "key")
    assert str(identity.to_public()) == recipient
    assert [str(one) for one in keys.recipients([recipient])] == [recipient]
    with pytest.raises(FileExistsError):
        keys.make(tmp_path / "key")


def test_what_is_no_key_is_refused(tmp_path):
    (tmp_path / "key").write_text("# nothing\n")
    with pytest.raises(BackupError, match="holds no key"):
        keys.identities(tmp_path / "key")
    (tmp_path / "key").write_text("AGE-SECRET-KEY-1WRONG\n")
    with pytest.raises(BackupError, match="holds no key"):
        keys.identities(tmp_path / "key")
    with pytest.raises(BackupError, match="begins with age1"):
        keys.recipients(["ssh-ed25519 AAAA"])
    with pytest.raises(BackupError, match="nobody"):
        keys.recipients([])


@given(st.binary(max_size=3000))
def test_any_bytes_are_a_backup_or_refused(data):
    with pytest.raises(BackupError):
        archive.verified(io.BytesIO(data), [ME])


@given(st.binary(max_size=2000))
def test_any_content_that_somebody_encrypted_for_us_is_a_backup_or_refused(data):
    """A recipient is no secret: what opens with our key may be anybody's."""
    for content in (data, gzip.compress(data, 1)):
        with pytest.raises(BackupError):
            archive.verified(io.BytesIO(pyrage.encrypt(content, [ME.to_public()])), [ME])
