"""A ZKTeco reader against the gateway's server over TCP: what it is told, and what is in the spool when it is told."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import logging
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from edge.drivers import attendance, http_server, zk_push
from edge.drivers.attendance import ReaderDriver
from edge.drivers.base import MissedPollError
from simulator.devices.attendance_reader import AttendanceReader, Row, ServerGoneError, month
from tests.edge.drivers.readers import SERIAL, Site

pytestmark = pytest.mark.real

LINE = "1001\t2026-11-22 07:31:02\t0\t15\n"


@contextlib.asynccontextmanager
async def serving(folder, **reader):
    site = Site(folder, **reader)
    task = asyncio.create_task(site.server.run(site.store))
    while site.server.port is None:
        await asyncio.sleep(0.005)
        assert not task.done(), task
    try:
        yield site, AttendanceReader(SERIAL, "127.0.0.1", site.server.port)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        site.close()


async def until(so):
    async with asyncio.timeout(10):
        while not so():  # noqa: ASYNC110 - it is another's state
            await asyncio.sleep(0.005)


@pytest.fixture
async def pair(tmp_path):
    async with serving(tmp_path) as (site, device):
        yield site, device
        await device.close()


async def test_a_new_reader_is_asked_for_all_it_has_and_for_scans_only(pair):
    _, device = pair
    reply = await device.start()
    assert reply.text.splitlines()[0] == f"GET OPTION FROM: {SERIAL}"
    assert device.options["ATTLOGStamp"] == "None"
    assert device.options["TransFlag"] == "TransData AttLog"
    assert (device.options["TimeZone"], device.options["Realtime"]) == ("7", "1")
    assert reply.headers["content-type"] == "text/plain"
    assert reply.headers["date"] == "Tue, 14 Nov 2023 22:30:00 GMT"


@pytest.mark.parametrize("version", ["", "1.9"])
async def test_old_firmware_gets_the_older_dialect(pair, version):
    _, device = pair
    device.push_version = version
    await device.start()
    assert (device.options["Stamp"], device.options["TransFlag"]) == ("0", "1000000000")
    assert "ATTLOGStamp" not in device.options


async def test_a_dialect_that_is_configured_wins(tmp_path):
    async with serving(tmp_path, dialect="stamp") as (_, device):
        await device.start()
        assert "Stamp" in device.options
        await device.close()


@pytest.mark.parametrize(
    ("zone", "said"),
    [("Asia/Makassar", 8), ("Asia/Kolkata", 330), ("America/New_York", -5), ("Etc/GMT-14", 840)],
)
def test_a_zone_that_is_not_of_whole_hours_is_told_in_minutes(zone, said):
    assert zk_push.time_zone(ZoneInfo(zone), datetime(2026, 11, 22, tzinfo=UTC)) == said


async def test_no_date_is_told_while_nobody_knows_it(pair):
    site, device = pair
    site.clock.synced = False
    assert "date" not in (await device.start()).headers


async def test_scans_are_on_the_card_when_the_reader_is_told_so_and_once(pair):
    site, device = pair
    device.rows = month(["1001", "1002", "1003"], 600)
    await device.start()
    assert await device.upload(batch=300) == 600
    events = site.store.events()
    assert len(events) == len({event.id for event in events}) == 600
    assert len({event.data["who"] for event in events}) == 3
    device.sent = 100  # as after a reset of its memory of what it told
    assert await device.upload() == 500
    assert len(site.store.events()) == 600


async def test_the_stamp_survives_a_restart_and_is_told_again(tmp_path):
    async with serving(tmp_path) as (_, device):
        device.rows = month(["1001"], 7)
        await device.start()
        await device.upload()
        await device.post(f"cdata?SN={SERIAL}&table=OPERLOG&OpStamp=9", b"OPLOG 4\t17\n")
        await device.close()
    async with serving(tmp_path, boot="00000002") as (_, later):
        await later.start()
        assert (later.options["ATTLOGStamp"], later.options["OPERLOGStamp"]) == ("7", "9")
        later.push_version = ""
        await later.start()
        assert (later.options["Stamp"], later.options["OpStamp"]) == ("7", "9")
        await later.close()


async def test_what_the_card_refuses_is_never_acknowledged_and_no_stamp_is_kept(pair, caplog):
    site, device = pair
    device.rows = month(["1001"], 5)
    await device.start()
    site.store.refuse = True
    reply = await device.post_attlog(LINE, 5)
    assert (reply.status, reply.text) == (503, "try again")
    await device.start()
    assert device.options["ATTLOGStamp"] == "None"
    site.store.refuse = False
    assert await device.upload() == 5
    assert len(site.store.events()) == 5
    assert "1001" not in caplog.text


async def test_a_reader_waits_when_too_much_waits_for_the_hub(pair):
    site, device = pair
    site.store.room = 2
    device.rows = month(["1001"], 3)
    assert await device.upload() == 0
    site.store.room = 1000
    assert await device.upload() == 3


async def test_unreadable_lines_are_counted_told_and_do_not_stop_the_others(pair, caplog):
    site, device = pair
    reply = await device.post_attlog(LINE + "9999888877 no scan\n" + LINE.replace(":02", ":09"), 3)
    assert reply.text == "OK: 3"
    assert len(site.store.events()) == 2
    assert site.readers.book.counted(SERIAL) == (2, 1)
    assert "reader_unreadable device=absen-lobi lines=1 of=3" in caplog.text
    assert "9999888877" not in caplog.text


@pytest.mark.parametrize("table", ["ATTPHOTO", "BIODATA", "USERINFO", "OPERLOG", "options"])
async def test_everything_else_is_taken_and_thrown_away(pair, table):
    site, device = pair
    assert (
        await device.post(f"cdata?SN={SERIAL}&table={table}", b"NAME=Budi Santoso" * 50_000)
    ).status == 200
    assert site.store.events() == []


async def test_a_stranger_is_refused_and_told_once(pair, caplog):
    site, device = pair
    stranger = AttendanceReader("XYZ0001", device.host, device.port, month(["1"], 2))
    for _ in range(3):
        assert await stranger.upload() == 0
        assert (await stranger.start()).status == 403
    for number in range(100):
        await stranger.get(f"getrequest?SN=S{number}")
    await stranger.close()
    assert site.store.events() == []
    assert caplog.text.count("XYZ0001") == 1
    assert caplog.text.count("reader_unknown") == 32


async def test_a_reader_is_told_once_to_send_what_it_has_and_again_when_it_was_away(pair):
    site, device = pair
    assert await device.poll() == "C:1:LOG\r\n"
    assert [await device.poll() for _ in range(3)] == ["OK"] * 3
    site.clock.mono += 181_000
    await device.poll()
    assert device.commands == ["LOG", "LOG"]


async def test_a_command_that_a_reader_refuses_is_told(pair, caplog):
    _, device = pair
    body = b"ID=1&Return=-1002&CMD=LOG\nID=2&Return=0&CMD=LOG\nnonsense"
    assert (await device.post(f"devicecmd?SN={SERIAL}", body)).text == "OK"
    assert caplog.text.count("reader_command_refused") == 1
    assert "-1002" in caplog.text


@pytest.mark.parametrize("habit", [{"suffix": ".aspx"}, {"ending": "\n"}, {"packing": "gzip"}])
async def test_habits_of_firmware(pair, habit):
    site, device = pair
    for name, value in habit.items():
        setattr(device, name, value)
    device.rows = month(["1001"], 4)
    await device.start()
    assert await device.upload() == 4
    assert len(site.store.events()) == 4


async def test_chunks_an_old_protocol_and_latin_1(pair):
    site, device = pair
    body = LINE.encode() + b"b\xe9\t2026-11-22 07:32:00\t0\t1\n"
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:9], body[9:])) + b"0\r\n\r\n"
    head = (
        f"POST /iclock/cdata?SN={SERIAL}&table=ATTLOG&Stamp=1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    said = await device.raw(head.encode() + pieces)
    assert said.startswith(b"HTTP/1.1 200 OK")
    assert said.endswith(b"OK: 2")
    old = await device.raw(f"GET /iclock/getrequest?SN={SERIAL} HTTP/1.0\n\n".encode())
    assert b"Connection: close" in old
    assert len(site.store.events()) == 2


def head(length: int, more: str = "") -> bytes:
    return (
        f"POST /iclock/cdata?SN={SERIAL}&table=ATTLOG&Stamp=1 HTTP/1.1\r\nContent-Length: {length}\r\n{more}\r\n"
    ).encode()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 70 + b"\r\n", b"431"),
        (head(-1), b"400"),
        (head(5, "Content-Encoding: gzip\r\n") + b"12345", b"400"),
        (head(3, "Content-Encoding: br\r\n") + b"123", b"415"),
        (head(2**40), b"413"),
        (b"GET /iclock/registry?SN=1 HTTP/1.1\r\n\r\n", b"404"),
        (b"GET /etc/passwd HTTP/1.1\r\n\r\n", b"404"),
    ],
    ids=["tls", "long line", "many headers", "length", "no gzip", "packing", "huge", "endpoint", "path"],
)
async def test_garbage_is_refused_and_the_next_reader_is_served(pair, data, status):
    site, device = pair
    assert (await device.raw(data)).split()[1] == status
    assert (await device.post_attlog(LINE, 1)).text == "OK: 1"
    assert len(site.store.events()) == 1


async def test_a_bomb_of_gzip_is_refused(pair, monkeypatch):
    site, device = pair
    monkeypatch.setattr(http_server, "BODY_MAX", 100_000)
    bomb = gzip.compress(b"\n" * 5_000_000)
    said = await device.raw(head(len(bomb), "Content-Encoding: gzip\r\n") + bomb)
    assert said.split()[1] == b"413"
    assert site.store.events() == []


async def test_half_an_upload_is_nothing(pair):
    site, device = pair
    assert await device.raw(head(500) + (LINE * 3).encode()) == b""
    packed = gzip.compress(LINE.encode() * 3)[:-6]
    said = await device.raw(head(len(packed), "Content-Encoding: gzip\r\n") + packed)
    assert said.split()[1] == b"400"
    assert site.store.events() == []


async def test_a_slow_reader_holds_up_nobody_and_is_dropped_in_the_end(pair, monkeypatch):
    site, device = pair
    monkeypatch.setattr(http_server, "REQUEST_S", 0.3)
    reader, writer = await asyncio.open_connection(device.host, device.port)
    writer.write(head(500)[:40])
    assert (await device.post_attlog(LINE, 1)).text == "OK: 1"
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    assert len(site.store.events()) == 1


async def test_who_never_reads_its_answers_keeps_no_place(monkeypatch):
    monkeypatch.setattr(http_server, "REQUEST_S", 0.05)

    class Deaf:
        """The other end of a connection whose buffers are full."""

        def write(self, data):
            """Taken, and never sent."""

        async def drain(self):
            await asyncio.Event().wait()

        def close(self):
            """Nothing is left to do."""

    async def answer(head, body):
        return http_server.Answer(200)

    server = http_server.HttpServer("127.0.0.1", 0, answer, use=lambda _: "discard", now_ms=lambda: None)
    reader = asyncio.StreamReader()
    reader.feed_data(b"GET /iclock/ping HTTP/1.1\r\n\r\n" * 2)
    async with asyncio.timeout(10):
        await server._serve(reader, Deaf())
    assert not server._serving


async def test_too_many_connections_are_closed(pair, monkeypatch):
    _, device = pair
    monkeypatch.setattr(http_server, "CONNECTIONS_MAX", 2)
    held = [await asyncio.open_connection(device.host, device.port) for _ in range(3)]
    async with asyncio.timeout(5):
        assert await held[2][0].read() == b""
    for _, writer in held:
        writer.close()


async def test_other_work_goes_on_while_a_long_upload_is_stored(pair, monkeypatch):
    """Counted in turns of the loop, not in time: what a busy machine does between two of them is not ours."""
    site, device = pair
    monkeypatch.setattr(attendance, "GROUP_SCANS", 20)
    turns, stored_at, append = 0, [], site.readers.book.append

    async def beat():
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    def noted(*what):
        stored_at.append(turns)
        return append(*what)

    monkeypatch.setattr(site.readers.book, "append", noted)
    other = asyncio.create_task(beat())
    device.rows = month([f"{n}" for n in range(1000, 1100)], 3000)
    assert await device.upload(batch=3000) == 3000
    other.cancel()
    assert len(stored_at) == len(set(stored_at)) == 150, "two groups in one turn"


async def test_a_reader_is_down_when_it_is_silent_and_up_when_it_is_back(pair):
    site, device = pair
    driver = ReaderDriver(site.reader, site.readers)
    with pytest.raises(MissedPollError) as early:
        await driver.poll()
    assert early.value.reason == "resting"
    site.clock.mono += 181_000
    with pytest.raises(MissedPollError) as never:
        await driver.poll()
    assert never.value.reason == "no_answer"
    await device.post_attlog(LINE, 1)
    site.clock.mono += 60_000
    assert (await driver.poll()).values == {"scans": 1, "unreadable": 0, "heard_s": 60.0}
    site.clock.mono += 121_000
    with pytest.raises(MissedPollError) as silent:
        await driver.poll()
    assert silent.value.reason == "no_answer"
    await device.poll()
    assert (await driver.poll()).values["heard_s"] == 0


async def test_a_taken_port_and_a_missing_key_are_tried_again(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("edge.drivers.attendance_push.RETRY_S", 0.02)
    caplog.set_level(logging.INFO)
    site = Site(tmp_path)
    driver = ReaderDriver(site.reader, site.readers)
    site.settings.key_file.chmod(0o644)
    task = asyncio.create_task(site.server.run(site.store))
    await until(lambda: "attendance_down" in caplog.text)
    await asyncio.sleep(0.1)
    assert caplog.text.count("attendance_down") == 1, "told once, however often it is tried"
    site.clock.mono += 181_000
    with pytest.raises(MissedPollError) as closed:
        await driver.poll()
    assert closed.value.reason == "not_started"
    site.settings.key_file.chmod(0o600)
    await until(lambda: site.server.port is not None)
    assert site.server.port is not None
    device = AttendanceReader(SERIAL, "127.0.0.1", site.server.port, [Row("7", "2026-11-22 07:00:00")])
    assert await device.upload() == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    with pytest.raises(ServerGoneError):
        await device.poll()
    site.close()
