"""What a gateway should run is told to who runs something else, and not again to who refused it."""

from __future__ import annotations

import os

import pytest
from sqlalchemy import insert

from contract.messages import Reply
from hub.fleet.desired import AGAIN_MS, LARGEST_BYTES, Wishes
from hub.fleet.tables import gateways
from hub.ingest.accept import AcceptedReply

WANTED = '[gateway]\nid = "gw-1"\n'


class Clock:
    mono = 0

    def now_ms(self):
        return 0

    def mono_ms(self):
        return self.mono


class Bench:
    def __init__(self, folder, db):
        self.folder, self.db, self.clock, self.said = folder, db, Clock(), []
        self.wishes = Wishes(
            folder,
            gateways=["gw-1", "gw-2"],
            db=db,
            clock=self.clock,
            say=lambda gateway, wish: self.said.append((gateway, wish)),
        )

    async def runs(self, gateway, config, *, online=True):
        row = {
            "gateway": gateway,
            "first_ms": 0,
            "last_ms": 0,
            "online": online,
            "connection": "c",
            "boot": "b",
            "interval_s": 10.0,
            "software": "",
            "config": config,
            "clock": "ntp",
        }
        await self.db.write(lambda conn: conn.execute(insert(gateways).values(**row)))

    def want(self, text=WANTED, at_s=1000):
        path = self.folder / "gw-1.toml"
        path.write_text(text)
        os.utime(path, (at_s, at_s))

    async def look(self, after_ms=AGAIN_MS):
        self.clock.mono += after_ms
        self.said.clear()
        await self.wishes.look()
        return self.said


@pytest.fixture
def bench(tmp_path, database):
    return Bench(tmp_path, database)


async def test_who_runs_something_else_is_told_once_a_minute_until_it_runs_what_is_wanted(bench):
    bench.want()
    assert await bench.look() == [], "nobody has heard of it yet"
    await bench.runs("gw-1", "another")
    await bench.runs("gw-2", "another")
    [(gateway, wish)] = await bench.look()
    assert (gateway, wish.toml, wish.config_version) == ("gw-1", WANTED, 1_000_000)
    assert await bench.look(after_ms=AGAIN_MS - 1) == []
    assert len(await bench.look(after_ms=1)) == 1
    await bench.db.write(lambda conn: conn.execute(gateways.update().values(config=wish.hash)))
    assert await bench.look() == []


async def test_what_was_refused_is_not_told_again_until_it_is_another_one(bench, caplog):
    bench.want()
    await bench.runs("gw-1", "another")
    [(_, wish)] = await bench.look()
    said = Reply(gateway="gw-1", ok=False, error="poll_s", config_version=wish.config_version)
    bench.wishes.replied(AcceptedReply("gw-1", 0, said))
    assert "wish_refused gateway=gw-1 error=poll_s" in caplog.text
    assert await bench.look() == []
    bench.want(WANTED + "\n")
    assert len(await bench.look()) == 1


async def test_an_answer_to_an_older_wish_or_to_a_command_refuses_nothing(bench):
    bench.want()
    await bench.runs("gw-1", "another")
    bench.wishes.replied(AcceptedReply("gw-1", 0, Reply(gateway="gw-1", ok=False, config_version=1)))
    bench.wishes.replied(AcceptedReply("gw-1", 0, Reply(gateway="gw-1", ok=False, nonce="0" * 32)))
    assert len(await bench.look()) == 1


@pytest.mark.parametrize("text", [b"\xff\xfe", b"#" * (LARGEST_BYTES + 1)])
async def test_a_file_that_cannot_be_told_is_told_of_once(bench, text, caplog):
    await bench.runs("gw-1", "another")
    (bench.folder / "gw-1.toml").write_bytes(text)
    assert await bench.look() == []
    assert await bench.look() == []
    assert caplog.text.count("wish_unreadable") == 1
    bench.want()
    assert len(await bench.look()) == 1


async def test_who_is_away_is_told_when_it_is_back(bench):
    bench.want()
    await bench.runs("gw-1", "another", online=False)
    assert await bench.look() == []
    await bench.db.write(lambda conn: conn.execute(gateways.update().values(online=True)))
    assert len(await bench.look()) == 1
