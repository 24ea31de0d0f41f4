"""What people do at the console: they come in, hear and see a press, take it on, and are told who was quicker."""

import asyncio
import re
from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect

from tests.browser.town import open_incident, press

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="module")]

TELEPHONE = {"width": 390, "height": 844}
SLOW = {"offline": False, "latency": 400, "downloadThroughput": 400_000 / 8, "uploadThroughput": 150_000 / 8}
"""3G in the rain: 400 ms there and back, 400 kbit/s down, 150 up."""

MOST_BYTES = 8_000
"""Of the page that an agency answers on, with its style and script."""

KEY_S = 0.28
"""One key of an average typist, by the keystroke-level model of Card, Moran and Newell."""


async def test_who_is_not_logged_in_comes_by_the_form_to_where_one_wanted_to_go(city, opened):
    window = await opened(None, "/incidents?which=closed")
    page = window.page
    await expect(page).to_have_url(re.compile(r"/login\?next="))
    # By keys alone: the name has the focus, Enter sends.
    await page.keyboard.type("operator")
    await page.keyboard.press("Tab")
    await page.keyboard.type(city.logins["operator"].password)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"/incidents\?which=closed$"))
    await expect(page.locator(".user")).to_have_text("operator")
    await page.locator("#logout").focus()
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"/login$"))
    await page.goto("/incidents")
    await expect(page).to_have_url(re.compile(r"/login\?next="))


async def test_a_wrong_password_is_said_in_words_and_lets_nobody_in(city, opened):
    window = await opened(None, "/login?next=/incidents")
    window.excuse("status of 401")
    page = window.page
    await page.locator("[name=name]").fill("operator")
    await page.locator("[name=password]").fill("salah-sama-sekali")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert").filter(has_text=re.compile("sandi"))).to_be_visible()
    await expect(page.locator("[name=name]")).to_have_value("operator")
    await expect(page.locator("[name=password]")).to_have_value("")
    await expect(page.locator("[name=password]")).to_be_focused()
    await page.goto("/incidents")
    await expect(page).to_have_url(re.compile(r"/login\?next="))


async def test_a_link_to_another_site_is_no_place_to_go_after_the_login(city, opened):
    page = (await opened(None, "/login?next=https://example.invalid/")).page
    await page.locator("[name=name]").fill("operator")
    await page.locator("[name=password]").fill(city.logins["operator"].password)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(str(city.api.base_url).rstrip("/") + "/")


async def test_a_page_whose_session_has_ended_says_so_and_leads_to_the_login(city, opened):
    window = await opened(None, "/login?next=/incidents")
    window.excuse("status of 401")
    page = window.page
    await page.locator("[name=name]").fill("layar")
    await page.locator("[name=password]").fill(city.logins["layar"].password)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"/incidents$"))
    expired = page.locator("#expired")
    await expect(expired).to_be_hidden()
    other = await window.context.request.get("/incidents")
    found = re.search(r'"X-CSRF-Token":"([0-9a-f]+)"', (await other.text()).replace("&#34;", '"'))
    assert found is not None
    done = await window.context.request.post("/api/logout", headers={"X-CSRF-Token": found[1]})
    assert done.ok
    await page.evaluate("document.body.dispatchEvent(new CustomEvent('live-all'))")  # as at the next change
    await expect(expired).to_be_visible()
    await expired.get_by_role("link").click()
    await expect(page).to_have_url(re.compile(r"/login\?next=%2Fincidents$"))


