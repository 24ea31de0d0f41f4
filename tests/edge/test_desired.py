"""A configuration from the hub: checked, tried, kept or taken back, and nothing lost by it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from random import Random
from types import SimpleNamespace

import pytest
from gpiozero.pins.mock import MockFactory

from contract import codec
from contract.messages import DesiredConfig, Hello, Reply
from edge import wanted as wishes
from edge.app import EdgeApp
from edge.clock import SystemClock
from edge.desired import STARTS, Desired, hash_of, run_chosen
from edge.errors import CardError, ConfigChanged, EdgeError
from tests.edge.test_app import CONFIG, INC, desk_of
from tests.servers import new_gateway_id

GROUND = CONFIG.format(gateway="gw-uji", port=8883, ca="ca.pem", cert="gateway.pem", key="gateway.pem")


def wanted(text, version=7):
    return DesiredConfig(config_version=version, hash=hash_of(text.encode()), toml=text)


FASTER = GROUND.replace("poll_s = 0.1", "poll_s = 0.05")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "gateway.toml"
    path.write_text(GROUND)
    return path


def tried(file, text=FASTER):
    """The configurations after the hub's was taken."""
    desired = Desired(file)
    with pytest.raises(ConfigChanged):
        desired.take(wanted(text))
    return Desired(file)


def polls(chosen):
    return chosen.config.simulated[0].poll_s


def test_without_a_wish_the_file_runs(file):
    chosen = Desired(file).choose()
    assert (polls(chosen), chosen.hash, chosen.trial) == (0.1, hash_of(GROUND.encode()), False)


def test_a_wish_is_tried_and_kept(file):
    desired = tried(file)
    chosen = desired.choose()
    assert (polls(chosen), chosen.hash, chosen.trial) == (0.05, hash_of(FASTER.encode()), True)
    assert chosen.config.spool.path == file.parent / "spool" / "spool.sqlite"
    desired.keep()
    chosen = Desired(file).choose()
    assert (polls(chosen), chosen.trial) == (0.05, False)


def test_what_was_kept_runs_again_when_the_next_one_is_taken_back(file):
    tried(file).keep()
    slow = GROUND.replace("poll_s = 0.1", "poll_s = 5.0")
    desired = tried(file, slow)
    assert polls(desired.choose()) == 5.0
    desired.refuse("hub out of reach")
    assert polls(Desired(file).choose()) == 0.05
    # What was taken back is not tried again, until it is another one.
    with pytest.raises(EdgeError, match="refused before"):
        Desired(file).take(wanted(slow))
    tried(file, slow + "\n# another one")


def test_a_trial_that_dies_is_taken_back_and_one_power_cut_is_no_death(file):
    desired = tried(file)
    for _ in range(STARTS):
        assert desired.choose().trial
        desired = Desired(file)
    chosen = desired.choose()
    assert (polls(chosen), chosen.trial) == (0.1, False)
    assert desired.state is not None
    assert desired.state.phase == "refused"


def test_a_technician_at_the_box_has_the_last_word(file):
    tried(file).keep()
    file.write_text(GROUND.replace("poll_s = 0.1", "poll_s = 2.0"))
    assert polls(Desired(file).choose()) == 2.0
    assert Desired(file).state is None


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (GROUND.replace("poll_s", "pol_s"), "poll_s"),
        (GROUND.replace("cell = 3", "cell = 4"), "gateway.cell"),
        (GROUND.replace("gw-uji", "gw-lain"), "gateway.id"),
        (GROUND.replace("spool/spool.sqlite", "/tmp/elsewhere.sqlite"), "spool.path"),
        (GROUND.replace("ca.pem", "other.pem"), "broker.ca_file"),
        ("", "gateway"),
        ("\x00", "TOML"),
    ],
)
def test_a_wish_with_mistakes_changes_nothing(file, text, word):
    with pytest.raises(EdgeError, match=word):
        Desired(file).take(wanted(text))
    assert polls(Desired(file).choose()) == 0.1


def test_a_wish_that_is_not_what_its_hash_says_changes_nothing(file):
    broken = DesiredConfig(config_version=1, hash=hash_of(b"x"), toml=FASTER)
    with pytest.raises(EdgeError, match="hash"):
        Desired(file).take(broken)
    assert polls(Desired(file).choose()) == 0.1


@pytest.mark.parametrize("name", ["trial.toml", "kept.toml", "state.json"])
def test_files_that_are_damaged_or_gone_leave_what_ran_before(file, name):
    tried(file).keep()
    desired = tried(file, FASTER + "\n# next")
    place = file.parent / "spool" / "desired" / name
    place.write_text("damaged")
    assert polls(desired.choose()) in (0.05, 0.1)
    place.unlink()
    assert polls(Desired(file).choose()) in (0.05, 0.1)


