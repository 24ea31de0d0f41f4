"""InfluxDB away for a minute: presses and river alarms do not wait for it, and afterwards every sample is there."""

import asyncio
import os
import signal
import time

import pytest

from simulator import report
from simulator.cli import PROFILE
from simulator.evidence import Series, Sql
from simulator.rehearsal import Choice, Rehearsal
from tests.faults.chaos import drained

OUTAGE_S = float(os.environ.get("SIAGA_OUTAGE_S", "60"))
ONLY = frozenset(
    {"gw-pos-bendung-hulu", "gw-pos-muara", "gw-rsud-contoh", "gw-rs-harapan", "gw-simpang-tugu"}
)
STATION = "bendung-hulu"

pytestmark = [pytest.mark.real, pytest.mark.timeout(300 + OUTAGE_S)]


def now_ms():
    return time.time_ns() // 1_000_000


def calm(city):
    for station in city.region.stations.values():
        if station.gateway in city.plans:
            values = {"level_m": station.thresholds_mm[0] / 1000 * 0.6, "distance_m": 5.0, "rain_mm": 0.0}
            city.show(station.gateway, station.device, values)


async def until(condition, *, timeout_s):
    """Milliseconds until the condition holds, looked at every 10 ms."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < timeout_s, "not in time"
        await asyncio.sleep(0.01)
    return (time.monotonic() - began) * 1000


async def press(city, sql, button):
    """Press a button; milliseconds until its incident and until its first notice."""
    made_ms = await city.gateways[button.gateway].press(button.device)

    def notice():
        return [
            one for one in city.receiver.taken
            if one.content["kind"] == "panic" and one.content["data"]["gateway"] == button.gateway
            and one.content["data"]["device"] == button.device
        ]  # fmt: skip

    await until(
        lambda: any(
            (one["gateway"], one["device"]) == (button.gateway, button.device) for one in sql.incidents()
        ),
        timeout_s=15,
    )
    incident_ms = now_ms() - made_ms
    await until(notice, timeout_s=15)
    return incident_ms, notice()[0].received_ms - made_ms


async def flood(city, sql):
    """Let the river rise to Siaga 2; seconds until its change is on record and the duty desk is told."""
    station = city.region.stations[STATION]
    began = time.monotonic()
    city.show(station.gateway, station.device, {"level_m": station.thresholds_mm[1] / 1000 + 0.1})

    def raised():
        return any(one["station"] == STATION and one["new_severity"] == 2 for one in sql.level_changes())

    def told():
        return any(
            one.content["kind"] == "level" and one.content["data"]["station"] == STATION
            and one.content["data"]["new"] == 2 for one in city.receiver.taken
        )  # fmt: skip

    await until(lambda: raised() and told(), timeout_s=30)
    return time.monotonic() - began


@pytest.mark.parametrize("away", ["stopped", "frozen"])
async def test_alarms_do_not_wait_for_influx_and_samples_come_later(tmp_path, measured, away):
    """``stopped``: connections are refused. ``frozen``: they are taken and nothing is ever answered."""
    outage_s = OUTAGE_S if away == "stopped" else min(OUTAGE_S, 20.0)
    choice = Choice(tmp_path, PROFILE, only=ONLY, poll_s=0.1)
    async with Rehearsal(choice, first=calm) as city:
        sql = Sql(city.database)
        await asyncio.sleep(5)
        rss = [city.hub.rss_bytes()]
        began = time.monotonic()
        await _take_away(city, away)
        await asyncio.sleep(outage_s / 4)  # long enough that the hub holds the gateways' backlog
        first, second = [one for one in city.region.buttons.values() if one.gateway in city.gateways][:2]
        presses = [await press(city, sql, first)]
        alarm_s = await flood(city, sql)
        while time.monotonic() - began < outage_s - 3:
            rss.append(city.hub.rss_bytes())
            await asyncio.sleep(0.5)
        presses.append(await press(city, sql, second))
        await asyncio.sleep(max(0.0, outage_s - (time.monotonic() - began)))
        await _bring_back(city, away)
        back = time.monotonic()
        await asyncio.sleep(5)
        await city.rest()
        await drained(city, sql, timeout_s=90)
        drained_s = time.monotonic() - back
        rss.append(city.hub.rss_bytes())

        series = Series(city.influx.url, city.influx.database, city.influx.login)
        points = await series.points()
        await series.aclose()
        accounts = await city.accounts()
        counted = report.readings(accounts, points, sql.refused())
        assert counted.committed == counted.promised > outage_s * 10
        assert counted.lost == counted.duplicated == counted.refused == 0
        assert list(report.differences(city.devices, city.heard, points)) == []
        passed = report.passed_changes(sql.level_changes())
        assert (
            passed[STATION]
            == [(0, 2)]
            == report.expected_changes(city.region, city.devices, city.heard)[STATION]
        )
        sql.close()

    grown_mb = (max(rss) - rss[0]) / 1e6
    measured(
        f"InfluxDB {away} for {outage_s:.0f} s: presses to incident "
        f"{[round(one) for one, _ in presses]} ms, to notice {[round(one) for _, one in presses]} ms; "
        f"Siaga 2 alarm in {alarm_s:.1f} s; {counted.committed} of {counted.promised} samples, "
        f"complete {drained_s:.0f} s after its return; hub memory +{grown_mb:.1f} MB"
    )
    assert all(incident_ms < 2000 and notice_ms < 2000 for incident_ms, notice_ms in presses)
    assert alarm_s < 15
    assert grown_mb < 50


async def _take_away(city, away):
    if away == "stopped":
        await asyncio.to_thread(city.influx.stop)
    else:
        city.influx.child.signal(signal.SIGSTOP)


async def _bring_back(city, away):
    if away == "stopped":
        city.influx.start()
    else:
        city.influx.child.signal(signal.SIGCONT)
