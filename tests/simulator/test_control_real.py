"""Each action of the control page on a small running city: it does what it says, and the account holds."""

import asyncio
import time

import httpx
import pytest

from simulator import report
from simulator.account import Account
from simulator.cli import PROFILE
from simulator.control.guard import TOKEN_HEADER
from simulator.control.server import ControlPage
from simulator.evidence import Sql
from simulator.interference import Interference
from simulator.processes import ANY_PORT, listens
from simulator.rehearsal import Choice, Rehearsal

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

RIVER, OFFICE = "gw-pos-bendung-hulu", "gw-balai-kota"


async def until(condition, timeout_s=60.0):
    """Wait until a condition, plain or awaitable, holds."""
    end_s = time.monotonic() + timeout_s
    while True:
        found = condition()
        if await found if asyncio.iscoroutine(found) else found:
            return
        assert time.monotonic() < end_s
        await asyncio.sleep(0.05)


class Visit:
    """A visitor's browser, and what he sees of the city from outside."""

    def __init__(self, city, sql, hands, account, browser):
        self.city, self.sql, self.hands, self.account, self.browser = city, sql, hands, account, browser

    async def do(self, action, target="", status=200, **more):
        answer = await self.browser.post("/do", json={"action": action, "target": target, **more})
        assert answer.status_code == status, answer.text

    def polls(self):
        """How often the gauge has answered."""
        self.account.hear()
        [level, _] = self.account._streams[RIVER]
        return level.said

    def level_m(self):
        """What the gauge said last."""
        self.account.hear()
        [level, _] = self.account._streams[RIVER]
        return level.waiting[-1].values["level_m"] if level.waiting else None

    async def online(self, gateway):
        gateways = (await self.city.api.get("/api/gateways")).json()["gateways"]
        return next(one["online"] for one in gateways if one["gateway"] == gateway)


@pytest.fixture
async def visit(tmp_path, monkeypatch):
    monkeypatch.setattr("simulator.interference.STEP_M_S", 0.9)
    monkeypatch.setattr("simulator.control.actions.DOWN_S", 0.2)

    def first(city):
        city.show(RIVER, "duga-air", {"level_m": 0.4, "rain_mm": 0.0, "temperature_c": 27.0})

    began_ns = time.time_ns()
    choice = Choice(tmp_path, PROFILE, claims=True, proxied=None, only=frozenset({RIVER, OFFICE}))
    async with Rehearsal(choice, first=first) as city:
        await city.log_in("teknisi")
        sql = Sql(city.database)
        pressed = []
        hands = Interference(city, on_press=pressed.append)
        account = Account(city, sql, hands.powered_off, began_ns)
        hands._on_press = account.press
        station = city.region.stations["bendung-hulu"]

        async def show():
            while True:
                rain = {"rain_mm": 0.0, "temperature_c": 27.0}
                city.show(RIVER, "duga-air", {"level_m": hands.level_m(station.id, 0.4), **rain})
                await asyncio.sleep(0.1)

        showing = asyncio.create_task(show())
        async with ControlPage(city, hands, ANY_PORT) as page:
            headers = {TOKEN_HEADER: page.token}
            async with httpx.AsyncClient(
                base_url=page.url, headers=headers, timeout=60, trust_env=False
            ) as browser:
                yield Visit(city, sql, hands, account, browser)
        showing.cancel()
        sql.close()


async def test_a_visitor_breaks_everything_and_the_account_holds(visit):
    await until(lambda: visit.online(RIVER))
    await until(lambda: visit.online(OFFICE))

    # A press is an incident.
    await visit.do("press", "balai-kota-lobi")
    await until(lambda: len(visit.sql.incidents()) == 1)

    # The river rises on the gauge, and Siaga changes; let go, it comes back.
    await visit.do("river", "bendung-hulu", level_m=1.0)
    await until(lambda: visit.level_m() == pytest.approx(1.0))
    await until(lambda: [one["new_severity"] for one in visit.sql.level_changes()] == [1])
    await visit.do("flow", "bendung-hulu")
    await until(lambda: visit.level_m() == pytest.approx(0.4))

    # A silent sensor answers nothing; awake it does again.
    await visit.do("silence", f"{RIVER}/duga-air")
    before = visit.polls()
    await asyncio.sleep(2.5)
    assert visit.polls() - before <= 1
    await visit.do("answer", f"{RIVER}/duga-air")
    await until(lambda: visit.polls() > before + 1)

    # A line that is cut carries nothing, the press waits; the other gateway goes on.
    await visit.do("cut", OFFICE)
    await until(lambda: visit.city.proxies[OFFICE].connections == 0)
    assert visit.city.proxies[RIVER].connections == 1
    await visit.do("press", "balai-kota-lobi")
    await asyncio.sleep(1.0)
    assert visit.sql.press_count() == 1
    await visit.do("restore", OFFICE)
    await until(lambda: visit.sql.press_count() == 2)

    # A gateway that is trusted no more is out; enrolled again, it brings what it has recorded meanwhile.
    await visit.do("revoke", OFFICE)
    await visit.do("press", "balai-kota-lobi")
    await asyncio.sleep(1.0)
    assert visit.sql.press_count() == 2
    assert visit.city.proxies[RIVER].connections == 1
    await visit.do("enrol", OFFICE)
    await until(lambda: visit.sql.press_count() == 3)

    # A gateway without power has no process, and nobody hears its button.
    pid = visit.city.gateways[OFFICE].child.pid
    await visit.do("power_off", OFFICE)
    assert not visit.city.gateways[OFFICE].child.alive
    await visit.do("press", "balai-kota-lobi", status=409)
    await visit.do("power_off", RIVER)
    await visit.do("power_on", RIVER)
    await visit.do("power_on", OFFICE)
    assert visit.city.gateways[OFFICE].child.pid != pid
    await asyncio.sleep(0.5)
    await visit.do("press", "balai-kota-lobi")
    await until(lambda: visit.sql.press_count() == 4)

    # InfluxDB stopped and frozen: presses go on, readings wait.
    await visit.do("influx_stop")
    assert not listens(visit.city.influx.port)
    await visit.do("influx_freeze", status=409)
    await visit.do("influx_start")
    assert visit.city.influx.answers()
    await visit.do("influx_freeze")
    assert not await asyncio.to_thread(visit.city.influx.answers)
    await visit.do("press", "balai-kota-lobi")
    await until(lambda: visit.sql.press_count() == 5)

    # The broker is killed and left down, the hub restarted without it, killed, and left down.
    await visit.do("broker_kill")
    assert not visit.city.broker.answers()
    hub_pid = visit.city.hub.pid
    await visit.do("hub_restart")
    assert visit.city.hub.pid != hub_pid
    assert await visit.city.hub_answers()
    await visit.do("press", "balai-kota-lobi")
    await visit.do("revoke", OFFICE)  # the broker is away and reads it at its start
    await visit.do("hub_kill")
    assert not await visit.city.hub_answers()
    assert visit.hands.died() is None

    # Healed, everything arrives, and nothing is missing.
    await visit.do("heal")
    assert not visit.hands.disturbed
    await until(lambda: visit.sql.press_count() == 6)
    await visit.city.rest()

    async def drained():
        return not sum(report.unsettled(one) for one in (await visit.city.accounts()).values())

    await until(drained)
    await until(lambda: len(visit.account.hear()) >= 0 and visit.account.notices >= 1)
    found = await visit.account.close()
    assert found.problems == ()
    assert found.readings.committed == found.readings.promised > 10
    assert found.presses["made"] == 6
    assert found.presses["incidents"] == found.presses["incidents_expected"] == 1
