"""Back up a running hub, destroy it, restore it where nothing is: nothing accepted is lost, nobody is told twice."""

import asyncio
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import create_engine, text

from contract.messages import DeviceColumn, Hello
from hub.api import audit
from hub.cli import main
from hub.config import load_config
from hub.series.tiers import MADE, Tier
from tests.hub.ingest.frames import body, event_frame, telemetry_frame
from tests.hub.notify.receiver import Receiver, receiving
from tests.hub.running import gateway, running, write_config
from tests.hub.test_app import HOSPITAL, POST, greeted, now_ms

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore:ssl.TLSVersion")]


@pytest.fixture(params=["sqlite", "postgresql"])
def postgres_or_none(request: pytest.FixtureRequest) -> Any:
    """Where the hub's store is: in a server, or in a file of its own."""
    return request.getfixturevalue("postgres") if request.param == "postgresql" else None


def configured(folder: Path, broker: Any, influx: Any, receiver: Receiver, database: str) -> Path:
    """A hub whose desk is the receiver, and which knows how to back up."""
    config = write_config(folder, broker, influx=influx, database=database)
    (folder / "authority").mkdir()
    (folder / "authority" / "issuing.key").write_text("rahasia penerbit")
    (folder / "authority" / "issuing.key").chmod(0o600)
    with sqlite3.connect(folder / "authority" / "register.sqlite") as register:
        register.execute("PRAGMA journal_mode = WAL")
        register.execute("CREATE TABLE claims (id)")
        register.execute("INSERT INTO claims VALUES (7)")
    assert main(["backup-key", str(folder.parent / "key")]) == 0
    recipient = (folder.parent / "key").read_text().split()[1]
    told = config.read_text().replace("https://piket.example/", receiver.url)
    config.write_text(
        told + f'[outbound]\nallow = ["{receiver.place}"]\nprivate = ["{receiver.place}"]\n'
        f'[backup]\nfolder = "{folder.parent}/backups"\nrecipients = ["{recipient}"]\nalso = ["authority"]\n'
    )
    return config


def sql(config: Path, query: str) -> list[tuple[Any, ...]]:
    engine = create_engine(load_config(config).database_url)
    try:
        with engine.connect() as conn:
            return [tuple(row) for row in conn.execute(text(query))]
    finally:
        engine.dispose()


def ask_influx(config: Path, q: str) -> Any:
    section = load_config(config).influx
    assert section is not None
    answer = httpx.get(f"{section.url}/query", params={"db": section.database, "q": q, "epoch": "ns"})
    return answer.json()["results"][0].get("series", [])


OLD = 'SELECT * FROM "river_post" WHERE "gateway" = \'pos-lama\' GROUP BY *'


def asked_of(config: Path, tier: Tier, q: str) -> Any:
    section = load_config(config).influx
    assert section is not None
    params = {"db": f"{section.database}_{tier}", "q": q, "epoch": "ns"}
    return httpx.get(f"{section.url}/query", params=params).json()["results"][0].get("series", [])


def put_rolled(config: Path, tier: Tier) -> Any:
    """An hour of years ago in that tier; what the tier then says of it."""
    section = load_config(config).influx
    assert section is not None
    database = f"{section.database}_{tier}"
    httpx.post(f"{section.url}/query", data={"q": f'CREATE DATABASE "{database}"'})
    line = b"river_post,gateway=pos-lama level_m_mean=1.5,level_m_count=60i 1500000000000000000"
    assert httpx.post(f"{section.url}/write", params={"db": database}, content=line).status_code == 204
    found = asked_of(config, tier, OLD)
    assert found
    return found


async def told(receiver: Receiver, count: int) -> None:
    for _ in range(200):
        if len(receiver.received) >= count:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{len(receiver.received)} notices of {count}")


def press(name: str, epoch: str, number: int, **more: Any) -> bytes:
    return event_frame(
        body(number, device=f"tombol-{number}"),
        first=number,
        epoch=epoch,
        gateway=name,
        base_ms=now_ms(),
        age_ms=0,
        **more,
    )


