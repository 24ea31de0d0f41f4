"""Every page in both languages, on a telephone and on a wall, by keys and for those who see little."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import expect

from hub.console.language import CATALOGUE, read
from tests.browser.looks import CONTRAST, FOCUS, NAMELESS, TEXTS
from tests.browser.town import RIVER, STATION, open_incident, press

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="module")]

PAGES = (
    "/",
    "/incidents",
    "/incidents?which=closed",
    "/incidents/new",
    "/drills",
    "/alarms",
    "/alarms?which=history",
    "/alarms/quality",
    "/rivers",
    f"/rivers/{STATION}",
    "/rivers/muara",
    "/beds",
    "/gateways",
    f"/gateways/{RIVER}",
    "/gateways/gw-balai-kota",
    "/events",
    "/shift",
    "/reports",
    "/agencies",
    "/agencies/routes?kind=fire",
    "/agencies/roster",
    "/agencies/edit/duty",
    "/commissioning",
    f"/commissioning/{RIVER}",
    "/nowhere",
)
TELEPHONE, WALL = {"width": 360, "height": 740}, {"width": 1920, "height": 1080}


ENGLISH = re.compile(
    r"\b(the|and|of|with|not|since|from|is|are|has|have|was|ago|this|that|every|until)\b", re.I
)
INDONESIAN = re.compile(
    r"\b(yang|dan|belum|tidak|sejak|dari|dengan|ini|itu|lalu|setiap|sampai|sudah|oleh)\b", re.I
)


def pattern(sentence):
    """What a sentence looks like once its values are in."""
    parts = re.split(r"%\(\w+\)s", sentence)
    return re.compile(".+".join(re.escape(part) for part in parts).replace("%%", "%"))


def foreign_sentences(shown_in):
    """Sentences of the catalogue that a page of that language must not show."""
    pairs = read(CATALOGUE).items()
    right = {msgid if shown_in == "en" else said for msgid, said in pairs}
    wrong = {said if shown_in == "en" else msgid for msgid, said in pairs} - right
    return [pattern(one) for one in wrong if re.search(r"[^\W\d_]{2}", re.sub(r"%\(\w+\)s", "", one))]


def names(region):
    """Proper names of the city, which are no sentences of either language; the longest first."""
    found = {region.name, region.zone_label}
    for site in region.sites.values():
        found |= {site.name, site.address}
    for one in (
        *region.stations.values(),
        *region.wards.values(),
        *region.buttons.values(),
        *region.agencies.values(),
    ):
        found |= {getattr(one, name, "") for name in ("name", "river", "bed_class", "location", "short")}
        found |= set(getattr(one, "labels", ()))
    return sorted(found - {""}, key=len, reverse=True)


async def incident(city):
    """The page of an incident that somebody has worked on."""
    await press(city, "tugu")
    place = f"/incidents/{await open_incident(city, 'pengendali')}"
    (await city.api.post(f"/api{place}/acknowledge", json={"note": ""})).raise_for_status()
    (await city.api.post(f"/api{place}/notes", json={"note": "uji"})).raise_for_status()
    return place


@pytest.mark.parametrize("language", ["id", "en"])
async def test_every_page_is_whole_in_its_language(city, opened, language):
    window = await opened("pengendali", None, language=language)
    window.excuse("status of 404")
    foreign, stranger = foreign_sentences(language), ENGLISH if language == "id" else INDONESIAN
    assert len(foreign) > 100, "the catalogue is not read any more"
    found = []
    for path in ("/login", await incident(city), *PAGES):
        await window.page.goto(path)
        await expect(window.page.locator("html")).to_have_attribute("lang", language)
        for text in await window.page.evaluate(TEXTS):
            bare = text
            for name in names(city.region):
                bare = bare.replace(name, "·")
            if any(one.fullmatch(text) for one in foreign) or stranger.search(bare):
                found.append(f"{path}: {text}")
    assert sorted(set(found)) == []


async def test_the_language_is_chosen_by_a_button_and_kept(city, opened):
    page = (await opened("operator", "/rivers")).page
    await page.get_by_role("button", name="English").click()
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await expect(page).to_have_url(re.compile("/rivers$"))
    await page.goto("/beds")
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await page.get_by_role("button", name="Bahasa Indonesia").click()
    await expect(page.locator("html")).to_have_attribute("lang", "id")


async def test_no_page_is_wider_than_a_telephone(city, opened):
    window = await opened("pengendali", None, size=TELEPHONE)
    window.excuse("status of 404")
    wide = {}
    for path in (await incident(city), *PAGES):
        await window.page.goto(path)
        width = await window.page.evaluate("document.documentElement.scrollWidth")
        if width > TELEPHONE["width"]:
            wide[path] = width
    assert wide == {}


async def test_on_a_wall_the_overview_has_what_matters_without_scrolling(city, opened):
    await incident(city)
    page = (await opened("layar", "/", size=WALL)).page
    bottom = "one => one.getBoundingClientRect().bottom"
    for tile in await page.locator("#now .tile").all():
        assert await tile.evaluate(bottom) <= WALL["height"]
    assert await page.locator("#alarms li").first.evaluate(bottom) <= WALL["height"]
    assert await page.evaluate("document.documentElement.scrollWidth") <= WALL["width"]


async def test_text_is_plain_to_read_and_everything_has_a_name(city, opened):
    window = await opened("pengendali", None)
    window.excuse("status of 404")
    poor = {}
    for path in ("/login", await incident(city), *PAGES):
        await window.page.goto(path)
        found = await window.page.evaluate(CONTRAST) + await window.page.evaluate(NAMELESS)
        if found:
            poor[path] = found
    assert poor == {}, json.dumps(poor, indent=1)


async def test_keys_reach_everything_and_show_where_they_are(city, opened):
    page = (await opened("pengendali", await incident(city))).page
    wanted = await page.evaluate(
        "[...document.querySelectorAll('a[href], button, select, textarea, input:not([type=hidden])')]"
        ".filter((one) => one.checkVisibility() && !one.disabled && one.tabIndex >= 0).length"
    )
    reached = set()
    for _ in range(wanted + 2):
        await page.keyboard.press("Tab")
        at, outline = await page.evaluate(FOCUS)
        if at == "body":
            continue  # once round
        reached.add(at)
        assert outline not in ("none0px", "none3px"), await page.evaluate("document.activeElement.outerHTML")
    assert len(reached) >= wanted


async def test_keys_go_from_page_to_page_and_tell_what_they_are(city, opened):
    page = (await opened("operator", "/")).page
    for key, path in (
        ("i", "/incidents"),
        ("a", "/alarms"),
        ("r", "/rivers"),
        ("b", "/beds"),
        ("e", "/events"),
        ("o", "/"),
    ):
        await page.keyboard.press("g")
        await page.keyboard.press(key)
        await expect(page).to_have_url(re.compile(f"{re.escape(path)}$"))
        await expect(page.locator("nav [aria-current=page]").first).to_be_visible()
    await page.keyboard.press("?")
    await expect(page.locator("#keys")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("#keys")).to_be_hidden()


async def test_a_g_just_before_a_page_ends_still_says_what_the_letter_after_it_means(city, opened):
    page = (await opened("operator", "/")).page
    await page.clock.set_fixed_time(datetime.now(UTC))
    await page.keyboard.press("g")
    await page.goto("/incidents")
    await page.keyboard.press("a")  # there it would acknowledge
    await expect(page).to_have_url(re.compile("/alarms$"))
    # Keys are heard before anything is shown: what is shown says that they are.
    await expect(page.locator("nav [aria-current=page]").first).to_be_visible()
    await page.keyboard.press("g")
    await page.clock.set_fixed_time(datetime.now(UTC) + timedelta(seconds=2))
    await page.keyboard.press("r")
    await expect(page.locator("#keys")).to_be_hidden()
    await page.keyboard.press("?")
    await expect(page.locator("#keys")).to_be_visible()
    await expect(page).to_have_url(re.compile("/alarms$"))


async def test_what_a_role_may_not_see_is_refused_in_words(city, opened):
    window = await opened("layar", "/gateways")
    window.excuse("status of 403")
    await expect(window.page.locator("[data-code=forbidden]")).to_be_visible()
    await expect(window.page.locator("nav a[href='/gateways']")).to_have_count(0)


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("console.error('amiss')", "error: amiss"),
        ("setTimeout(() => { throw new Error('amiss'); })", "exception: amiss"),
        (
            "document.body.append(Object.assign(document.createElement('script'), {text: '1'}))",
            "Content Security",
        ),
        ("setTimeout(() => location.assign('http://127.0.0.1:9/'))", "another origin"),
    ],
    ids=["error", "exception", "policy", "origin"],
)
async def test_a_window_complains_of_what_a_page_must_not_do(city, opened, script, complaint):
    """The twin of all these tests: without it a silent net would pass for a clean page."""
    window = await opened("operator", "/beds")
    assert window.remaining == []
    await window.page.evaluate(f"() => {{ {script}; }}")
    for _ in range(100):
        if any(complaint in one for one in window.remaining):
            break
        await asyncio.sleep(0.02)
    assert any(complaint in one for one in window.remaining)
    window.excuse(".")
