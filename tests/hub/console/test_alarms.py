"""The pages of alarms: who may do what, what is chosen is done to all or none, and nothing is hidden in a flood."""

import re
from dataclasses import replace
from typing import get_args

import pytest

from contract.kinds import KINDS
from hub.alarms import service, times
from hub.alarms.machine import TRANSITIONS, Step
from hub.alarms.quality import LIMITS
from hub.alarms.service import Fingerprint, raise_alarm
from hub.api import audit
from hub.console import alarm_quality, alarms, words
from hub.incidents.service import Incidents
from hub.region.model import Device
from hub.rules.files import RuleEntry, Selecting
from tests.hub.city import NOW, REGION, press
from tests.hub.console.reading import first, text

LEVEL = Fingerprint("pasar", "gw-pasar", "level-1", "level_m", "level")
DOWN = Fingerprint("rs-1", "gw-rs-1", "panel-1", "", "device_down")
RULE = Fingerprint("rs-1", "gw-rs-1", "panel-1", "temp_c", "threshold:suhu")
HX = {"HX-Request": "true"}


async def raised(hub, fingerprint, severity=2, **more):
    made = await hub.write(lambda conn: raise_alarm(conn, fingerprint, severity=severity, now_ms=NOW, **more))
    return made.alarm_id


async def states(hub, *ids):
    return [(await hub.read(lambda conn, one=one: service.one(conn, one)))["state"] for one in ids]


async def send(client, step, *ids, **more):
    return await client.post(f"/alarms/{step}", data={"ids": [str(one) for one in ids], **more}, headers=HX)


async def test_the_list_says_what_where_since_when_and_that_nobody_has_looked(hub):
    await raised(hub, LEVEL, 2, detail={"station": "hulu"})
    async with hub.login("siti", "operator") as siti:
        shown = text((await siti.get("/alarms")).text)
    assert "Tinggi muka air : Siaga 2" in shown.replace("air:", "air :")
    assert "Pasar Contoh" in shown
    assert "belum diakui" in shown


async def test_several_are_acknowledged_at_once_each_with_its_line_in_the_trail(hub):
    ids = [await raised(hub, LEVEL), await raised(hub, DOWN, 1)]
    async with hub.login("siti", "operator") as siti:
        answer = await send(siti, "acknowledge", *ids)
        assert answer.status_code == 200
        assert await states(hub, *ids) == ["acknowledged"] * 2
        assert (await send(siti, "acknowledge", f"{ids[0]},{ids[1]}")).status_code == 200
    trail = await hub.read(lambda conn: audit.listed(conn, limit=50))
    told = [row["subject"] for row in trail if row["action"] == "alarm.acknowledge"]
    assert sorted(told) == sorted(f"alarm/{one}" for one in ids * 2)


@pytest.mark.parametrize("ids", [(), ("x",), ("1,", "zwei"), ("9" * 20,)])
async def test_what_is_no_alarm_is_refused_in_words(hub, ids):
    await raised(hub, LEVEL)
    async with hub.login("siti", "operator") as siti:
        answer = await send(siti, "acknowledge", *ids)
        assert answer.status_code == 422
        assert "Pilih dulu" in answer.text
    assert await states(hub, 1) == ["unacknowledged"]


async def test_shelving_needs_a_reason_and_takes_all_or_none(hub):
    level, down = await raised(hub, LEVEL), await raised(hub, DOWN, 1)
    async with hub.login("siti", "operator") as siti:
        refused = await send(siti, "shelve", level, minutes="60", note=" ")
        assert refused.status_code == 422
        assert "alasan" in refused.text
        assert (await send(siti, "shelve", level, 99, minutes="60", note="uji")).status_code == 409
        assert await states(hub, level) == ["unacknowledged"], "with one that there is not, none is"
        assert (
            await send(siti, "shelve", level, down, minutes="60", note="pintu air dibuka")
        ).status_code == 200
        shown = text((await siti.get("/alarms?which=withheld")).text)
        assert shown.count("pintu air dibuka") == 2
        assert "Siti" in shown
        assert "Tidak ada alarm." in text((await siti.get("/alarms")).text)
        await hub.write(lambda conn: times.pass_time(conn, NOW + 3_600_000))
        hub.services.bus.publish("alarm", "")
        assert "belum diakui" in text((await siti.get("/alarms")).text)


