"""A damaged file: set aside, made anew, and nothing that could be read of panic and event is lost silently."""

import shutil
import sqlite3
from contextlib import closing
from random import Random

import pytest

from contract.codec import decode_body
from edge.errors import CorruptCard
from edge.spool import Spool
from edge.spool import opening as opening_room
from edge.spool.schema import PAGE_BYTES
from tests.edge.spooling import BOOT_A, BOOT_B, EXAMPLES, SMALL, bodies, event, hexes, opened, samples

NOW = 1_790_000_000_000
PRESSES = 40


@pytest.fixture
def written(tmp_path):
    """A spool with records in every lane, some of them settled, and the epochs of its lanes."""
    spool = opened(tmp_path / "spool.db")
    spool.append_sync(0, NOW, 5, "ntp")
    for at in range(1, PRESSES + 1):
        panic = spool.append_panic(at, event(at))
        spool.append_events([(at, event(1000 + at))])
    for at in range(20):
        telemetry = spool.append_samples(samples(50, 1000 + 10 * at)).epoch
    spool.settle("panic", panic.epoch, [(1, 10)])
    spool.adopt((2, 77))
    epochs = {lane: account.epoch for lane, account in spool.accounts(0).items()}
    assert epochs["telemetry"] == telemetry
    spool.close()
    return epochs


def reopened(tmp_path):
    spool = Spool(str(tmp_path / "spool.db"), quotas=SMALL, random_hex=hexes_of_another_run())
    return spool, spool.open(BOOT_B, 0)


def hexes_of_another_run():
    numbers = hexes()
    return lambda n_bytes: "f" + numbers(n_bytes)[1:]


def flip(path, at, n=1):
    data = bytearray(path.read_bytes())
    for offset in range(at, min(at + n, len(data))):
        data[offset] ^= 0xFF
    path.write_bytes(data)


def page_of(path, needle, which=0):
    """Offset of the which-th page that holds some bytes."""
    data = path.read_bytes()
    pages = [at for at in range(0, len(data), PAGE_BYTES) if needle in data[at : at + PAGE_BYTES]]
    return pages[which]


def test_a_flipped_byte_in_a_record_costs_that_record_and_says_so(tmp_path, written):
    path = tmp_path / "spool.db"
    flip(path, path.read_bytes().index(event(20)) + 30)
    spool, opening = reopened(tmp_path)
    assert opening.state == "reopened"
    found = bodies(spool, "panic")
    assert [seq for _, seq in found] == [seq for seq in range(11, PRESSES + 1) if seq != 20]
    [loss] = spool.losses()
    assert (loss.lane, loss.epoch, loss.first, loss.last, loss.reason) == (
        "panic",
        written["panic"],
        20,
        20,
        "damaged",
    )
    assert spool.append_panic(1, event(99)).first == PRESSES + 1, "the stream goes on"


def test_a_damaged_page_of_panics_quarantines_and_the_rest_is_carried_over(tmp_path, written):
    path = tmp_path / "spool.db"
    at = page_of(path, event(PRESSES))
    flip(path, at, 100)
    spool, opening = reopened(tmp_path)
    assert opening.state == "quarantined"
    assert opening.reason
    assert (tmp_path / "spool.db.quarantined").exists()
    assert len(bodies(spool, "event")) == PRESSES
    assert opening.salvaged == len(bodies(spool, "event")) + len(bodies(spool, "panic"))
    assert spool.inc == (2, 77)


def test_a_damaged_telemetry_page_costs_no_press(tmp_path, written):
    path = tmp_path / "spool.db"
    flip(path, page_of(path, b"[[11.0]]"), PAGE_BYTES)
    spool, opening = reopened(tmp_path)
    assert opening.state == "quarantined"
    epochs = {lane: account.epoch for lane, account in spool.accounts(0).items()}
    assert not set(epochs.values()) & set(written.values()), "new epochs in every lane"
    panics = bodies(spool, "panic")
    assert list(panics) == [(epochs["panic"], seq) for seq in range(1, PRESSES - 9)], "dense from 1"
    assert list(panics.values()) == [event(at) for at in range(11, PRESSES + 1)], (
        "unsettled ones, same bodies"
    )
    closed = {each.lane: each for each in spool.closed()}
    assert closed["panic"].epoch == written["panic"]
    assert (closed["panic"].next, closed["panic"].moved) == (PRESSES + 1, ((11, PRESSES),))
    assert (closed["event"].next, closed["event"].moved) == (PRESSES + 1, ((1, PRESSES),))
    assert (closed["telemetry"].next, closed["telemetry"].moved) == (1001, ()), "told as lost with its epoch"
    run = spool.read_run("panic", 1, 99, 60_000)
    assert (run.boot, run.running) == (BOOT_A, False)
    assert spool.at(run.boot_number, 11).t_ms == NOW + 11, "with their time"
    assert spool.usage(5 * 3_600_000).ring_h == 5, "the ring begins anew"


