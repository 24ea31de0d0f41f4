"""The pages of incidents: what is shown of them, what people do there, and the stream that keeps the list new."""

import asyncio
import json
import re
from functools import partial

import httpx
import pytest
from sqlalchemy import insert, select, update

from hub.api.auth import sessions
from hub.api.routes.stream import LIFE
from hub.api.tables import users
from hub.bus import Bus
from hub.console.routes import live
from hub.console.snapshot import Snapshot
from hub.errors import StoreUnavailableError
from hub.incidents import actions, timeline
from hub.incidents.service import Incidents
from hub.incidents.tables import incidents
from hub.incidents.timeline import Actor
from hub.notify.tables import deliveries, outbox
from tests.hub.api.conftest import PASSWORD
from tests.hub.city import NOW, REGION, press
from tests.hub.console.reading import first, text

HOSTILE = '"><script>alert(1)</script>{{7*7}}%(n)s'


async def pressed(hub, *some):
    for one in some:
        await hub.write(partial(Incidents(REGION).panic, event=one))
        hub.services.bus.publish("incident", "i")


async def only_id(hub):
    (found,) = await hub.read(lambda conn: conn.execute(select(incidents.c.id)).scalars().all())
    return found


def rows(html):
    """The list's rows: the class of each with its text."""
    return [(part.split('"')[0], text(part)) for part in html.split('class="incident ')[1:]]


# The list


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "id",
            [
                "Tinggi",
                "BELUM DIAKUI",
                "Belum diverifikasi",
                "belum ada yang menangani",
                "ditekan 2 kali",
                "Akui",
            ],
        ),
        (
            "en",
            ["High", "NOT ACKNOWLEDGED", "Unverified", "nobody is on it", "pressed 2 times", "Acknowledge"],
        ),
    ],
)
async def test_a_press_is_a_row_in_both_languages(hub, language, words):
    await pressed(hub, press(), press())
    async with hub.login("siti", "operator") as siti:
        siti.cookies.set("siaga-lang", language)
        ((cls, shown),) = rows((await siti.get("/incidents")).text)
    assert "priority-2" in cls
    assert "unacknowledged" in cls
    for word in ("#1", "Tombol IGD", "RS Contoh, meja perawat", *words):
        assert word in shown


async def test_what_nobody_acknowledged_comes_first_then_the_urgent(hub):
    await pressed(hub, press(), press("btn-1", gateway="gw-pasar", at=NOW + 3600_000))
    async with hub.login("siti", "operator") as siti:
        assert ["#2" in shown for _, shown in rows((await siti.get("/incidents")).text)] == [True, False]
        newest = first(r"acknowledge-(\w+)", (await siti.get("/incidents")).text)
        answer = await siti.post(f"/incidents/{newest}/acknowledge", data={"shown": "list"})
        listed = rows(answer.text)
    assert ["#2" in shown for _, shown in listed] == [False, True]
    assert ["unacknowledged" in cls for cls, _ in listed] == [True, False]


async def test_a_press_after_the_acknowledgement_rings_again(hub):
    await pressed(hub, press())
    async with hub.login("siti", "operator") as siti:
        one = await only_id(hub)
        hub.clock.at_ms += 1000
        quiet = (await siti.post(f"/incidents/{one}/acknowledge", data={"shown": "list"})).text
        assert "data-sound" not in quiet
        await pressed(hub, press(at=NOW + 5000))
        loud = (await siti.get("/incidents?part=list")).text
    assert 'data-sound="2"' in loud
    assert f'data-rings="{one} {NOW + 5000}"' in loud


async def test_a_recovered_incident_makes_no_noise(hub):
    await pressed(hub, press(again=True))
    async with hub.login("siti", "operator") as siti:
        ((cls, shown),) = rows((await siti.get("/incidents")).text)
    assert "unacknowledged" not in cls
    assert "Dipulihkan dari arsip gateway" in shown


async def test_who_only_watches_has_no_buttons(hub):
    await pressed(hub, press())
    async with hub.login("layar", "viewer") as layar:
        one = await only_id(hub)
        for path in ("/incidents", f"/incidents/{one}"):
            html = (await layar.get(path)).text
            assert "Tombol IGD" in html
            assert 'hx-post="/incidents' not in html
        assert (await layar.post(f"/incidents/{one}/acknowledge")).status_code == 403


