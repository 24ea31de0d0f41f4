"""Cameras over real sockets: alive, blinking, away; their pictures at a press, kept within their room."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.codec import decode_body
from contract.kinds import Quality
from edge.clock import Discipline
from edge.config.cameras import Camera, SnapshotSettings
from edge.drivers import camera as camera_driver
from edge.drivers import snapshots
from edge.drivers.base import MissedPollError
from edge.drivers.camera import CameraDriver, clock_of
from edge.drivers.http_login import Login, authorization
from edge.drivers.snapshots import Album, Photographer
from edge.errors import DiskFull, OrderError
from edge.panic import Press
from simulator.devices.camera import PICTURE, FakeCamera
from tests.edge.drivers.rigs import FakeClock
from tests.suites.driver_suite import DriverSuite

EVENT = "ab" * 16


class Clock(FakeClock):
    def now_ms(self):
        return time.time_ns() // 10**6

    def discipline(self):
        return Discipline(synced=True)


def settings(fake, **more):
    whole = {"rtsp": fake.rtsp, "onvif": fake.onvif, "snapshot": fake.snapshot, "up_after": 1} | more
    return Camera(name="cctv-lobi", **whole)


@pytest.fixture
async def fake():
    async with FakeCamera() as camera:
        yield camera


class Rig:
    def __init__(self, fake, monkeypatch):
        self._fake, self._monkeypatch = fake, monkeypatch
        self.driver = CameraDriver(settings(fake), clock=Clock())

    async def show(self, quantity, value):
        if value is None:
            self._fake.fault = "no clock"
        else:
            self._fake.clock_off_s = value

    async def silence(self, silent):
        self._fake.fault = "silent" if silent else "none"
        self._monkeypatch.setattr(camera_driver, "ANSWER_S", 0.2 if silent else 10.0)

    async def rested(self):
        return


class TestCamera(DriverSuite):
    shown = "clock_off_s"
    unsaid = "clock_off_s"
    exactly = 1.2

    @pytest.fixture
    def rig(self, fake, monkeypatch):
        told = fake._time
        monkeypatch.setattr(fake, "_time", lambda: b"<none/>" if fake.fault == "no clock" else told())
        return Rig(fake, monkeypatch)


async def test_a_camera_without_its_stream_answers_and_is_not_online(fake):
    driver = CameraDriver(settings(fake), clock=Clock())
    assert (await driver.poll()).values["online"] == 1
    fake.fault = "no stream"
    assert (await driver.poll()).values["online"] == 0
    assert set(fake.asked) == {"DESCRIBE", "POST"}, "its stream is never taken"


@pytest.mark.parametrize(
    ("fault", "reason"), [("garbage", "garbage"), ("half", "garbage"), ("silent", "no_answer")]
)
async def test_what_is_no_camera_is_told(fake, fault, reason, monkeypatch):
    monkeypatch.setattr(camera_driver, "ANSWER_S", 0.2 if fault == "silent" else 10.0)
    fake.fault = fault
    with pytest.raises(MissedPollError) as missed:
        await CameraDriver(settings(fake, onvif=None), clock=Clock()).poll()
    assert missed.value.reason == reason


async def test_a_camera_that_blinks_is_up_only_after_several_answers(fake):
    driver = CameraDriver(settings(fake, down_after=3, up_after=3), clock=Clock())
    await driver.poll()
    await fake.unplug()
    for _ in range(2):
        with pytest.raises(MissedPollError, match="no_answer"):
            await driver.poll()
    await fake.plug()
    await driver.poll()  # two silences are none: it was never down
    await fake.unplug()
    for _ in range(3):
        with pytest.raises(MissedPollError, match="no_answer"):
            await driver.poll()
    await fake.plug()
    for _ in range(2):
        with pytest.raises(MissedPollError) as missed:
            await driver.poll()
        assert missed.value.reason == "resting"
    assert (await driver.poll()).values["online"] == 1


async def test_a_login_is_shown_only_where_it_is_asked_for_and_a_wrong_one_is_told(fake, tmp_path):
    async with FakeCamera(password="rahasia") as locked:
        (tmp_path / "password").write_text("rahasia\n")
        login = {"username": "siaga", "password_file": tmp_path / "password"}
        driver = CameraDriver(settings(locked, **login), clock=Clock())
        assert (await driver.poll()).values["online"] == 1
        assert await driver.picture() == PICTURE
        (tmp_path / "password").write_text("salah")
        with pytest.raises(MissedPollError, match="password_file") as missed:
            await driver.poll()
        assert missed.value.reason == "exception"
        with pytest.raises(MissedPollError, match="401"):
            await CameraDriver(settings(locked), clock=Clock()).poll()


def test_the_digest_of_the_standard():
    """RFC 7616, section 3.9.1, in both its hashes."""
    login = Login("Mufasa", "Circle of Life")
    told = 'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, ' + (
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    said = {
        name: authorization(login, [told.format(name)], method="GET", uri="/dir/index.html", cnonce=cnonce)
        for name in ("MD5", "SHA-256")
    }
    assert 'response="8ca523f5e9506fed4657c9700eebdbec"' in str(said["MD5"])
    assert 'response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"' in str(
        said["SHA-256"]
    )
    both = authorization(
        login, [told.format("MD5"), told.format("SHA-256")], method="GET", uri="/", cnonce="x"
    )
    assert "SHA-256" in str(both)
    assert authorization(login, ["Negotiate"], method="GET", uri="/", cnonce="x") is None


@pytest.mark.parametrize(
    "answer",
    [b"", b"<UTCDateTime></UTCDateTime>", b"<tt:UTCDateTime><tt:Year>2026</tt:Year></tt:UTCDateTime>"],
)
def test_no_clock_is_no_clock(answer):
    assert clock_of(answer) is None


@given(st.binary(max_size=300))
def test_no_answer_is_a_crash(data):
    clock_of(b"<UTCDateTime>" + data + b"</UTCDateTime>")


class Store:
    def __init__(self):
        self.events, self.error = [], None

    def append_events(self, events):
        if self.error:
            raise self.error
        self.events += [decode_body(body) for _, body in events]


def press(device="tombol-igd", event=EVENT):
    return Press(event, device, True, b"{}", 1)


@contextlib.asynccontextmanager
async def photographer(fake, folder, store, **more):
    driver = CameraDriver(settings(fake, on_panic=("tombol-igd",), **more), clock=Clock())
    album = Album(SnapshotSettings(folder=folder), clock=Clock())
    room = Photographer([driver], album, clock=Clock())
    task = asyncio.create_task(room.run(store))
    try:
        yield room, album, driver
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(so):
    async with asyncio.timeout(10):
        while not so():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_a_press_keeps_a_picture_and_tells_which(fake, tmp_path):
    store = Store()
    async with photographer(fake, tmp_path / "p", store) as (room, album, driver):
        room.pressed(press("tombol-lain"))
        room.pressed(press())
        await until(lambda: store.events)
        [picture] = album.pictures()
        assert album.read(picture.name) == PICTURE
        assert (await driver.poll()).values["snapshots"] == 1
    [event] = store.events
    assert (event.kind, event.device, event.data["press"]) == ("camera_snapshot", "cctv-lobi", EVENT)
    assert event.data["file"] == picture.name == f"{EVENT}-cctv-lobi.jpg"
    assert (tmp_path / "p").stat().st_mode & 0o077 == 0
    assert (tmp_path / "p" / picture.name).stat().st_mode & 0o077 == 0


async def test_a_camera_that_gives_no_picture_is_tried_again_and_told(fake, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(snapshots, "AGAIN_S", 0.02)
    store = Store()
    async with photographer(fake, tmp_path, store) as (room, album, _):
        fake.fault = "no picture"
        room.pressed(press())
        await until(lambda: "snapshot_failed" in caplog.text)
        assert fake.asked.count("GET") == snapshots.TRIES
        assert album.pictures() == []
        fake.fault, store.error = "none", DiskFull("full", "no space")
        room.pressed(press(event="cd" * 16))
        await until(lambda: "snapshot_untold" in caplog.text)
        assert len(album.pictures()) == 1, "the picture is kept all the same"
    for _ in range(snapshots.WAITING + 5):
        room.pressed(press())
    assert caplog.text.count("snapshot_left_out") == 5


def test_an_album_keeps_to_its_room_and_its_days(tmp_path):
    album = Album(SnapshotSettings(folder=tmp_path, keep_mb=1, keep_days=1), clock=Clock())
    names = [f"{at:032x}-cctv.jpg" for at in range(4)]
    for at, name in enumerate(names):
        album.keep(name, bytes(300_000))
        os.utime(tmp_path / name, (time.time() - 4000 + at, time.time() - 4000 + at))
    assert [one.name for one in album.pictures()] == names[:0:-1]
    os.utime(tmp_path / names[1], (1, time.time() - 90_000))
    album.tidy()
    assert [one.name for one in album.pictures()] == [names[3], names[2]]
    for name in ("../spool.sqlite", "x.jpg", names[0]):
        with pytest.raises(OrderError):
            album.read(name)


def test_a_card_that_lets_nothing_go_is_told_and_stops_nothing(tmp_path, monkeypatch, caplog):
    """It has become read-only, as cards do at their end; the gateway ended when it looked at its pictures."""
    album = Album(SnapshotSettings(folder=tmp_path, keep_days=1), clock=Clock())
    album.keep(f"{1:032x}-cctv.jpg", b"x")
    os.utime(tmp_path / f"{1:032x}-cctv.jpg", (1, 1))

    def read_only(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.unlink", read_only)
    Photographer([], album, clock=Clock())._tidy()
    assert "snapshots_untidied" in caplog.text


async def test_a_slow_camera_delays_no_other_device(fake):
    fake.delay_s = 0.2
    driver = CameraDriver(settings(fake), clock=Clock())
    turns = 0

    async def other():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.005)

    task = asyncio.create_task(other())
    with contextlib.suppress(MissedPollError):
        await driver.poll()
    task.cancel()
    assert turns > 2  # how many more is the affair of the machine


async def test_an_unsynced_clock_judges_no_camera(fake):
    clock = Clock()
    clock.discipline = lambda: Discipline(synced=False)  # type: ignore[method-assign]
    reading = await CameraDriver(settings(fake), clock=clock).poll()
    assert reading.quality == {"clock_off_s": Quality.INVALID}