async def test_a_press_appears_with_its_sound_and_is_quiet_once_acknowledged(city, opened, quiet):
    window = await opened("operator", "/incidents")
    page = window.page
    await expect(page.locator("#no-incidents")).to_be_visible()
    await page.locator("#sound-test").click()
    await expect(page.locator("body")).to_have_attribute("data-audio", "running")
    tested = len(await window.tones())
    assert tested > 0
    await press(city, "tugu")
    row = page.locator("li.incident")
    await expect(row).to_have_count(1)
    await expect(row).to_have_attribute("data-sound", re.compile("[1-4]"))
    await expect(row.locator(".mark-priority")).to_be_visible()
    await expect(page.locator("#no-incidents")).to_have_count(0)
    assert (await page.locator("#news").text_content()) != "", "who listens to the page hears of it too"
    await page.wait_for_function("before => tones.length > before", arg=tested)
    await row.locator("button[data-shortcut=a]").click()
    await expect(row).not_to_have_attribute("data-sound", re.compile("."))
    rung = len(await window.tones())
    await asyncio.sleep(2.6)  # twice the pause between two rings of the most urgent
    assert len(await window.tones()) == rung


async def test_a_mute_counts_down_and_ends_and_a_new_press_ends_it_at_once(city, opened, quiet):
    window = await opened("operator", "/incidents")
    page = window.page
    await page.locator("#sound-test").click()
    await press(city, "tugu")
    await expect(page.locator("li.incident[data-sound]")).to_have_count(1)
    text = page.locator("#sound-mute-text")
    usual = await text.text_content()
    await page.keyboard.press("m")
    # What follows may take as long as a busy machine takes: of its sixty seconds the mute has ten left at the end.
    await expect(text).to_contain_text(re.compile(r"\b(60|5\d)\b"))
    await page.evaluate("skip(30_000)")
    await expect(text).to_contain_text(re.compile(r"\b(30|2\d)\b"))
    rung = len(await window.tones())
    await page.evaluate("skip(20_000)")
    await asyncio.sleep(0.6)  # the page looks four times a second whether it is to ring
    assert len(await window.tones()) == rung, "muted, and rings all the same"
    await page.evaluate("skip(15_000)")
    await expect(text).to_have_text(usual)
    await page.wait_for_function("before => tones.length > before", arg=rung)
    # Muted for what one knows; what is new rings.
    await page.keyboard.press("m")
    await expect(text).not_to_have_text(usual)
    rung = len(await window.tones())
    await press(city, "rsud-igd")
    await expect(page.locator("li.incident[data-sound]")).to_have_count(2)
    await expect(text).to_have_text(usual)
    await page.wait_for_function("before => tones.length > before", arg=rung)


async def test_acknowledged_by_key_on_one_console_is_seen_on_another(city, opened, quiet):
    mine, theirs = await opened("operator", "/incidents"), await opened("pengendali", "/incidents")
    await press(city, "tugu")
    for window in (mine, theirs):
        await expect(window.page.locator("li.incident.unacknowledged")).to_have_count(1)
    await mine.page.keyboard.press("a")
    for window in (mine, theirs):
        await expect(window.page.locator("li.incident")).to_have_count(1)
        await expect(window.page.locator("li.incident.unacknowledged")).to_have_count(0)


async def test_a_press_between_a_page_and_its_stream_is_on_the_page(city, opened, quiet):
    """Nobody is told of it: the page was made before, and the stream began after."""
    window, go = await opened("operator", None), asyncio.Event()

    async def held(route):
        await go.wait()
        await route.continue_()

    await window.page.route(re.compile(r"/live(\?.*)?$"), held)
    await window.page.goto("/incidents")
    await press(city, "tugu")
    await asyncio.sleep(1)
    await expect(window.page.locator("li.incident")).to_have_count(0)
    go.set()
    # Without a word of the stream's beginning it would be there with the next reading, after half a minute.
    await expect(window.page.locator("li.incident")).to_have_count(1, timeout=8_000)


