"""The control page in front of a city that is not there: who may use it, and what it says."""

import asyncio
import json
import re
from pathlib import Path

import httpx
import pytest

from simulator.control import words
from simulator.control.actions import ACTIONS
from simulator.control.guard import TOKEN_HEADER
from simulator.control.server import MOST_BYTES, ControlPage
from simulator.interference import Interference
from simulator.processes import ANY_PORT, PortTaken, Wish
from simulator.scenario import Story, plan
from tests.simulator.test_interference import City

HERE = Path(__file__).resolve().parents[2] / "simulator" / "control"


@pytest.fixture
def told():
    return []


@pytest.fixture
def hands():
    return Interference(City(), on_press=lambda _: None)


@pytest.fixture
async def page(hands, told):
    async with ControlPage(hands._city, hands, ANY_PORT, tell=lambda *both: told.append(both)) as page:
        yield page


@pytest.fixture
async def browser(page):
    """A browser that has the page open."""
    headers = {TOKEN_HEADER: page.token, "Origin": page.url, "Sec-Fetch-Site": "same-origin"}
    async with httpx.AsyncClient(base_url=page.url, headers=headers, trust_env=False) as client:
        yield client


def cut(target="gw-pos-muara"):
    return {"action": "cut", "target": target}


async def test_what_is_asked_for_is_done_told_and_explained(page, browser, told, hands):
    answer = await browser.post("/do", json=cut())
    assert answer.status_code == 200
    assert hands.is_cut("gw-pos-muara")
    assert told == [
        ("memutus jaringan Pos Duga Air Muara Cilaras", "cut the network of Pos Duga Air Muara Cilaras")
    ]
    state = (await browser.get("/state")).json()
    assert state["cut"] == ["gw-pos-muara"]
    [happening] = state["diary"]
    assert happening["ok"]
    assert happening["page"] == "/gateways"
    assert "kartunya" in happening["look_id"]


async def test_it_tells_where_the_story_is(hands):
    act = plan(hands._city.region, 240).acts[0]
    story = Story(2, 31.5, 240.0, act)
    async with (
        ControlPage(hands._city, hands, ANY_PORT, story=lambda: story) as page,
        httpx.AsyncClient(base_url=page.url, trust_env=False) as browser,
    ):
        said = (await browser.get("/state")).json()["story"]
    assert (said["round"], said["after_s"], said["next"]["at_s"]) == (2, 31.5, act.at_s)
    assert said["next"]["id"] == act.id


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"Host": "evil.example"}, "host"),
        ({"Host": "127.0.0.1:1"}, "host"),
        ({"Origin": "http://evil.example"}, "origin"),
        ({"Origin": "null"}, "origin"),
        ({"Origin": "http://127.0.0.1:1"}, "origin"),
        ({"Sec-Fetch-Site": "cross-site"}, "site"),
        ({"Sec-Fetch-Site": "same-site"}, "site"),
        ({TOKEN_HEADER: "guess"}, "token"),
        ({TOKEN_HEADER: ""}, "token"),
    ],
)
async def test_another_web_page_presses_nothing(browser, told, headers, why, hands):
    answer = await browser.post("/do", json=cut(), headers=headers)
    assert (answer.status_code, answer.json()) == (403, {"refused": why})
    assert not hands.is_cut("gw-pos-muara")
    assert told == []


@pytest.mark.parametrize("path", ["/", "/state", "/look/control.js"])
async def test_a_name_that_was_turned_to_us_reads_nothing(page, browser, path):
    refused = await browser.get(path, headers={"Host": f"evil.example:{page.port}"})
    assert refused.status_code == 403
    assert page.token not in refused.text
    assert (await browser.get(path, headers={"Host": f"localhost:{page.port}"})).status_code == 200


async def test_the_page_is_served_under_a_policy_and_nothing_is_kept(page, browser):
    first, second = await browser.get("/"), await browser.get("/")
    policy = first.headers["Content-Security-Policy"]
    [nonce] = re.findall(r"script-src 'nonce-([^']+)'", policy)
    assert f'nonce="{nonce}"' in first.text
    assert nonce not in second.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert first.headers["Cache-Control"] == "no-store"
    assert not re.search(r"\son[a-z]+=|style=", first.text), (
        "no handler and no style that the policy would stop"
    )
    assert page.token in first.text


