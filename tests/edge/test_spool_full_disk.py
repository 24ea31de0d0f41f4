"""A file system without a byte left: presses are accepted, samples go on at the cost of the oldest, all is told."""

import os
import shutil
import subprocess
from contextlib import contextmanager

import pytest

from edge.errors import DiskFull
from edge.spool import Spool
from tests.edge.spooling import BOOT_A, BOOT_B, SMALL, bodies, event, hexes, opened, samples

NOW = 1_790_000_000_000

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("mount") is None, reason="mounting a small file system needs root"
)


@contextmanager
def small_disk(path, megabytes):
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "siaga-test", str(path)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a tmpfs")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", 8) as path:
        yield path


def fill(disk):
    """Take every byte that is left."""
    with (disk / "filler").open("ab", buffering=0) as file:
        for size in (1024 * 1024, 4096, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    assert os.statvfs(disk).f_bavail == 0


def test_presses_samples_and_losses_go_on_while_the_disk_is_full(disk):
    spool = opened(disk / "spool.db")
    spool.append_sync(0, NOW, 5, "ntp")
    fill(disk)
    for at in range(1, 201):
        assert spool.append_panic(at, event(at)).first == at
        spool.append_samples(samples(100, 1000 * at))
        spool.append_events([(at, event(at))])
    account = spool.accounts(0)["telemetry"]
    assert account.next == 20_001
    [loss] = [loss for loss in spool.losses() if loss.lane == "telemetry"]
    assert (loss.first, loss.last) == (1, account.floor - 1)
    assert list(bodies(spool, "panic").values()) == [event(at) for at in range(1, 201)]
    epoch = spool.accounts(0)["panic"].epoch
    spool.settle("panic", epoch, [(1, 100)])
    assert spool.new_epoch("panic", epoch, "conflict")
    assert len(bodies(spool, "panic")) == 100
    spool.close()


def test_a_spool_opens_again_on_a_full_disk(disk):
    spool = opened(disk / "spool.db")
    spool.append_panic(1, event(1))
    fill(disk)
    spool.close()
    again = opened(disk / "spool.db", boot=BOOT_B)
    assert again.append_panic(1, event(2)).first == 2
    again.close()


def test_the_reserve_gives_the_log_its_room_when_something_took_it(disk):
    spool = opened(disk / "spool.db")
    spool.append_panic(1, event(1))
    spool.close()
    (disk / "spool.db-wal").unlink()
    fill(disk)
    again = opened(disk / "spool.db", boot=BOOT_B)
    assert not (disk / "spool.db.reserve").exists()
    assert again.append_panic(1, event(2)).first == 2
    again.close()
    (disk / "filler").unlink()
    opened(disk / "spool.db").close()
    assert (disk / "spool.db.reserve").exists(), "taken back when there is room"


def test_a_quarantined_file_gives_way_to_the_new_spool(tmp_path):
    with small_disk(tmp_path / "disk", 6) as disk:
        spool = opened(disk / "spool.db")
        for at in range(1, 21):
            spool.append_panic(at, event(at))
        fill(disk)
        opening = spool.quarantine("test", 50)
        assert opening.salvaged == 20
        assert not (disk / "spool.db.quarantined").exists()
        assert list(bodies(spool, "panic").values()) == [event(at) for at in range(1, 21)]
        spool.close()


def test_no_room_for_a_spool_at_all_says_so(disk):
    fill(disk)
    spool = Spool(str(disk / "spool.db"), quotas=SMALL, random_hex=hexes())
    with pytest.raises(DiskFull):
        spool.open(BOOT_A, 0)
    (disk / "filler").unlink()
    assert spool.open(BOOT_A, 0).state == "fresh", "what was begun is thrown away"
    spool.close()
