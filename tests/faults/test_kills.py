"""Gateway, broker, hub and InfluxDB killed with kill -9 at random: nothing that was promised is lost, nobody is told
of one press as two incidents, and in the end every spool is empty.

SIAGA_KILLS sets how many kills (default 30), SIAGA_SEED which.
"""

import os
import time
from collections import Counter
from random import Random

import pytest

from simulator import report
from simulator.cli import PROFILE
from simulator.evidence import Series, Sql
from simulator.rehearsal import Choice, Rehearsal
from tests.faults.chaos import KINDS, Chaos, drained

KILLS = int(os.environ.get("SIAGA_KILLS", "30"))
SEED = int(os.environ.get("SIAGA_SEED", str(time.time_ns() % 1_000_000)))
ONLY = frozenset({"gw-pos-bendung-hulu", "gw-rsud-contoh", "gw-rs-harapan", "gw-simpang-tugu"})

pytestmark = [pytest.mark.real, pytest.mark.timeout(300 + 10 * KILLS)]


async def test_no_kill_loses_a_promise_or_doubles_an_incident(tmp_path, measured):
    began = time.monotonic()
    async with Rehearsal(Choice(tmp_path, PROFILE, only=ONLY, poll_s=0.2)) as city:
        chaos = Chaos(city, Random(SEED))
        await chaos.run(KILLS)
        await city.hub_ready()
        for gateway in city.gateways.values():
            await gateway.ready()
        await city.rest()
        sql, series = Sql(city.database), Series(city.influx.url, city.influx.database, city.influx.login)
        try:
            took_s = await drained(city, sql, timeout_s=200)
            points = await series.points()
            accounts = await city.accounts()
        finally:
            await series.aclose()
        for name, account in accounts.items():
            chaos.note(name, account)

        # Telemetry: what the spools have promised is in InfluxDB, each record once.
        counted = report.readings(accounts, points, sql.refused())
        assert counted.lost == counted.duplicated == counted.refused == 0, counted
        assert counted.committed == counted.promised > 0
        assert chaos.shrunk == []

        # Panics: each that a gateway has called stored is in SQL, in exactly one incident.
        stored = chaos.stored()
        panics = [row for row in sql.events() if row["lane"] == "panic"]
        pressed = sql.presses()
        promised = sum(report.promised(account, "panic") for account in accounts.values())
        assert set(stored) <= {row["event_id"] for row in panics}
        assert len(panics) == len({row["event_id"] for row in panics}) == promised
        assert Counter(row["event_id"] for row in pressed) == Counter(row["event_id"] for row in panics)
        # Nobody has closed an incident, so each button that was pressed has exactly one.
        buttons = {(row["gateway"], row["device"]) for row in pressed}
        assert Counter((row["gateway"], row["device"]) for row in sql.incidents()) == Counter(buttons)
        told = Counter(
            notice.content["data"]["incident"]
            for notice in city.receiver.taken
            if notice.content["kind"] == "panic"
        )
        assert told == Counter(row["id"] for row in sql.incidents())

        # Events: every gateway start is on record, and no spool was ever found damaged.
        events = [row for row in sql.events() if row["lane"] == "event"]
        assert len(events) == sum(report.promised(account, "event") for account in accounts.values())
        assert not [row for row in events if row["kind"] == "spool_quarantined"]
        sql.close()

        # What was killed was started again by us; nothing may have died by itself in between.
        for child in (city.hub, *(gateway.child for gateway in city.gateways.values())):
            said = child.log.read_text(errors="replace")
            assert "Traceback" not in said, f"{child.name}: {said[said.index('Traceback') :][:4000]}"

    assert sum(chaos.kills.values()) == KILLS
    assert len(chaos.kills) == min(KILLS, len(KINDS))
    measured(
        f"{KILLS} kills (seed {SEED}): {dict(chaos.kills)}; {counted.promised} samples and {promised} presses "
        f"promised, 0 lost, 0 double; drained in {took_s:.0f} s; {time.monotonic() - began:.0f} s in all"
    )