async def test_a_claim_is_told_to_all_by_full_name(hub):
    await pressed(hub, press())
    async with hub.login("siti", "operator") as siti, hub.login("budi", "operator") as budi:
        one = await only_id(hub)
        mine = text((await siti.post(f"/incidents/{one}/claim", data={"shown": "list", "version": 1})).text)
        theirs = text((await budi.get("/incidents?part=list")).text)
        assert "ditangani oleh Siti" in mine
        assert "ditangani oleh Siti" in theirs
        assert "Lepas" in mine
        assert "Lepas" not in theirs


@pytest.mark.parametrize(
    ("language", "words"), [("id", "Orang lain telah mengubahnya"), ("en", "Someone else")]
)
async def test_the_slower_of_two_is_told_in_words(hub, language, words):
    await pressed(hub, press())
    async with hub.login("siti", "operator") as siti, hub.login("budi", "operator") as budi:
        one = await only_id(hub)
        budi.cookies.set("siaga-lang", language)
        await siti.post(f"/incidents/{one}/claim", data={"version": 1})
        late = await budi.post(
            f"/incidents/{one}/claim", data={"version": 1, "shown": "list"}, headers={"HX-Request": "true"}
        )
    assert late.status_code == 409
    assert words in late.text
    assert "<html" not in late.text


async def test_a_late_press_says_how_late_and_an_unknown_one_that_nobody_knows(hub):
    await pressed(hub, press(age_ms=8_000_000, t_ms=NOW - 8_000_000), press("btn-2", age_ms=None, t_ms=None))
    async with hub.login("siti", "operator") as siti:
        shown = text((await siti.get("/incidents")).text)
    assert "TERLAMBAT 02:13" in shown
    assert "KETERLAMBATAN TIDAK DIKETAHUI" in shown
    assert "waktu tidak diketahui" in shown


async def test_closed_incidents_are_apart(hub):
    await pressed(hub, press())
    async with hub.login("siti", "operator") as siti:
        one = await only_id(hub)
        before = (await siti.get(f"/incidents/{one}")).text
        assert 'class="panel story-head priority-2 unacknowledged" id' in before
        await siti.post(f"/incidents/{one}/mark-false", data={"version": 1, "note": "uji"})
        after = (await siti.get(f"/incidents/{one}")).text
        assert 'class="panel story-head priority-2 closed" id' in after, "its colour is for what is open"
        assert "Tidak ada insiden terbuka." in (await siti.get("/incidents")).text
        assert "Palsu" in (await siti.get("/incidents?which=closed")).text


async def test_a_flood_is_cut_and_counted(hub, monkeypatch):
    monkeypatch.setattr("hub.console.routes.incidents.SHOWN", 1)
    await pressed(hub, press(), press("btn-1", gateway="gw-pasar", at=NOW + 3600_000))
    async with hub.login("siti", "operator") as siti:
        html = (await siti.get("/incidents")).text
    assert len(rows(html)) == 1
    assert "dan 1 lagi" in html


# One of them


async def test_the_whole_story_is_on_its_page(hub):
    await pressed(hub, press(), press(at=NOW + 2000))
    one = await only_id(hub)
    key = (await hub.read(lambda conn: conn.execute(select(outbox.c.key)).scalars().all()))[0]
    attempt = {
        "outbox_key": key,
        "attempt": 1,
        "channel": "desk-hook",
        "started_ms": NOW,
        "finished_ms": NOW + 35,
    }
    await hub.write(
        lambda conn: conn.execute(
            insert(deliveries).values(**attempt, outcome="failed", status=503, detail="x")
        )
    )
    async with hub.login("siti", "operator") as siti:
        shown = text((await siti.get(f"/incidents/{one}")).text)
    for word in (
        "Dibuka", "Ditekan lagi", "021-555-0101", "Menunggu dikirim", "desk-hook",
        "Percobaan 1", "gagal, HTTP 503, 35 ms", "Terverifikasi: benar", "gw-rs-1 / btn-1",
    ):  # fmt: skip
        assert word in shown, word
    # What nobody can know is not claimed.
    assert "dibaca oleh" not in shown


