"""A door with a reader before the gateway's own server, and the account of its scans: each fault is planted."""

from __future__ import annotations

import asyncio
from collections import Counter
from types import SimpleNamespace

import pytest

from contract.codec import encode_body
from contract.messages import EventBody
from simulator import attendance
from simulator.account import Account
from simulator.attendance import CityKey, Door, Scanned, stored
from simulator.devices.attendance_reader import AttendanceReader
from simulator.processes import free_port
from tests.edge.drivers.readers import SERIAL, Site
from tests.simulator.test_report import REGION


@pytest.fixture
def key(tmp_path):
    return CityKey(tmp_path / "kota.key")


async def until(so):
    async with asyncio.timeout(20):
        while not so():  # noqa: ASYNC110 - it is another's state
            await asyncio.sleep(0.005)


def door_at(port):
    return Door("gw-1", "absen-lobi", AttendanceReader(SERIAL, "127.0.0.1", port), "Asia/Jakarta")


def row(scan):
    data = {"who": scan.who, "at_ms": scan.at_ms, "code": scan.code}
    body = encode_body(EventBody(id="0" * 32, kind="attendance_scan", device=scan.device, data=data))
    return {"gateway": scan.gateway, "device": scan.device, "body": body}


@pytest.mark.real
async def test_what_people_scan_is_on_the_gateways_card_once_as_it_was_foretold(tmp_path, key, monkeypatch):
    monkeypatch.setattr(attendance, "SCAN_S", 0.01)
    site = Site(tmp_path)
    key.write()
    serving = asyncio.create_task(site.server.run(site.store))
    try:
        await until(lambda: site.server.port is not None)
        door = door_at(site.server.port)
        door.come(["1001", "1002", "1003"], 0)
        async with door.running():
            await until(lambda: len(list(door.scanned(key))) == 3)
            await door.finish()
        events = site.store.events()
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        site.close()
    rows = [{"gateway": "gw-1", "device": one.device, "body": encode_body(one)} for one in events]
    assert Counter(stored(rows)) == Counter(door.scanned(key))
    assert len({scan.who for scan in stored(rows)}) == 3
    assert Counter(door.scanned(CityKey(tmp_path / "other"))) != Counter(stored(rows)), "the key makes them"


@pytest.mark.real
async def test_a_scan_that_no_gateway_took_stays_in_the_readers_own_memory(key, monkeypatch):
    monkeypatch.setattr(attendance, "SCAN_S", 0.01)
    monkeypatch.setattr(attendance, "TELL_S", 0.05)
    door = door_at(free_port())
    door.come(["1001"], 1)
    async with door.running():
        await until(lambda: list(door.scanned(key)))
        await door.finish()
    assert [scan.code for scan in door.scanned(key)] == [1]


SAID = [Scanned("gw-1", "absen-lobi", "aa", 1000, 0), Scanned("gw-1", "absen-lobi", "bb", 2000, 1)]


@pytest.mark.parametrize(
    ("there", "problems"),
    [
        (SAID, []),
        (SAID[:1], ["1 scans of gw-1/absen-lobi at 2000 are missing"]),
        ([*SAID, SAID[0]], ["1 scans of gw-1/absen-lobi at 1000 are too many"]),
        (
            [SAID[0], SAID[1]._replace(who="1002")],
            [
                "1 scans of gw-1/absen-lobi at 2000 are missing",
                "1 scans of gw-1/absen-lobi at 2000 are too many",
            ],
        ),
    ],
    ids=["all", "one is lost", "one is twice", "one is not by its pseudonym"],
)
def test_the_account_finds_each_scan_that_is_not_there_once(there, problems):
    door = SimpleNamespace(scanned=lambda _: SAID)
    city = SimpleNamespace(region=REGION, devices=(), doors={("gw-1", "absen-lobi"): door}, key=None)
    sql = SimpleNamespace(scans=lambda: [row(scan) for scan in there])
    counted, found = Account(city, sql, {}, 0)._count_scans()
    assert found == problems
    assert counted == {"made": 2, "committed": len(there)}


def test_what_is_no_scan_is_not_counted_as_one():
    assert list(stored([{**row(SAID[0]), "body": b"?"}])) == []