async def test_who_repairs_takes_an_alarm_out_and_puts_it_back(hub):
    down = await raised(hub, DOWN, 1)
    async with hub.login("siti", "viewer") as siti:
        assert (await send(siti, "take-out", down, note="rusak")).status_code == 403
    async with hub.login("tono", "technician") as tono:
        assert (await send(tono, "take-out", down, note="panel diganti")).status_code == 200
        assert await states(hub, down) == ["out_of_service"]
        assert (await send(tono, "acknowledge", down)).status_code == 403
        answer = await send(tono, "put-back", down, shown="one")
        assert "Tidak lagi ditahan" in answer.text
    assert await states(hub, down) == ["unacknowledged"]


async def test_the_alarm_of_a_press_is_never_kept_from_ringing_and_ends_with_its_incident(hub):
    event = press()
    await hub.write(lambda conn: Incidents(REGION).panic(conn, event))
    async with hub.login("siti", "operator") as siti:
        assert (await send(siti, "shelve", 1, minutes="15", note="ramai")).status_code == 409
        page = (await siti.get("/alarms/1")).text
        assert "tidak pernah ditahan" in page
        assert "do-shelve" not in page
        assert (await send(siti, "acknowledge", 1)).status_code == 200
        incident = (await siti.get("/api/incidents")).json()["incidents"][0]
    assert incident["acknowledged_by"] == "siti", "whoever sees the alarm has seen the incident"


async def flood(hub):
    """Twelve devices that do not answer and one press."""
    for at in range(12):
        await raised(hub, Fingerprint(f"s{at}", f"gw-{at}", "panel", "", "device_down"))
    await hub.write(lambda conn: Incidents(REGION).panic(conn, press()))
    hub.clock.at_ms = NOW + 1000


async def test_in_a_flood_one_cause_is_one_line_and_a_press_stays_its_own(hub):
    await flood(hub)
    async with hub.login("siti", "operator") as siti:
        html = (await siti.get("/alarms")).text
        assert "Banjir alarm" in html
        assert "12 × Perangkat tidak menjawab" in text(html)
        own = html[: html.index("alarm-group")] + html[html.index("</details>") :]
        assert "Tombol darurat ditekan" in own
        assert html.index('id="alarm-13"') < html.index("alarm-group"), "of one priority a press is the first"
        assert re.findall(r"data-sound=\"(\d)\"", html) == ["2"], "of all of them the press alone sounds"
        ids = first(r'"ids":"([\d,]{10,})"', html)
        assert (await send(siti, "acknowledge", ids)).status_code == 200
    assert set(await states(hub, *range(1, 13))) == {"acknowledged"}


async def test_without_a_flood_each_is_a_line_that_sounds(hub):
    await raised(hub, LEVEL)
    async with hub.login("siti", "operator") as siti:
        html = (await siti.get("/alarms")).text
    assert "Banjir alarm" not in html
    assert 'data-sound="2"' in html


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", 2),
        ("priority=3", 1),
        ("priority=1", 0),
        ("site=rs-1", 1),
        ("state=acknowledged", 1),
        ("state=returned", 0),
    ],
)
async def test_the_list_by_priority_state_and_place(hub, query, wanted):
    level = await raised(hub, LEVEL)
    await raised(hub, DOWN, 1)
    await hub.write(lambda conn: service.acknowledge(conn, level, actor="siti", now_ms=NOW))
    async with hub.login("siti", "operator") as siti:
        html = (await siti.get(f"/alarms?part=list&{query}")).text
    assert len(re.findall(r'<li id="alarm-', html)) == wanted


