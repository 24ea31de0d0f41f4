"""kill -9 of a process that writes: whatever it promised is there, numbers are dense and never given twice."""

import os
import select
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from contract.codec import decode_body
from tests.edge.spooling import bodies, opened

KILLS = int(os.environ.get("SIAGA_KILLS", "12"))
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.real


def promises_until_killed(path, boot, seconds):
    """Run the writer for so long, kill it, and return the lines that it had printed."""
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.edge.spool_writer", str(path), boot], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert writer.stdout is not None
    try:
        assert select.select([writer.stdout], [], [], 30)[0], "the writer does not begin"
        time.sleep(seconds)
    finally:
        writer.kill()
        said = writer.communicate()[0].decode()
    assert writer.returncode == -9
    return [line.split() for line in said[: said.rfind("\n")].splitlines()]


def test_every_promise_is_kept_through_kills(tmp_path):
    random = Random(11)
    path = tmp_path / "spool.db"
    given, settled_to = {}, {}
    for number in range(KILLS):
        lines = promises_until_killed(path, f"{number + 1:08x}", random.uniform(0, 0.25))
        for line in lines:
            if line[0] == "settled":
                settled_to[line[1], line[2]] = int(line[3])
            else:
                lane, epoch, first, last = line[0], line[1], int(line[2]), int(line[3])
                for seq in range(first, last + 1):
                    assert (lane, epoch, seq) not in given, "a number is given once"
                    given[lane, epoch, seq] = int(line[4])
    assert len(given) > 10 * KILLS
    spool = opened(path, boot=f"{KILLS + 1:08x}")
    spool.append_sync(1, 1_790_000_000_000, 5, "ntp")
    lost = {
        (loss.lane, loss.epoch, seq) for loss in spool.losses() for seq in range(loss.first, loss.last + 1)
    }
    found = {lane: bodies(spool, lane) for lane in ("panic", "event", "telemetry")}
    accounts = spool.accounts(0)
    for lane, account in accounts.items():
        seqs = [seq for epoch, seq in found[lane] if epoch == account.epoch]
        assert account.next > max(seqs, default=0)
    for (lane, epoch, seq), number in given.items():
        if seq <= settled_to.get((lane, epoch), 0) or (lane, epoch, seq) in lost:
            continue
        body = found[lane][epoch, seq]
        if lane == "panic":
            assert decode_body(body).id == f"{number:032x}"
        elif lane == "telemetry":
            assert float(body[2:-2]) // 10 == number
    assert {epoch for _, epoch, _ in given} == {account.epoch for account in accounts.values()}
    assert not any(lane == "panic" for lane, _, _ in lost)
    spool.close()