async def test_only_the_steps_that_this_person_may_take_are_offered(hub):
    await pressed(hub, press())
    one = await only_id(hub)
    actor = Actor("siti", "console")
    await hub.write(lambda conn: actions.act(conn, REGION, one, "verify", actor=actor, version=1, now_ms=NOW))
    async with hub.login("siti", "operator") as siti, hub.login("budi", "dispatcher") as budi:
        operator, dispatcher = [
            set(
                re.findall(
                    rf'hx-post="/incidents/{one}/([a-z-]+)"', (await who.get(f"/incidents/{one}")).text
                )
            )
            for who in (siti, budi)
        ]
    assert {"finish", "mark-false", "notes"} <= operator
    assert dispatcher - operator == {"assign", "hand-over", "cancel"}
    assert "depart" not in dispatcher, "its state does not offer it"


async def test_an_incident_is_assigned_and_finished_from_its_page(hub):
    await pressed(hub, press())
    one = await only_id(hub)
    async with hub.login("budi", "dispatcher") as budi:
        for version, step, more in (
            (1, "verify", {"note": "ditelepon balik"}), (2, "assign", {"agency": "damkar"}), (3, "accept", {}),
            (4, "arrive", {}), (5, "finish", {}),
        ):  # fmt: skip
            answer = await budi.post(f"/incidents/{one}/{step}", data={"version": version, **more})
            assert answer.status_code == 200, answer.text
        shown = text(answer.text)
    assert "Selesai: Dinas Kebakaran" in shown
    assert "ditelepon balik" in shown
    assert "Budi" in shown
    assert hub.notify.times > 0
    sources = await hub.read(lambda conn: [entry["source"] for entry in timeline.entries(conn, one)])
    assert set(sources) == {"gateway", "console"}


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("mark-false", "perlu alasan"),
        ("assign", "dinasnya"),
        ("mark-duplicate", "insiden yang lain"),
        ("notes", "kosong"),
    ],
)
async def test_what_a_step_lacks_is_said_in_words(hub, step, words):
    await pressed(hub, press())
    one = await only_id(hub)
    async with hub.login("budi", "dispatcher", "operator") as budi:
        answer = await budi.post(
            f"/incidents/{one}/{step}", data={"version": 1}, headers={"HX-Request": "true"}
        )
        shown = await budi.get(f"/incidents/{one}")
    assert answer.status_code == 422
    assert words in answer.text
    assert "Belum diverifikasi" in text(shown.text)


async def test_a_note_is_added(hub):
    await pressed(hub, press())
    one = await only_id(hub)
    async with hub.login("siti", "operator") as siti:
        answer = await siti.post(f"/incidents/{one}/notes", data={"note": "menelepon IGD"})
    assert "menelepon IGD" in answer.text


# Names of strangers


async def test_hostile_names_are_text_everywhere(hub):
    await pressed(hub, press(device=HOSTILE))
    one = await only_id(hub)
    values = {
        "place": HOSTILE,
        "title": HOSTILE,
        "call_back": HOSTILE,
        "assigned_to": HOSTILE,
        "claimed_by": HOSTILE,
    }
    await hub.write(lambda conn: conn.execute(update(incidents).values(values)))
    await hub.write(lambda conn: conn.execute(update(outbox).values(reason=HOSTILE, channel=HOSTILE)))
    async with hub.login("siti", "operator") as siti:
        await siti.post(f"/incidents/{one}/notes", data={"note": HOSTILE})
        for path in ("/incidents", f"/incidents/{one}", "/"):
            html = (await siti.get(path)).text
            assert "alert(1)" in html, path
            assert "<script>alert" not in html, path
            assert "{{7*7}}" in html.replace("&#34;", '"')


# Live


async def test_one_reading_serves_all_who_ask_at_once():
    bus, begun, going = Bus(), [], asyncio.Event()

    async def read():
        begun.append(bus.number)
        await going.wait()
        return len(begun)

    snapshot = Snapshot(bus, read, keep_s=60)
    asking = [asyncio.create_task(snapshot.get()) for _ in range(5)]
    await asyncio.sleep(0)
    going.set()
    assert await asyncio.gather(*asking) == [1] * 5
    assert await snapshot.get() == 1


async def test_a_reading_that_began_before_the_news_is_not_given_after_it():
    bus, going = Bus(), asyncio.Event()
    numbers = []

    async def read():
        numbers.append(bus.number)
        if len(numbers) == 1:
            await going.wait()
        return numbers[-1]

    snapshot = Snapshot(bus, read, keep_s=60)
    early = asyncio.create_task(snapshot.get())
    await asyncio.sleep(0)
    bus.publish("incident", "i")
    assert await snapshot.get() == 1
    going.set()
    assert await early in (0, 1)
    assert await snapshot.get() == 1