@pytest.mark.parametrize("step", ["start", "keep", "end"])
async def test_a_card_that_takes_nothing_stops_no_gateway(file, monkeypatch, step):
    """A trial that cannot be counted is none: what ran before runs, and its buttons ring."""
    desired = tried(file)
    began = []

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    async def run(chosen):
        began.append(chosen.trial)
        if chosen.trial:
            monkeypatch.setattr("edge.desired.write_bytes", full)
            raise CardError("card", "no room")

    if step == "keep":
        desired.choose()
        monkeypatch.setattr("edge.desired.write_bytes", full)
        assert not room_of(desired)._kept()
        monkeypatch.undo()
        assert room_of(desired)._kept()
        assert not Desired(file).choose().trial
        return
    if step == "start":
        monkeypatch.setattr("edge.desired.write_bytes", full)
    await run_chosen(desired, run)
    assert began == ([False] if step == "start" else [True, False])


def room_of(desired):
    identity = SimpleNamespace(gateway="gw-uji", config="")
    return wishes.Wanted(
        desired, identity, trial=True, reached=lambda: True, answer=lambda _: None, clock=SystemClock()
    )


async def test_a_trial_that_cannot_start_is_taken_back_and_the_files_own_fault_is_told(file):
    began = []

    async def run(chosen):
        began.append(polls(chosen))
        if chosen.trial:
            raise CardError("card", "no room")

    await run_chosen(tried(file), run)
    assert began == [0.05, 0.1]

    async def broken(chosen):
        raise CardError("card", "no room")

    with pytest.raises(ExceptionGroup):
        await run_chosen(Desired(file), broken)


# The whole gateway, over a real broker.


@contextlib.asynccontextmanager
async def running(path):
    pins = MockFactory()
    apps = []

    async def run(chosen):
        pins.reset()
        app = EdgeApp(
            chosen.config,
            clock=SystemClock(),
            random=Random(3),
            pins=pins,
            config_hash=chosen.hash,
            desired=desired,
            trial=chosen.trial,
        )
        apps.append(app)
        await app.run()

    desired = Desired(path)
    task = asyncio.create_task(run_chosen(desired, run))
    try:
        yield apps
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class Seen:
    """Seqs of telemetry by epoch, each with its receipt given."""

    def __init__(self, desk):
        self.desk, self.seqs = desk, {}

    async def frames(self, n):
        for _ in range(n):
            frame = await self.desk.frame("telemetry")
            self.seqs.setdefault(frame.epoch, set()).update(range(frame.first, frame.first + frame.n))
            self.desk.receipt(frame, "telemetry")


async def reply(desk):
    return codec.decode(Reply, await desk.hear("up/reply", timeout_s=20))


@pytest.mark.real
async def test_a_wish_is_applied_reported_and_rolled_back_without_losing_a_sample(
    broker, tmp_path, monkeypatch
):
    monkeypatch.setattr(wishes, "SETTLE_MS", 300)
    monkeypatch.setattr(wishes, "PATIENCE_MS", 900)
    monkeypatch.setattr(wishes, "TRIAL_LOOK_S", 0.05)
    gateway = new_gateway_id()
    identity = broker.enrol(gateway, 3)
    text = CONFIG.format(
        gateway=gateway,
        port=broker.port,
        ca=identity.authority,
        cert=identity.certificate,
        key=identity.key,
    )
    path = tmp_path / "gateway.toml"
    path.write_text(text)
    faster = text.replace("poll_s = 0.1", "poll_s = 0.05")
    with desk_of(broker, gateway) as desk:
        async with running(path) as apps:
            seen = Seen(desk)
            await desk.greet()
            await seen.frames(3)
            desk.say("down/config", wanted(faster))
            birth = await desk.birth()
            assert birth.config == hash_of(faster.encode())
            desk.say("down/hello", hello(birth))
            said = await reply(desk)
            assert (said.ok, said.config_version, said.config_hash) == (True, 7, hash_of(faster.encode()))
            await seen.frames(5)

            # One with a mistake is refused, and nothing begins anew.
            desk.say("down/config", wanted(text.replace("poll_s", "pol_s"), version=8))
            said = await reply(desk)
            assert (said.ok, "poll_s" in said.error, len(apps)) == (False, True, 2)

            # One with which the hub is out of reach is taken back by itself.
            lost = faster.replace(f"port = {broker.port}", "port = 9")
            desk.say("down/config", wanted(lost, version=9))
            birth = await desk.birth()
            assert (birth.config, len(apps)) == (hash_of(faster.encode()), 4)
            desk.say("down/hello", hello(birth))
            said = await reply(desk)
            assert (said.ok, said.config_version, "out of reach" in said.error) == (False, 9, True)
            await seen.frames(5)
            [(epoch, seqs)] = seen.seqs.items()
            floor = apps[-1].spool.floor("telemetry", epoch)
            assert set(range(1, min(floor, max(seqs)))) <= seqs
            assert apps[-1].spool.losses() == ()


def hello(birth):
    return Hello(inc=INC, hub_ms=time.time_ns() // 10**6, echo_ms=birth.mono_ms, echo_boot=birth.boot)