@pytest.mark.parametrize("how", ["click", "key"])
async def test_a_step_that_is_taken_before_the_page_can_send_it_is_sent_then(city, opened, quiet, how):
    """What is shown can be clicked; on a slow line the script that sends it is there seconds later."""
    window, go = await opened("operator", None), asyncio.Event()

    async def held(route):
        await go.wait()
        await route.continue_()

    await press(city, "tugu")
    await open_incident(city, "operator")
    page = window.page
    await page.route(re.compile(r"/htmx\."), held)
    await page.goto("/incidents", wait_until="commit")
    row = page.locator("li.incident.unacknowledged")
    await expect(row).to_have_count(1)
    if how == "click":
        await row.locator("button[data-shortcut=a]").click()
    else:
        await page.keyboard.press("a")
    await expect(row).to_have_count(1)
    go.set()
    await expect(row).to_have_count(0)
    await expect(page.locator("li.incident")).to_have_count(1)


async def test_a_viewer_sees_a_press_and_can_change_nothing(city, opened, quiet):
    page = (await opened("layar", "/incidents")).page
    await press(city, "tugu")
    row = page.locator("li.incident")
    await expect(row).to_have_count(1)
    await expect(row.get_by_role("button")).to_have_count(0)
    await page.keyboard.press("a")
    await expect(row).to_have_class(re.compile("unacknowledged"))


