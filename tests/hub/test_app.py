"""The whole hub against a real broker and a real InfluxDB: frames in, rows and points and receipts out."""

import asyncio
import logging
import sqlite3
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import create_engine, text

from contract.messages import DeviceColumn, Hello, LaneAccount, Receipt, VersionRefusal
from hub.agencies import store as directories
from hub.app import HubApp
from hub.cli import main
from hub.clock import SystemClock
from hub.db import Database
from hub.errors import StoreUnavailableError
from hub.region.watch import LOOK_S
from simulator.servers import Mosquitto
from tests.hub.city import REGION
from tests.hub.flooding import flooding
from tests.hub.ingest.frames import body, edited, event_frame, telemetry_frame
from tests.hub.running import Gateway, gateway, running, write_config

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore:ssl.TLSVersion")]

HOSPITAL = "gw-rsud-contoh"
POST = "gw-pos-bendung-hulu"


def epoch() -> str:
    return uuid4().hex[:16]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def query(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(f"file:{folder}/hub.sqlite?mode=ro", uri=True) as connection:
        return connection.execute(sql).fetchall()


async def get(url: str, **more: Any) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(url, **more)


async def greeted(one: Gateway) -> Hello:
    """The hello to a birth, once the hub is there to hear it."""
    await one.hears(lambda message: isinstance(message, Hello))
    await one.be_born(uuid4().hex)
    found = await one.hears(lambda message: isinstance(message, Hello) and message.echo_ms is not None)
    assert isinstance(found, Hello)
    return found


def press(one: str, ep: str, number: int, **more) -> bytes:
    return event_frame(
        body(number), first=number, epoch=ep, gateway=one, base_ms=now_ms() - 200, age_ms=200, **more
    )


async def test_a_press_becomes_a_row_an_incident_and_a_notice_before_its_receipt(broker, tmp_path):
    ep = epoch()
    with gateway(broker, HOSPITAL) as one:
        async with running(write_config(tmp_path, broker)):
            hello = await greeted(one)
            await one.send("up/panic", press(one.name, ep, 1))
            receipt = await one.receipted(ep, 1, 1)
            assert receipt.inc == hello.inc
            assert receipt.lane == "panic"
            assert query(tmp_path, "select gateway, lane, seq, kind from events") == [
                (HOSPITAL, "panic", 1, "panic_press")
            ]
            assert query(tmp_path, "select count(*) from incidents") == [(1,)]
            assert query(tmp_path, "select count(distinct notice) from outbox where kind = 'panic'") == [(1,)]

            await one.send("up/panic", press(one.name, ep, 1))
            one.heard.clear()
            await one.receipted(ep, 1, 1)
            assert query(tmp_path, "select count(*) from incident_presses") == [(1,)]


async def test_the_gateway_hears_that_a_person_has_acknowledged_its_press(broker, tmp_path):
    ep, config = epoch(), write_config(tmp_path, broker)
    (tmp_path / "password").write_text("jembatan gantung 17 ikan")
    who = ["siti", "--role", "operator", "--password-file", str(tmp_path / "password")]
    with gateway(broker, HOSPITAL) as one:
        async with running(config) as (_, ready):
            assert await asyncio.to_thread(main, ["users", "add", *who, "--config", str(config)]) == 0
            await greeted(one)
            await one.send("up/panic", press(one.name, ep, 1))
            await one.receipted(ep, 1, 1)
            async with httpx.AsyncClient(base_url=ready.api, trust_env=False) as client:
                login = {"name": "siti", "password": "jembatan gantung 17 ikan"}
                csrf = (await client.post("/api/login", json=login)).json()["csrf"]
                incident = (await client.get("/api/incidents")).json()["incidents"][0]["id"]
                url = f"/api/incidents/{incident}/acknowledge"
                answer = await client.post(url, json={}, headers={"X-CSRF-Token": csrf})
                assert answer.status_code == 200
            said = await one.hears(lambda message: isinstance(message, Receipt) and bool(message.answered))
    assert isinstance(said, Receipt)
    assert (said.lane, said.ranges) == ("panic", ())
    assert [(row[0],) for row in query(tmp_path, "select event_id from incident_presses")] == [said.answered]


async def test_a_press_goes_the_same_way_on_postgresql(broker, postgres, tmp_path):
    ep = epoch()
    url = postgres.create_database()
    with gateway(broker, HOSPITAL) as one:
        async with running(write_config(tmp_path, broker, database=url)):
            await greeted(one)
            for _ in range(2):
                await one.send("up/panic", press(one.name, ep, 1))
                await one.receipted(ep, 1, 1)
                one.heard.clear()
            await one.beat({"panic": LaneAccount(epoch=ep, next=2, floor=2)}, ask_time=True)
            hello = await one.hears(lambda message: isinstance(message, Hello))
            assert [(have.lane, have.ranges) for have in hello.have] == [("panic", ((1, 1),))]
    engine = create_engine(url)
    with engine.connect() as conn:
        counts = [
            conn.execute(text(f"select count(distinct {key}) from {table}")).scalar()
            for key, table in (
                ("id", "events"),
                ("id", "incidents"),
                ("event_id", "incident_presses"),
                # Nobody is at the desk, so its supervisor is asked too, at once.
                ("notice", "outbox where kind = 'panic'"),
            )
        ]
    engine.dispose()
    assert counts == [1, 1, 1, 1]


async def until(so: Any, timeout_s: float = 10) -> None:
    async with asyncio.timeout(timeout_s):
        while not so():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_hub_that_comes_back_greets_all_and_knows_what_it_has(broker, tmp_path):
    ep = epoch()
    config = write_config(tmp_path, broker)
    with gateway(broker, HOSPITAL) as one:
        async with running(config):
            first = await greeted(one)
            await one.send("up/panic", press(one.name, ep, 1))
            await one.receipted(ep, 1, 1)
        one.heard.clear()
        async with running(config):
            hello = await one.hears(lambda message: isinstance(message, Hello))
            assert hello.inc == first.inc
            assert [(have.lane, have.epoch, have.ranges) for have in hello.have] == [("panic", ep, ((1, 1),))]
        assert await asyncio.to_thread(main, ["restore-mark", "--config", str(config)]) == 0
        one.heard.clear()
        async with running(config):
            restored = await one.hears(lambda message: isinstance(message, Hello))
            assert restored.inc[0] == first.inc[0] + 1
            assert restored.inc[1] != first.inc[1]


async def test_bad_input_is_counted_and_stops_nothing(broker, tmp_path):
    ep = epoch()
    with gateway(broker, HOSPITAL) as one:
        async with running(write_config(tmp_path, broker)):
            await greeted(one)
            await one.send("up/panic", b"\x00\xff")
            await one.send("up/panic", press("gw-rs-bunda", ep, 1))
            await one.send(
                "up/event", event_frame(b"{}", body(2, kind="door_edge"), epoch=ep, gateway=one.name)
            )
            await one.send("up/event", edited(press(one.name, ep, 1), v=9))
            await one.send("up/panic", press(one.name, ep, 7), retain=True)
            await one.send("up/panic", press(one.name, ep, 1))
            receipt = await one.receipted(ep, 1, 1)
            assert receipt.lane == "panic"
            refused = await one.hears(lambda message: isinstance(message, Receipt) and bool(message.refused))
            assert [(item.first, item.last, item.reason) for item in refused.refused] == [(1, 1, "body")]
            assert refused.ranges == ((2, 2),)
            foreign = await one.hears(lambda message: isinstance(message, VersionRefusal))
            assert foreign.refused_version == "9"
            # No word goes back for what cannot be read, so nothing heard says that it is on record by now.
            await until(
                lambda: (
                    set(query(tmp_path, "select reason, seq from dead_letters"))
                    == {("json", None), ("gateway", None), ("body", 1)}
                )
            )
            await until(lambda: query(tmp_path, "select 1 from alarms where condition = 'panic_unreadable'"))
            assert query(tmp_path, "select seq from events where lane = 'panic'") == [(1,)]
        await one.send("up/panic", b"", retain=True)


async def test_a_gateway_that_floods_delays_nobody_elses_press_and_is_told_of(
    broker, tmp_path, measured, caplog
):
    ep, took_s = epoch(), []
    with gateway(broker, HOSPITAL) as one:
        async with running(write_config(tmp_path, broker)):
            await greeted(one)
            async with flooding(broker, POST, lane="panic", epoch=epoch(), qos=1):
                await until(lambda: f"over_quota gateway={POST} lane=panic" in caplog.text, 30)
                for number in range(1, 11):
                    before_s = time.monotonic()
                    await one.send("up/panic", press(one.name, ep, number))
                    await one.receipted(ep, number, number, timeout_s=20)
                    took_s.append(time.monotonic() - before_s)
    mine, theirs = (
        query(tmp_path, f"select count(*) from events where gateway = '{name}'")[0][0]
        for name in (HOSPITAL, POST)
    )
    assert mine == 10
    measured(
        f"a press beside a flood of presses: p50 {sorted(took_s)[5] * 1000:.0f} ms, worst {max(took_s) * 1000:.0f} ms; "
        f"{theirs} of the flood taken"
    )


async def test_samples_are_receipted_when_influxdb_has_them(broker, influx, tmp_path):
    ep = epoch()
    device = DeviceColumn("duga-air", "river_post", ("level_m", "tips"))
    bad = DeviceColumn("lain", "river_post", ("tips",))
    config = write_config(tmp_path, broker, influx=influx)
    with gateway(broker, POST) as one:
        async with running(config):
            await greeted(one)
            base = now_ms() - 1000
            frame = telemetry_frame(
                (0, 0, 0.5, 1),
                (1, 0, 2.5),
                (0, 500, 0.51, 2),
                devices=(device, bad),
                epoch=ep,
                gateway=one.name,
                base_ms=base,
                age_ms=1000,
            )
            await one.send("up/telemetry", frame)
            receipt = await one.receipted(ep, 1, 1)
            assert receipt.ranges == ((1, 1), (3, 3))
            assert [(item.first, item.last, item.reason) for item in receipt.refused] == [(2, 2, "type")]
            database = config.read_text().split('database = "')[1].split('"')[0]
            answer = (
                await get(
                    f"{influx.url}/query",
                    params={
                        "db": database,
                        "q": "SELECT level_m, tips FROM river_post GROUP BY *",
                        "epoch": "ms",
                    },
                )
            ).json()
            series = answer["results"][0]["series"]
            assert [one["tags"] for one in series] == [
                {"device": "duga-air", "gateway": POST, "site": "pos-bendung-hulu"}
            ]
            assert series[0]["values"] == [[base, 0.5, 1], [base + 500, 0.51, 2]]
            await one.beat({"telemetry": LaneAccount(epoch=ep, next=5, floor=4)})
            stream = "select committed, refused, next_seq from streams where lane = 'telemetry'"
            await until(lambda: query(tmp_path, stream) == [("[[1,1],[3,3]]", "[[2,2]]", 5)])


async def test_without_influxdb_a_level_is_raised_and_no_sample_is_receipted(broker, tmp_path):
    ep = epoch()
    device = DeviceColumn("duga-air", "river_post", ("level_m",))
    config = write_config(tmp_path, broker, influx_url="http://127.0.0.1:1")
    with gateway(broker, POST) as one:
        async with running(config):
            await greeted(one)

            def sample(seq: int, level: float, **more) -> bytes:
                return telemetry_frame(
                    (0, 0, level),
                    devices=(device,),
                    first=seq,
                    epoch=ep,
                    gateway=one.name,
                    base_ms=now_ms() - 50,
                    age_ms=50,
                    **more,
                )

            await one.send("up/telemetry", sample(1, 0.4))
            hold = await one.hears(lambda message: isinstance(message, Receipt) and message.flow == "hold")
            assert hold.ranges == ()
            await one.send("up/telemetry", sample(2, 1.6, live=True))
            await until(lambda: query(tmp_path, "select 1 from level_changes"))
            assert query(tmp_path, "select old_severity, new_severity from level_changes") == [(0, 2)]
            assert await one.silence(0.5) == []


async def test_a_changed_region_comes_into_force_and_a_spoilt_one_does_not(broker, influx, tmp_path, caplog):
    ep = epoch()
    config = write_config(tmp_path, broker, influx=influx)
    region = tmp_path / "profile" / "region.toml"
    with gateway(broker, POST) as one:

        async def level(seq: int, metres: float) -> None:
            device = DeviceColumn("duga-air", "river_post", ("level_m",))
            times = {"base_ms": now_ms() - 50, "age_ms": 50}
            frame = telemetry_frame(
                (0, 0, metres), devices=(device,), first=seq, epoch=ep, gateway=one.name, **times
            )
            await one.send("up/telemetry", frame)
            await one.receipted(ep, seq, seq)

        async with running(config) as (_, ready):
            first = await greeted(one)
            await level(1, 0.4)
            said = region.read_text()
            assert said.count("siaga_3_m = 0.80") == 1
            region.write_text(said.replace("siaga_3_m = 0.80", 'siaga_3_m = "tinggi"'))
            await until(lambda: any("region_refused" in one.message for one in caplog.records))
            assert (await get(f"{ready.api}/api/health")).json() == {"ready": True}
            one.heard.clear()
            region.write_text(said.replace("siaga_3_m = 0.80", "siaga_3_m = 0.30"))
            again = await one.hears(lambda message: isinstance(message, Hello))
            assert again.inc == first.inc
            await level(2, 0.4)
            await until(lambda: query(tmp_path, "select 1 from level_changes"))
            assert query(tmp_path, "select old_severity, new_severity from level_changes") == [(0, 1)]
            assert (await get(f"{ready.api}/api/health")).json() == {"ready": True}


async def test_agencies_that_were_changed_on_pages_are_no_change_of_the_files(broker, tmp_path, caplog):
    caplog.set_level("INFO")
    config = write_config(tmp_path, broker)
    async with running(config):
        pass
    store = Database(f"sqlite:///{tmp_path}/hub.sqlite")
    store.open()

    def rename(conn):
        last = directories.newest(conn)
        said = last.texts["agencies.toml"]
        texts = {**last.texts, "agencies.toml": said.replace('name = "', 'name = "Dinas ', 1)}
        assert texts != last.texts
        return directories.put(
            conn, texts, profile=last.profile, actor="ani", expected=last.version, now_ms=now_ms()
        )

    await store.write(rename)
    store.close()
    async with running(config):
        await asyncio.sleep(2 * LOOK_S + 0.5)
    assert "region_changed" not in caplog.messages


async def test_silence_is_found_and_ends(broker, tmp_path):
    with gateway(broker, HOSPITAL) as one:
        async with running(write_config(tmp_path, broker)):
            await greeted(one)
            account = {"panic": LaneAccount(epoch=epoch(), next=1, floor=1)}
            await one.beat(account, interval_s=0.3)
            unended = "select 1 from silences where until_ms is null"
            await until(lambda: query(tmp_path, unended))
            assert query(tmp_path, "select state from alarms where condition = 'silent'") != []
            await one.beat(account, interval_s=60)
            await until(lambda: not query(tmp_path, unended))


async def test_losses_and_closed_epochs_are_noted(broker, tmp_path):
    old, new = epoch(), epoch()
    with gateway(broker, HOSPITAL) as one:
        async with running(write_config(tmp_path, broker)):
            await greeted(one)
            await one.send("up/panic", press(one.name, old, 1))
            await one.receipted(old, 1, 1)
            await one.beat(
                {"panic": LaneAccount(epoch=new, next=1, floor=1)},
                lost=(("telemetry", new, 5, 9, None, None, "full"),),
                closed=(("panic", old, 4, ((2, 2),), "quarantine"),),
            )
            noted = await one.hears(lambda message: isinstance(message, Receipt) and bool(message.noted))
            assert (noted.epoch, noted.lane, noted.noted) == (new, "telemetry", ((5, 9),))
            closed = await one.hears(lambda message: isinstance(message, Receipt) and message.closed)
            assert closed.epoch == old
        losses = query(tmp_path, "select epoch, lane, first, last, reason from losses order by first")
        assert losses == [(old, "panic", 3, 3, "quarantine, tail unknown"), (new, "telemetry", 5, 9, "full")]


async def test_broker_and_influxdb_may_come_later(tmp_path):
    ep = epoch()
    server = Mosquitto(tmp_path / "broker")
    server.start()
    try:
        config = write_config(tmp_path, server, influx_url="http://127.0.0.1:1")
        server.kill()
        async with running(config) as (_, ready):
            answer = await get(f"{ready.api}/api/health")
            assert (answer.status_code, answer.json()) == (503, {"ready": False})
            await asyncio.to_thread(server.start)
            with gateway(server, HOSPITAL) as one:
                await one.hears(lambda message: isinstance(message, Hello), 20)
                end = time.monotonic() + 10
                while (await get(f"{ready.api}/api/health")).json() != {"ready": True}:
                    assert time.monotonic() < end
                    await asyncio.sleep(0.05)
                await one.send("up/panic", press(one.name, ep, 1))
                await one.receipted(ep, 1, 1)
    finally:
        server.stop()


async def test_a_store_that_goes_between_opening_and_reading_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr("hub.app.STORE_PAUSE_S", 0.01)
    tries = 0

    class Store:
        async def write(self, fn) -> Any:
            nonlocal tries
            tries += 1
            if tries == 1:
                raise StoreUnavailableError("gone again")
            return "memory"

    hub = HubApp(None, clock=SystemClock())
    recalled: Any = await hub._recall(Store(), REGION)
    assert recalled == "memory"
    hub.stop()
    assert await hub._recall(Store(), REGION) is None


async def test_no_secret_is_in_the_log(broker, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    config = write_config(tmp_path, broker)
    password = "sandi-yang-tak-boleh-tampak"
    async with running(config) as (_, ready):
        assert ready.setup_code
        async with httpx.AsyncClient(base_url=ready.api, trust_env=False) as client:
            user = {"code": ready.setup_code, "name": "ani", "password": password}
            assert (await client.post("/api/setup", json=user)).status_code == 200
            wrong = {"name": "ani", "password": password + "?"}
            assert (await client.post("/api/login", json=wrong)).status_code == 401
            assert (await client.post("/api/login", json={**wrong, "password": password})).status_code == 200
            cookies = list(client.cookies.jar)
        await asyncio.sleep(0.1)
    # The client of this test is in the same process and logs what it gets.
    logged = "\n".join(
        f"{record.getMessage()} {record.exc_text or ''}"
        for record in caplog.records
        if not record.name.startswith(("httpx", "httpcore"))
    )
    desk = (tmp_path / "desk").read_text()
    secrets = [ready.setup_code, password, *(cookie.value for cookie in cookies), desk]
    assert len(secrets) == 4
    assert "ready api=" in logged
    for secret in secrets:
        assert secret not in logged