async def test_it_speaks_indonesian_and_english_by_a_switch(browser):
    assert '<html lang="id">' in (await browser.get("/")).text
    answer = await browser.get("/language/en")
    assert answer.status_code == 303
    text = (await browser.get("/")).text
    assert '<html lang="en">' in text
    assert "Panic buttons" in text
    assert "Tombol darurat<" not in text
    await browser.get("/language/xx")
    assert '<html lang="en">' in (await browser.get("/")).text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 422),
        (b"[]", 422),
        (json.dumps({"action": "cut", "target": "gw-pos-muara", "more": 1}).encode(), 422),
        (json.dumps({"action": "cut", "target": 5}).encode(), 422),
        (json.dumps(cut("gw-nowhere")).encode(), 404),
        (json.dumps({"action": "format_disk"}).encode(), 404),
        (json.dumps({"action": "press", "target": "nobodys"}).encode(), 404),
        (json.dumps({"action": "silence", "target": "gw-balai-kota/tombol-lobi"}).encode(), 404),
        (json.dumps({"action": "river", "target": "muara", "level_m": 99.0}).encode(), 409),
        (json.dumps({"action": "river", "target": "muara", "level_m": -0.1}).encode(), 409),
        (b" " * (MOST_BYTES + 1), 413),
    ],
)
async def test_nonsense_is_refused_and_does_nothing(browser, told, body, status, hands):
    assert (await browser.post("/do", content=body)).status_code == status
    assert not hands.disturbed
    assert told == []


async def test_what_cannot_be_done_now_is_said_in_both_languages(page, browser):
    await browser.post("/do", json={"action": "power_off", "target": "gw-balai-kota"})
    answer = await browser.post("/do", json={"action": "press", "target": "balai-kota-lobi"})
    assert answer.status_code == 409
    assert "tidak berdaya" in answer.json()["id"]
    assert "no power" in answer.json()["en"]
    assert not (await browser.get("/state")).json()["diary"][0]["ok"]


async def test_a_server_that_does_not_come_back_is_said_too(page, browser):
    await browser.post("/do", json={"action": "broker_kill"})
    page._city.broker.child.starts = False
    answer = await browser.post("/do", json={"action": "broker_start"})
    assert answer.status_code == 503
    assert "mosquitto" in answer.json()["en"]


async def test_a_port_that_is_taken_is_told(page, hands):
    assert Wish(0).choose() > 1024, "0 is any, and one that is known"
    with pytest.raises(PortTaken):
        await ControlPage(page._city, hands, Wish(page.port, must=True)).__aenter__()
    async with ControlPage(page._city, hands, Wish(page.port)) as other:
        assert other.port not in {0, page.port}, "the usual port is only a wish"


async def test_it_listens_to_this_machine_only_and_ends_with_its_block(told):
    city = City()
    async with ControlPage(city, Interference(city, on_press=lambda _: None), ANY_PORT) as page:
        port = page.port
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        assert page._server.url == f"http://127.0.0.1:{port}", "the socket's own address"
    with pytest.raises(OSError, match=r"refused|Connect"):
        await asyncio.open_connection("127.0.0.1", port)


def test_every_action_of_the_page_exists_and_every_action_is_on_the_page():
    page = (HERE / "page.html").read_text()
    offered = set(re.findall(r"act\('(\w+)'", page)) | set(re.findall(r'data-action="(\w+)"', page))
    assert offered == set(ACTIONS)


def test_every_word_is_there_in_both_languages_and_used():
    page, script = (HERE / "page.html").read_text(), (HERE / "control.js").read_text()
    states = {"up", "down", "frozen", "starting", "stopping"}
    used = set(re.findall(r"say\('(\w+)'", page)) | set(re.findall(r"act\('\w+', [^,]+, '(\w+)'", page))
    used |= set(re.findall(r"words\.(\w+)", script))
    used |= set(re.findall(r"say\('\w+' if [^)]* else '(\w+)'\)", page))
    assert used | states == set(words.WORDS)
    assert all(id_ and en for id_, en in words.WORDS.values())
    for name, action in ACTIONS.items():
        assert all(action.done), name
        assert all(action.look), name
        assert action.done[0] != action.done[1], name