async def test_of_two_who_claim_at_once_one_has_it_and_the_other_is_told(city, opened, quiet):
    windows = [await opened("operator", "/incidents"), await opened("pengendali", "/incidents")]
    await press(city, "tugu")
    buttons = [window.page.locator("li.incident button[data-shortcut=c]") for window in windows]
    for window, button in zip(windows, buttons, strict=True):
        window.excuse("status of 409")
        await expect(button).to_be_visible()
    # Both have clicked before either claim is on its way, so neither page can have heard of the other's.
    both = asyncio.Barrier(2)

    async def held(route):
        await both.wait()
        await route.continue_()

    for window in windows:
        await window.page.route(re.compile(r"/claim$"), held)
    for button in buttons:
        await button.click()
    # What a page says goes away again by itself.
    faults = {
        asyncio.ensure_future(window.page.locator("#said .fault").wait_for()): window for window in windows
    }
    done, waiting = await asyncio.wait(faults, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    told = [faults[task] for task in done if task.exception() is None]
    for window in windows:
        await expect(window.page.locator("li.incident .claimed bdi")).to_have_count(1)
    names = {await window.page.locator("li.incident .claimed bdi").text_content() for window in windows}
    assert len(names) == 1, "both pages say the same"
    won = [window for window in windows if await window.page.get_by_role("button", name="Lepas").count()]
    assert len(told) == 1, "the other was not told"
    assert len(won) == 1
    assert told != won


async def test_a_step_that_needs_a_reason_says_so_and_with_one_it_is_on_the_timeline(city, opened, quiet):
    window = await opened("pengendali", "/incidents")
    window.excuse("status of 4(00|22)")
    page = window.page
    await press(city, "tugu")
    await page.locator("li.incident a.title").click()
    await page.locator("#do-acknowledge").click()
    await expect(page.locator("#do-acknowledge")).to_have_count(0)
    await page.locator("#do-mark-false").click()
    await expect(page.locator("#said .fault")).to_be_visible()
    await page.locator("#note").fill("telepon balik: salah tekan <b>sekali</b>")
    await page.locator("#do-mark-false").click()
    await expect(page.locator("#story-timeline .note")).to_have_text(
        "telepon balik: salah tekan <b>sekali</b>"
    )
    await expect(page.locator("#note")).to_have_count(1)
    await page.goto("/incidents")
    await expect(page.locator("#no-incidents")).to_be_visible()


# Incidents from the press to the answer


class Keys:
    """A keyboard that counts."""

    def __init__(self, page):
        self._page = page
        self.count = 0

    async def type(self, text):
        self.count += len(text)
        await self._page.keyboard.type(text)

    async def press(self, *keys):
        for key in keys:
            self.count += 1
            await self._page.keyboard.press(key)


async def one_press(city, window, button="tugu"):
    """Press a button; its row in an open list."""
    await press(city, button)
    row = window.page.locator("li.incident")
    await expect(row).to_have_count(1)
    return row


async def asked(receiver, before):
    """The newest one-time link that an agency was sent since there were so many notices, as an address of the pages."""
    async with asyncio.timeout(20):
        while True:
            links = [
                one.content["answer_url"]
                for one in receiver.notices[before:]
                if one.content.get("answer_url")
            ]
            if links:
                return urlsplit(links[-1]).path
            await asyncio.sleep(0.05)


async def slowed(window):
    """A line as on the road, and the bytes of every answer that comes over it."""
    sizes = []
    line = await window.context.new_cdp_session(window.page)
    await line.send("Network.enable")
    await line.send("Network.emulateNetworkConditions", SLOW)
    line.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    return line, sizes


async def test_a_true_press_goes_to_an_agency_that_answers_on_the_road(city, opened, quiet):
    desk, before = await opened("pengendali", "/incidents"), len(city.receiver.notices)
    row = await one_press(city, desk)
    page = desk.page
    await row.locator("a.title").click()
    await page.locator("#do-claim").click()
    # No hand is quicker than the page, but a driver is: its next step would be one of the version before.
    await expect(page.locator("#do-let-go")).to_be_visible()
    await page.locator("#do-verify").click()
    await expect(page.locator("#agency option:checked")).to_contain_text("disarankan")
    await page.locator("#do-assign").click()
    part = page.locator(".part").first
    await expect(part).to_have_class(re.compile("part-assigned"))

    link = await asked(city.receiver, before)
    phone = await opened(None, None, size=TELEPHONE)
    line, sizes = await slowed(phone)
    await phone.page.goto(link)
    buttons = phone.page.locator("button[name=word]:not(.cannot)")
    await expect(buttons).to_have_count(4)
    for button in await buttons.all():
        box = await button.bounding_box()
        assert box["height"] >= 64
        assert box["width"] >= 300
    await expect(page.locator("#story-notices .is-done", has_text="Dilihat")).to_be_visible()
    assert 1000 < sum(sizes) < MOST_BYTES, sizes
    for word, state in (("received", "accepted"), ("on_scene", "on_scene"), ("done", "done")):
        await phone.page.locator(f"button[value={word}]").click()
        await expect(phone.page.locator("[role=status]").first).to_contain_text("dicatat")
        await expect(part).to_have_class(re.compile(f"part-{state}"))
        await line.send("Network.emulateNetworkConditions", SLOW | {"latency": 0})
    await expect(phone.page.locator("button[name=word]")).to_have_count(0)
    await page.locator("#do-finish").click()
    await expect(page.locator("#story-head .facts")).to_contain_text("Selesai")


async def test_a_mistake_is_closed_with_its_reason_and_the_next_press_of_the_button_tells_of_it(
    city, opened, quiet
):
    desk = await opened("operator", "/incidents")
    page = desk.page
    row = await one_press(city, desk)
    await row.locator("a.title").click()
    await page.locator("#note").fill("ditelepon balik: salah tekan")
    await page.locator("#do-mark-false").click()
    await expect(page.locator("#story-head .facts")).to_contain_text("Palsu")
    await page.goto("/incidents")
    row = await one_press(city, desk)
    await row.locator("a.title").click()
    await expect(page.locator("#story-history")).to_contain_text(re.compile(r"[1-9]\d* dari \d+ insiden"))


async def test_a_telephone_call_is_an_incident_in_fifteen_seconds_of_keys(city, opened, quiet):
    page = (await opened("operator", "/incidents")).page
    await expect(page.locator("#no-incidents")).to_be_visible()
    keys = Keys(page)
    await keys.press("b")
    await expect(page.locator("#caller")).to_be_focused()
    await keys.type("081255501234")
    await keys.press("Tab", "Tab", "2", "Tab")
    await keys.type("Pasar Lama los C")
    await keys.press("Enter")
    await expect(page).to_have_url(re.compile(r"/incidents/\w{20,}$"))
    story = page.locator("#incident")
    for word in ("Kebakaran", "081255501234", "Pasar Lama los C", "Belum diverifikasi", "Telepon"):
        await expect(story).to_contain_text(word)
    await expect(page.locator("#do-let-go")).to_be_visible()
    assert keys.count * KEY_S < 15


async def test_a_place_is_pointed_out_on_the_sketch(city, opened, quiet):
    page = (await opened("operator", "/incidents/new")).page
    await page.locator("#place").fill("RSUD Kota Contoh")
    site = city.region.sites["rsud-contoh"]
    assert float(await page.locator("#lat").input_value()) == site.lat
    box = await page.locator("#chart").bounding_box()
    await page.locator("#chart").click(position={"x": box["width"] * 0.5, "y": box["height"] * 0.25})
    lats = sorted(one.lat for one in city.region.sites.values() if one.kind != "river_post")
    assert lats[len(lats) // 2] < float(await page.locator("#lat").input_value()) <= lats[-1]
    await expect(page.locator("#chart-mark")).to_be_visible()


async def test_the_watch_is_handed_over_with_its_note_and_what_is_open(city, opened, quiet):
    going = await opened("operator", "/shift")
    page = going.page
    await page.locator("#sound-test").click()
    await page.locator("#take-heard").check()
    await page.locator("#handover-take").click()
    await expect(page.locator("#present")).to_contain_text("✓")
    await press(city, "tugu")
    await page.locator("#handover-note").fill("Tugu ditekan berkali-kali, lampunya rusak")
    await page.locator("#handover-save").click()
    for part, word in (("#note-so-far", "lampunya rusak"), ("#open-now", "Simpang Tugu")):
        await expect(page.locator(part)).to_contain_text(word)
    coming = (await opened("pengendali", "/shift")).page
    await expect(coming.locator("#note-so-far")).to_contain_text("lampunya rusak")
    await expect(coming.locator("#open-now")).to_contain_text("Simpang Tugu")
    await coming.locator("#sound-test").click()
    await coming.locator("#take-heard").check()
    await coming.locator("#handover-take").click()
    await expect(coming.locator("#present")).to_contain_text("pengendali")
    await expect(coming.locator(".past").first).to_contain_text("lampunya rusak")
    await expect(coming.locator(".past").first).to_contain_text("Simpang Tugu")


async def test_a_drill_reaches_its_own_contacts_and_is_marked_everywhere(city, opened, quiet):
    page = (await opened("pengendali", "/drills")).page
    before, in_drills = len(city.receiver.notices), len(city.drill_receiver.notices)
    await page.locator("#drill-title").fill("Kebakaran di pasar")
    await page.locator("#drill-kind").select_option("fire")
    await page.locator("#drill-place").fill("Pasar Induk Contoh")
    await page.locator("#drill-begin").click()
    await expect(page.locator("#story-head .drill-mark")).to_be_visible()
    await page.locator("#do-verify").click()
    await page.locator("#agency").select_option("damkar")
    await page.locator("#do-assign").click()
    phone = await opened(None, await asked(city.drill_receiver, in_drills), size=TELEPHONE)
    await expect(phone.page.locator(".drill")).to_contain_text("LATIHAN")
    await phone.page.locator("button[value=received]").click()
    await expect(page.locator(".part").first).to_have_class(re.compile("part-accepted"))
    await page.locator("#story-head .drill-mark a").click()
    await expect(page.locator("#drill")).to_contain_text("belum")
    await page.locator("#drill-note").fill("jawaban cepat")
    await page.locator("#drill-end").click()
    await expect(page.locator("#drill-outside")).to_have_text(re.compile(r"^0 / [1-9]"))
    await expect(page.locator("#drill-steps")).to_contain_text("dtk")
    assert not [one for one in city.receiver.notices[before:] if "Kebakaran" in str(one.content)]
