"""The log of a reader on port 4370, over TCP and UDP, and how it goes together with what was uploaded."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime

import pytest

from edge.config import Pull
from edge.drivers import attendance_pull, zk_frames
from edge.drivers.attendance_pull import LogPuller, PullError, pull_log
from edge.drivers.zk_frames import Packet, PacketError
from simulator.devices.attendance_reader import AttendanceReader, Row, month
from simulator.devices.attendance_terminal import AttendanceTerminal, packed_time
from tests.edge.drivers.readers import SERIAL, Site

CHANGING = {15, 18, 8, 9, 1003, 202, 500, 1004}
"""Commands that clear, write, lock, set or restart something."""


def settings(device: AttendanceTerminal, **more: object) -> Pull:
    return Pull(host="127.0.0.1", port=device.port, **more)


def test_a_packet_is_the_bytes_that_are_on_every_line():
    assert Packet(1000, 0, 0).encoded() == bytes.fromhex("e803 17fc 0000 0000")
    assert Packet(1000, 0, 0).framed() == bytes.fromhex("5050827d 08000000 e803 17fc 0000 0000")
    packet = Packet(2000, 0x1234, 7, b"abc")
    assert zk_frames.decode(packet.encoded()) == packet


@pytest.mark.parametrize("at", range(11))
def test_a_flipped_bit_is_seen(at):
    data = bytearray(Packet(2000, 0x1234, 7, b"abc").encoded())
    data[at] ^= 0x10
    with pytest.raises(PacketError):
        zk_frames.decode(bytes(data))


def test_a_packed_time_is_the_one_of_the_manual():
    assert zk_frames.read_time(0x2368B36B) == datetime(2018, 6, 25, 17, 50, 35)  # noqa: DTZ001
    assert packed_time("2018-06-25 17:50:35") == 0x2368B36B
    assert zk_frames.read_time(packed_time("2018-02-28 00:00:00") + 86_400 * 2) is None  # 30 February


def test_the_communication_key_is_scrambled_with_the_session():
    # Worked by hand: key 0 and session 0 leave 'ZKSO' with its halves swapped, and the ticks mixed in.
    assert zk_frames.scrambled(0, 0) == bytes((ord("S") ^ 50, ord("O") ^ 50, 50, ord("K") ^ 50))
    assert zk_frames.scrambled(0x80000000, 0) == bytes((ord("S") ^ 50, ord("O") ^ 50, 50, ord("K") ^ 50))
    assert zk_frames.scrambled(1, 0) == bytes((ord("S") ^ 50, ord("O") ^ 0x80 ^ 50, 50, ord("K") ^ 50))
    assert zk_frames.scrambled(0, 0x0100) == bytes((ord("S") ^ 50, ord("O") ^ 50, 50, ord("K") ^ 1 ^ 50))


@pytest.mark.real
@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize(("scans", "size"), [(0, 40), (3, 40), (3, 16), (5000, 40)])
async def test_the_whole_log_comes_and_nothing_is_changed(transport, scans, size):
    rows = month(["1001", "20021", "7"], scans)
    async with AttendanceTerminal(rows, record_bytes=size) as device:
        records, told = await pull_log(settings(device, transport=transport))
        assert told is not None
        assert (records, told.unreadable) == (scans, 0)
        seen = [(p.number, f"{p.local}", p.code, p.verify) for p in told.punches]
        assert seen == [(row.number, row.local, row.status, row.verify) for row in rows]
        assert not CHANGING & set(device.asked)
        assert device.asked[-1] == 1001
        # The count has not changed: the log is left alone.
        device.asked.clear()
        assert await pull_log(settings(device, transport=transport), known_records=scans) == (scans, None)
        assert 1503 not in device.asked


@pytest.mark.real
async def test_scans_that_come_between_count_and_log_are_there_too():
    async with AttendanceTerminal(month(["7"], 3), late_rows=[Row("8", "2026-11-22 07:00:00")]) as device:
        records, told = await pull_log(settings(device))
        assert records == 4
        assert told is not None
        assert told.punches[-1].number == "8"


@pytest.mark.real
async def test_a_communication_key_is_shown_and_a_wrong_one_is_told():
    async with AttendanceTerminal(month(["7"], 3), key=zk_frames.scrambled(12345, 0x1234)) as device:
        records, _ = await pull_log(settings(device, comm_key=12345))
        assert records == 3
        with pytest.raises(PullError, match="comm_key"):
            await pull_log(settings(device, comm_key=54321))


@pytest.mark.real
@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("silent", "no_answer"),
        ("garbage", "garbage"),
        ("checksum", "garbage"),
        ("half", None),
        ("wrong_size", "garbage"),
    ],
)
async def test_whatever_is_wrong_nothing_is_taken(transport, fault, reason, monkeypatch):
    expected = reason or ("no_answer" if transport == "tcp" else "garbage")
    async with AttendanceTerminal(month(["7"], 300), fault=fault) as device:
        with monkeypatch.context() as haste:
            if expected == "no_answer":  # what does come is waited for as long as on a site
                haste.setattr(attendance_pull, "PACKET_S", 0.1)
            with pytest.raises(PullError) as caught:
                await pull_log(settings(device, transport=transport))
        assert caught.value.reason == expected
        # The negative twin: the same device, well again.
        device.fault = "slow"
        assert (await pull_log(settings(device, transport=transport)))[0] == 300


@pytest.mark.real
async def test_records_without_a_number_and_a_reader_that_is_not_there_are_refused():
    async with AttendanceTerminal(month(["7"], 300), record_bytes=8) as device:
        with pytest.raises(PullError, match="garbage"):
            await pull_log(settings(device))
    with pytest.raises(PullError, match="no_answer"):
        await pull_log(settings(device))


@pytest.mark.real
async def test_an_upload_and_a_pull_of_the_same_scans_make_each_once(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    rows = month(["1001", "1002"], 400)
    site = Site(tmp_path)
    serving = asyncio.create_task(site.server.run(site.store))
    while site.server.port is None:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    uploading = AttendanceReader(SERIAL, "127.0.0.1", site.server.port, rows[:300])
    assert await uploading.upload() == 300
    async with AttendanceTerminal(rows[200:]) as device:
        puller = LogPuller(site.reader, settings(device), site.readers)
        assert await puller.pull()
        assert len(site.store.events()) == 400
        assert "reader_pulled device=absen-lobi new=100 of=200" in caplog.text
        uploading.rows, uploading.sent = rows, 0
        assert await uploading.upload() == 400
        assert len(site.store.events()) == len({event.id for event in site.store.events()}) == 400
    await uploading.close()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    site.close()


@pytest.mark.real
async def test_it_is_pulled_at_the_start_and_again_when_it_was_away(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(attendance_pull, "LOOK_S", 0.01)
    site = Site(tmp_path)
    site.readers.open(site.store)
    async with AttendanceTerminal(month(["1001"], 5)) as device:
        puller = LogPuller(site.reader, settings(device), site.readers)
        running = asyncio.create_task(puller.run(site.store))

        async def pulled(times: int, scans: int) -> None:
            async with asyncio.timeout(10):
                while device.asked.count(1001) < times or len(site.store.events()) < scans:  # noqa: ASYNC110
                    await asyncio.sleep(0.005)

        await pulled(1, 5)
        assert len(site.store.events()) == 5
        await asyncio.sleep(0.05)
        assert device.asked.count(1001) == 1
        site.clock.mono += 181_000
        await asyncio.sleep(0.05)
        assert device.asked.count(1001) == 1
        device.rows += [Row("1001", "2026-12-24 07:00:00")]
        site.readers.heard(site.reader)
        await pulled(2, 6)
        assert len(site.store.events()) == 6
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    for _ in range(3):
        assert not await puller.pull()
    assert caplog.text.count("reader_pull_failed") == 1
    site.close()