async def test_a_reading_that_failed_is_tried_again():
    tries = []

    async def read():
        tries.append(1)
        if len(tries) == 1:
            raise StoreUnavailableError("full")
        return "read"

    snapshot = Snapshot(Bus(), read, keep_s=60)
    with pytest.raises(StoreUnavailableError):
        await snapshot.get()
    assert await snapshot.get() == "read"


async def test_what_is_rendered_is_made_once_for_the_same_eyes():
    async def read():
        return "v"

    snapshot, made = Snapshot(Bus(), read, keep_s=60), []

    def seen_by(eyes, _value):
        return eyes

    def render(value):
        made.append(value)
        return value

    for eyes in ("id", "id", "en"):
        await snapshot.rendered(partial(seen_by, eyes), render)
    assert len(made) == 2


class Heard:
    """Reads the stream of a page."""

    def __init__(self, answer):
        self._lines = answer.aiter_lines()

    async def next(self, name):
        """The data of the next event of that name; None where the stream ended."""
        found = {}
        async with asyncio.timeout(5):
            async for line in self._lines:
                if line:
                    key, _, value = line.partition(": ")
                    found[key] = value
                elif found.get("event") == name:
                    return json.loads(found["data"])
                else:
                    found = {}
        return None


async def opened(hub, server, client, role="operator", part="incidents"):
    await hub.add_user("siti", role)
    login = await client.post(f"{server}/api/login", json={"name": "siti", "password": PASSWORD})
    cookie = login.headers["set-cookie"].partition(";")[0]
    return client.stream("GET", f"{server}/live?part={part}", headers={"Cookie": cookie})


async def test_a_press_brings_the_list_itself(hub, server):
    async with httpx.AsyncClient(timeout=10) as client, await opened(hub, server, client) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        heard = Heard(answer)
        assert (await heard.next("hello"))["life"] == LIFE
        await pressed(hub, press())
        part = await heard.next("part")
    assert part["target"] == "incidents"
    assert "Tombol IGD" in part["html"]
    assert f'data-order="{LIFE} 1"' in part["html"]


async def test_many_presses_at_once_bring_few_lists_and_the_last_has_all(hub, server):
    async with httpx.AsyncClient(timeout=10) as client, await opened(hub, server, client) as answer:
        heard = Heard(answer)
        await heard.next("hello")
        some = [press("btn-1", gateway=gateway) for gateway in ("gw-rs-1", "gw-pasar") for _ in range(10)]
        await pressed(hub, *some)
        lists = []
        while not lists or "ditekan 10 kali" not in lists[-1] or lists[-1].count("ditekan 10 kali") < 2:
            lists.append((await heard.next("part"))["html"])
    assert len(lists) < 10


async def test_other_changes_are_only_told(hub, server):
    async with httpx.AsyncClient(timeout=10) as client, await opened(hub, server, client) as answer:
        heard = Heard(answer)
        await heard.next("hello")
        hub.services.bus.publish("station", "hulu", {"kind": "value"})
        assert await heard.next("station") == {"subject": "hulu", "kind": "value"}


@pytest.mark.parametrize("how", ["session ended", "role taken"])
async def test_who_may_no_longer_see_it_gets_no_list(hub, server, how):
    async with httpx.AsyncClient(timeout=10) as client, await opened(hub, server, client) as answer:
        heard = Heard(answer)
        await heard.next("hello")
        if how == "session ended":
            await hub.write(lambda conn: sessions.end_all(conn, "siti"))
        else:
            await hub.write(lambda conn: conn.execute(update(users).values(roles="agency")))
        await pressed(hub, press())
        assert await heard.next("part") is None


async def test_a_quiet_stream_ends_with_its_session_too(hub, server, monkeypatch):
    monkeypatch.setattr(live, "CHECK_S", 0.05)
    async with httpx.AsyncClient(timeout=10) as client, await opened(hub, server, client, part="") as answer:
        heard = Heard(answer)
        await heard.next("hello")
        await hub.write(lambda conn: sessions.end_all(conn, "siti"))
        assert await heard.next("part") is None