def test_records_whose_boot_is_unknown_may_have_happened_at_any_time_before(tmp_path, written):
    """They may be older than the last moment known of the boots that could be read."""
    with closing(sqlite3.connect(tmp_path / "spool.db")) as db:
        db.execute("DELETE FROM boot_row")
        db.commit()
    spool, _ = reopened(tmp_path)
    spool.quarantine("test", 0)
    spool.append_sync(10, NOW + 3_600_000, 5, "ntp")
    run = spool.read_run("panic", 1, 100, 10_000)
    times = [spool.at(run.boot_number, row.mono_ms) for row in run.rows]
    assert len(times) == PRESSES - 10
    for row, time in zip(run.rows, times, strict=True):
        assert time.t_ms - time.error_ms <= NOW + row.mono_ms <= time.t_ms + time.error_ms
        assert time.t_ms <= NOW + 3_600_000
    spool.close()


def test_a_new_life_of_the_spool_shows(tmp_path, written):
    spool, _ = reopened(tmp_path)
    life = spool.life
    assert spool.quarantine("told to", 5).state == "quarantined"
    assert spool.life != life
    assert len(bodies(spool, "panic")) == PRESSES - 10
    spool.append_panic(6, event(500))
    assert spool.quarantine("again", 7).salvaged == PRESSES - 9 + PRESSES
    closed = [each for each in spool.closed() if each.lane == "panic"]
    assert len(closed) == 2, "what the hub has not noted yet is carried over too"


def test_losses_are_carried_over(tmp_path):
    spool = opened(tmp_path / "spool.db")
    for at in range(60):
        spool.append_samples(samples(100, 1000 * at))
    told = spool.losses()
    assert told
    spool.quarantine("told to", 5)
    assert spool.losses() == told


def test_damage_found_while_it_runs_is_said_and_set_aside(tmp_path, written, monkeypatch):
    """A large telemetry lane is not checked at opening; its damage is found when it is read."""
    monkeypatch.setattr(opening_room, "CHECK_BYTES", 0)
    path = tmp_path / "spool.db"
    flip(path, page_of(path, b"[[11.0]]", 3), PAGE_BYTES)  # a leaf in the middle
    spool, opening = reopened(tmp_path)
    assert opening.state == "reopened"
    assert len(bodies(spool, "panic")) == PRESSES - 10, "panic is sound"
    with pytest.raises(CorruptCard) as damage:
        bodies(spool, "telemetry")
    assert spool.quarantine(damage.value.reason, 1).state == "quarantined"
    assert len(bodies(spool, "panic")) == PRESSES - 10
    assert spool.append_samples(samples(1, 5)).first == 1


def test_an_interrupted_quarantine_is_finished(tmp_path, written):
    (tmp_path / "spool.db").rename(tmp_path / "spool.db.quarantined")
    spool, opening = reopened(tmp_path)
    assert opening.state == "quarantined"
    assert not (tmp_path / "spool.db.new").exists()
    assert len(bodies(spool, "panic")) == PRESSES - 10


def test_a_half_made_spool_is_thrown_away(tmp_path, written):
    (tmp_path / "spool.db.new").write_bytes(b"half")
    spool, opening = reopened(tmp_path)
    assert opening.state == "reopened"
    assert not (tmp_path / "spool.db.new").exists()
    assert len(bodies(spool, "panic")) == PRESSES - 10


def test_an_empty_file_is_a_damaged_one(tmp_path, written):
    (tmp_path / "spool.db").write_bytes(b"")
    spool, opening = reopened(tmp_path)
    assert (opening.state, opening.salvaged) == ("quarantined", 0)
    assert spool.append_panic(1, event(1)).first == 1


def test_any_damage_ends_in_a_spool_that_works_and_invents_nothing(tmp_path, written):
    """Flips and truncations at random places: no crash, no number twice in an epoch, no body that never was."""
    random = Random(7)
    real = {event(at) for at in range(1, PRESSES + 1)} | {event(1000 + at) for at in range(1, PRESSES + 1)}
    states = set()
    for number in range(3 * EXAMPLES):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name in ("spool.db", "spool.db-wal"):
            shutil.copy(tmp_path / name, folder / name)
        path = folder / "spool.db"
        used = page_of(path, event(PRESSES)) + 16 * PAGE_BYTES
        if number % 4 == 0:
            path.write_bytes(path.read_bytes()[: random.randrange(path.stat().st_size)])
        else:
            flip(path, random.randrange(used), random.choice((1, 2, 50, PAGE_BYTES)))
        spool = Spool(str(path), quotas=SMALL, random_hex=hexes_of_another_run())
        opening = spool.open(BOOT_B, 0)
        states.add(opening.state)
        try:
            found = {**bodies(spool, "panic"), **bodies(spool, "event")}
            given = spool.append_panic(1, event(999))
        except CorruptCard as error:
            spool.quarantine(error.reason, 1)
            found = {**bodies(spool, "panic"), **bodies(spool, "event")}
            given = spool.append_panic(1, event(999))
        assert set(found.values()) <= real
        assert all(decode_body(body) for body in found.values())
        assert (given.epoch, given.first) not in found
        if opening.state == "reopened" and given.epoch == written["panic"]:
            assert given.first > PRESSES, "never a number twice"
        spool.close()
        shutil.rmtree(folder)
    assert states == {"reopened", "quarantined"}