async def test_a_destroyed_hub_is_restored_and_regains_every_press_and_tells_nobody_twice(
    broker, influx, postgres_or_none, tmp_path, capsys
):
    folder = tmp_path / "hub"
    folder.mkdir()
    name = f"siaga_{uuid4().hex[:8]}"
    postgres = postgres_or_none
    database = postgres.create_database(name) if postgres else ""
    panics, samples = uuid4().hex[:16], uuid4().hex[:16]
    device = DeviceColumn("duga-air", "river_post", ("level_m", "tips"))
    async with receiving() as receiver:
        config = configured(folder, broker, influx, receiver, database)
        with gateway(broker, HOSPITAL) as one, gateway(broker, POST) as post:
            async with running(config):
                hello = await greeted(one)
                await greeted(post)
                await one.send("up/panic", press(one.name, panics, 1))
                await one.receipted(panics, 1, 1)
                frame = telemetry_frame(
                    (0, 0, 0.5, 1), (0, 500, 0.51, 2), devices=(device,), epoch=samples, gateway=post.name,
                    base_ms=now_ms() - 1000, age_ms=1000,
                )  # fmt: skip
                await post.send("up/telemetry", frame)
                await post.receipted(samples, 1, 2)
                # The desk's system has the press, and its supervisor is asked: nobody is signed in.
                await told(receiver, 2)
                before = ask_influx(config, 'SELECT * FROM "river_post" GROUP BY *')
                rolled = {tier: put_rolled(config, tier) for tier in MADE}
                assert await asyncio.to_thread(main, ["backup", "--config", str(config)]) == 0
                assert "read back" in capsys.readouterr().out
                await one.send("up/panic", press(one.name, panics, 2))
                await one.receipted(panics, 2, 2)
                await told(receiver, 4)
            section = load_config(config).influx
            for which in ("", *(f"_{tier}" for tier in MADE)):
                ask_influx(config, f'DROP DATABASE "{section.database}{which}"')
            shutil.rmtree(folder)
            if postgres:
                put_away(postgres, name)
                postgres.create_database(name)

            (backup,) = (tmp_path / "backups").iterdir()
            restore = ["restore", str(backup), "--identity", str(tmp_path / "key")]
            assert await asyncio.to_thread(main, restore) == 0
            said = capsys.readouterr().out
            assert re.search(r"\b\d+ samples \(0 refused\)", said), said
            assert ask_influx(config, 'SELECT * FROM "river_post" GROUP BY *') == before
            # They are kept for years longer than the samples that they were made of.
            assert {tier: asked_of(config, tier, OLD) for tier in MADE} == rolled
            assert (folder / "authority" / "issuing.key").stat().st_mode & 0o777 == 0o600
            with sqlite3.connect(folder / "authority" / "register.sqlite") as register:
                assert register.execute("SELECT * FROM claims").fetchall() == [(7,)]
            assert await asyncio.to_thread(main, restore) == 2, "a store that is there is never written over"
            capsys.readouterr()

            one.heard.clear()
            async with running(config):
                again = await one.hears(lambda message: isinstance(message, Hello))
                assert again.inc[0] > hello.inc[0]
                assert again.inc != hello.inc
                assert [(have.epoch, have.ranges) for have in again.have] == [(panics, ((1, 1),))]
                # What the gateway has in its ring, it says as such: the first one too, which is here already.
                await one.send("up/panic", press(one.name, panics, 1, again=True))
                await one.send("up/panic", press(one.name, panics, 2, again=True))
                await one.receipted(panics, 1, 1)
                await one.receipted(panics, 2, 2)
                await asyncio.sleep(1.0)
            assert len(receiver.received) == 4, "nobody is told or asked twice"
    assert sql(config, "SELECT seq, kind FROM events ORDER BY seq") == [
        (1, "panic_press"),
        (2, "panic_press"),
    ]
    assert sql(config, "SELECT state FROM incidents ORDER BY number") == [("unverified",), ("recovered",)]
    held = sql(config, "SELECT state, reason FROM outbox WHERE kind = 'panic' ORDER BY created_ms")
    assert held == [("sent", ""), ("held", "recovered")]
    assert sql(config, "SELECT state FROM escalations") == [("exhausted",)]
    assert sql(config, "SELECT action FROM audit ORDER BY n DESC LIMIT 1") == [("hub.restore",)]
    engine = create_engine(load_config(config).database_url)
    with engine.connect() as conn:
        assert audit.first_fault(conn) is None
    engine.dispose()


def put_away(postgres: Any, name: str) -> None:
    engine = create_engine(postgres.url(), isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        conn.execute(text(f'ALTER DATABASE "{name}" RENAME TO "{name}_gone"'))
    engine.dispose()