async def test_the_history_has_every_step_with_who_and_why(hub):
    level = await raised(hub, LEVEL)
    async with hub.login("siti", "operator") as siti:
        await send(siti, "shelve", level, minutes="15", note="pintu air dibuka")
        for path in ("/alarms?which=history", f"/alarms/{level}"):
            shown = text((await siti.get(path)).text)
            assert "Ditunda" in shown
            assert "pintu air dibuka" in shown
            assert "Berbunyi" in shown
        assert "Berbunyi" not in text((await siti.get("/alarms?which=history&part=list&state=shelved")).text)


async def test_why_a_level_rang_and_what_comes_next(hub):
    detail = {"station": "hulu", "new": 2, "value_mm": 1620, "rate_mm_h": 600, "next_ms": NOW + 2_280_000}
    level = await raised(hub, LEVEL, 2, detail=detail)
    async with hub.login("siti", "operator") as siti:
        html = (await siti.get(f"/alarms/{level}")).text
        shown = text(html)
        for said in ("1,62 m", "1,50 m", "0,60 m/jam", "Siaga 1"):
            assert said in shown
        assert f'data-source="/alarms/{level}/points"' in html
        hub.curves.rows = [{"time": NOW, "high": 1.7, "low": 1.6, "n": 1}]
        told = (await siti.get(f"/alarms/{level}/points")).json()
    assert (told["to_ms"], told["points"][0][0]) == (NOW, NOW)


async def test_why_a_rule_rang_in_both_languages_and_nothing_of_it_is_markup(hub):
    rule = {
        "id": "suhu",
        "version": 7,
        "title": {"id": "Gudang <vaksin>", "en": "Vaccine <store>"},
        "reason": {"id": "Terlalu panas", "en": "Too warm"},
        "advice": "SOP-12",
    }
    alarm = await raised(hub, RULE, 1, detail={"rule": rule, "value": 9.5, "limit": 8, "unit": "°C"})
    async with hub.login("siti", "operator") as siti:
        for language, said in (
            ("id", ("Gudang &lt;vaksin&gt;", "Terlalu panas")),
            ("en", ("Vaccine &lt;store&gt;", "Too warm")),
        ):
            siti.cookies.set("siaga-lang", language)
            html = (await siti.get(f"/alarms/{alarm}")).text
            assert all(part in html for part in said)
            assert "<vaksin>" not in html
            assert "<store>" not in html
        assert "8.00 °C" in html
        assert "SOP-12" in html


async def test_the_values_around_an_alarm_that_is_no_river_are_drawn_with_their_unit_and_limit(hub):
    device = Device("gw-rs-1", "panel-1", "site_health", "modbus_tcp")
    quantity = next(iter(KINDS["site_health"].quantities))
    hub.app.state.services = replace(hub.services, region=replace(REGION, devices=(device,)))
    known, unknown = replace(RULE, point=quantity), replace(RULE, point="nothing")
    ids = [await raised(hub, one, 1, detail={"value": 9.5, "limit": 8}) for one in (known, unknown)]
    hub.curves.rows = [{"time": NOW, "high": 9.7, "low": 9.6, "n": 1}]
    async with hub.login("siti", "operator") as siti:
        html = (await siti.get(f"/alarms/{ids[0]}")).text
        assert f'data-source="/alarms/{ids[0]}/points"' in html
        assert '"m": 8.0' in html
        assert (await siti.get(f"/alarms/{ids[0]}/points")).json()["points"] == [[NOW, 9.6, 9.7]]
        assert 'id="plot"' not in (await siti.get(f"/alarms/{ids[1]}")).text
        assert (await siti.get(f"/alarms/{ids[1]}/points")).status_code == 404


async def test_an_alarm_that_there_is_not(hub):
    async with hub.login("siti", "operator") as siti:
        for path in ("/alarms/99", "/alarms/99/points", "/api/alarms/99"):
            assert (await siti.get(path)).status_code == 409


