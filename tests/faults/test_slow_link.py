"""A press on a gateway whose card is full and whose link is a slow modem: it overtakes the whole backlog."""

import asyncio
import os

import pytest

from edge.clock import SystemClock
from edge.sampler import Sample
from edge.spool import Quotas, Spool
from simulator import report
from simulator.cli import PROFILE
from simulator.evidence import Series, Sql
from simulator.rehearsal import Choice, Rehearsal
from tests.faults.chaos import drained
from tests.faults.test_influx_down import now_ms, until

PRESSES = int(os.environ.get("SIAGA_PRESSES", "20"))
GATEWAY = "gw-rsud-contoh"
LINK_BITS_S = 64_000
SPOOL_MB = 4.0
BEDS = tuple(f"bed_{n:02d}" for n in range(1, 17))

pytestmark = [pytest.mark.real, pytest.mark.timeout(240 + 10 * PRESSES)]


def fill_card(city):
    """Fill the gateway's card with samples of this boot until the oldest have to go."""
    clock = SystemClock()
    now = clock.mono_ms()
    path = city.spool(GATEWAY)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    quotas = Quotas(panic_bytes=500_000, event_bytes=1_000_000, telemetry_bytes=int(SPOOL_MB * 1e6))
    spool = Spool(str(path), quotas=quotas)
    spool.open(clock.boot_id(), now)
    step = min(10, max(1, now // 80_000))  # a machine just started has room for one sample a millisecond
    at_ms = max(1, now - 3_000_000)
    while not spool.losses():
        group = []
        for _ in range(200):
            at_ms += step
            values = tuple((at_ms // step >> bit) & 1 for bit in range(16))
            group.append(Sample("panel-melati", "bed_panel", BEDS, values, (), at_ms))
        assert at_ms < now, "the machine has not been up for long enough to have had such a backlog"
        spool.append_samples(group)
    spool.close()


async def test_a_press_overtakes_a_full_backlog_on_a_slow_link(tmp_path, measured):
    choice = Choice(
        tmp_path, PROFILE, only=frozenset({GATEWAY}), proxied=None, link_bits_s=LINK_BITS_S, spool_mb=SPOOL_MB
    )

    async with Rehearsal(choice, first=fill_card) as city:
        sql = Sql(city.database)
        gateway, proxy = city.gateways[GATEWAY], city.proxies[GATEWAY]
        await until(lambda: proxy.forwarded_bytes > 100_000, timeout_s=60)  # the backlog flows
        before = await gateway.order(do="account")
        bytes_before, began_ms = proxy.forwarded_bytes, now_ms()
        buttons = [one for one in city.region.buttons.values() if one.gateway == GATEWAY]
        took_ms = []
        for number in range(PRESSES):
            made_ms = await gateway.press(buttons[number % len(buttons)].device, hold_ms=150)
            await until(lambda wanted=number + 1: sql.press_count() >= wanted, timeout_s=60)
            took_ms.append(now_ms() - made_ms)
            await asyncio.sleep(1.0 + number % 5 * 0.23)
        bits_s = (proxy.forwarded_bytes - bytes_before) * 8000 / (now_ms() - began_ms)
        after = await gateway.order(do="account")
        backlog = report.unsettled(after)

        proxy.heal()
        await city.rest()
        await drained(city, sql, timeout_s=120)
        series = Series(city.influx.url, city.influx.database, city.influx.login)
        points = await series.points()
        await series.aclose()
        account = (await city.accounts())[GATEWAY]
        lost = sum(row["last"] - row["first"] + 1 for row in sql.losses())
        promised = report.promised(account, "telemetry")
        sql.close()

    quantiles = report.quantiles(took_ms)
    assert quantiles.p50 is not None
    assert quantiles.p99 is not None
    measured(
        f"{PRESSES} presses while {backlog} samples wait behind {LINK_BITS_S} bit/s (used {bits_s:.0f}): "
        f"to incident p50 {quantiles.p50:.0f} ms, p99 {quantiles.p99:.0f} ms"
    )
    assert backlog > 1000, "the backlog was gone before the presses were"
    assert bits_s > LINK_BITS_S * 0.5, "the link was idle"
    assert after["lanes"]["telemetry"]["next"] > before["lanes"]["telemetry"]["next"], "sampling went on"
    assert report.promised(account, "panic") == PRESSES
    assert len(points) + lost == promised, "what is not there was declared lost"
    assert 0 < lost < promised / 2
    assert quantiles.p99 < 5000


async def test_a_press_does_not_stand_for_long_behind_what_a_fast_link_had_taken(tmp_path, measured):
    """The link is fast while the backlog begins to flow and slow afterwards: megabytes are in sockets by then."""
    choice = Choice(
        tmp_path,
        PROFILE,
        only=frozenset({GATEWAY}),
        proxied=None,
        link_bits_s=100e6,
        spool_mb=SPOOL_MB,
    )
    async with Rehearsal(choice, first=fill_card) as city:
        sql = Sql(city.database)
        gateway, proxy = city.gateways[GATEWAY], city.proxies[GATEWAY]
        await until(lambda: proxy.forwarded_bytes > 100_000, timeout_s=60)
        proxy.throttle(LINK_BITS_S)
        await asyncio.sleep(1)
        buttons = [one for one in city.region.buttons.values() if one.gateway == GATEWAY]
        took_ms = []
        for number in range(3):
            made_ms = await gateway.press(buttons[0].device, hold_ms=150)
            await until(lambda wanted=number + 1: sql.press_count() >= wanted, timeout_s=90)
            took_ms.append(now_ms() - made_ms)
            await asyncio.sleep(1)
        assert report.unsettled(await gateway.order(do="account")) > 1000
        assert len(sql.incidents()) == 1
        sql.close()
    measured(f"link suddenly slow: presses to incident {took_ms} ms")
    assert max(took_ms) < 20_000