async def test_the_quality_page_names_what_is_off_and_what_to_do(hub):
    level = await raised(hub, LEVEL)
    for at in range(1, 5):
        await hub.write(lambda conn, at=at: service.clear_alarm(conn, LEVEL, now_ms=NOW + at * 1000))
        await hub.write(lambda conn, at=at: raise_alarm(conn, LEVEL, severity=2, now_ms=NOW + at * 1000 + 1))
    hub.clock.at_ms = NOW + 60_000
    async with hub.login("siti", "operator") as siti:
        html = (await siti.get("/alarms/quality")).text
        assert re.search(r'class="panel is-off" id="figure-chattering"', html)
        assert re.search(r'class="panel" id="figure-flood"', html)
        advice = html[html.index('id="suggestion"') : html.index('class="quality"')]
        assert f'href="/alarms/{level}"' in advice
        told = (await siti.get("/api/alarms/quality")).json()
    assert told["rang"] == 5
    assert told["figures"]["chattering"] == {"value": 1, "limit": 0, "off": True, "alarms": [level]}


def test_every_figure_state_and_step_has_its_words():
    assert set(alarm_quality.TOLD) == set(LIMITS)
    assert set(words.ALARM_STATES) == set(TRANSITIONS)
    kinds = {
        kind.__struct_config__.tag for kind in (*RuleEntry.__subclasses__(), *Selecting.__subclasses__())
    }
    assert set(words.RULE_KINDS) == kinds - {None}
    assert set(words.ALARM_STEPS) == set(get_args(Step))


async def test_by_the_api_an_alarm_is_shelved_read_and_put_back(hub):
    level = await raised(hub, LEVEL)
    async with hub.login("siti", "operator") as siti:
        place = f"/api/alarms/{level}"
        for bad in (
            {"reason": "", "minutes": 60},
            {"reason": "uji", "minutes": 0},
            {"reason": "uji", "minutes": 1441},
        ):
            assert (await siti.post(f"{place}/shelve", json=bad)).status_code == 422
        answer = await siti.post(f"{place}/shelve", json={"reason": "uji", "minutes": 60})
        assert answer.json() == {"state": "shelved"}
        listed = (await siti.get("/api/alarms")).json()
        assert (listed["alarms"], [one["id"] for one in listed["withheld"]]) == ([], [level])
        assert (await siti.post(f"{place}/put-back", json={})).json() == {"state": "unacknowledged"}
        assert (await siti.post(f"{place}/put-back", json={})).status_code == 409
        many = await siti.post("/api/alarms/acknowledge", json={"ids": [level]})
        assert many.json() == {"states": {str(level): "acknowledged"}}
        read = (await siti.get(place)).json()
        assert [line["step"] for line in read["history"]] == ["raise", "shelve", "release", "acknowledge"]
        history = (await siti.get("/api/alarms/history?state=shelved&severity=2&site=pasar")).json()[
            "history"
        ]
        assert [line["note"] for line in history] == ["uji"]
        assert (await siti.get("/api/alarms/history?site=rs-1")).json()["history"] == []


async def test_a_long_list_is_drawn_together_without_a_flood_and_sounds_as_ever(hub):
    for at in range(41):
        await raised(hub, Fingerprint(f"s{at}", f"gw-{at}", "panel", "", "device_down"), 1)
    hub.clock.at_ms = NOW + 3_600_000
    await raised(hub, LEVEL)
    async with hub.login("siti", "operator") as siti:
        html = (await siti.get("/alarms")).text
    assert "Banjir alarm" not in html
    assert "41 × Perangkat tidak menjawab" in text(html)
    assert 'data-sound="2"' in html, "the river's"


def test_lines_of_a_flood_hold_each_alarm_once():
    line = alarms.line(
        REGION,
        {
            "id": 1,
            "severity": 1,
            "state": "unacknowledged",
            "site": "rs-1",
            "gateway": "g",
            "device": "d",
            "condition": "device_down",
            "raised_ms": 1,
            "acknowledged_by": None,
            "count": 1,
            "cleared_ms": None,
            "withheld_by": None,
            "withheld_until_ms": None,
            "withheld_note": None,
            "detail": {},
        },
        {},
    )
    (group,) = alarms.drawn_together([replace(line, id=at) for at in range(5)])
    assert [one.id for one in group.lines] == [0, 1, 2, 3, 4]
    assert (group.priority, group.waiting, group.place) == (3, [0, 1, 2, 3, 4], "RS Contoh")
