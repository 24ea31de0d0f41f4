"""What open pages say when a part of the city is gone, and that they come back by themselves, without a reload."""

import re
import signal

import pytest
from playwright.async_api import expect

from tests.browser.console import HUB_AWAY
from tests.browser.town import HOSPITAL, RIVER, STATION, press

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="module")]

CLOCK = re.compile(r"\d\d:\d\d:\d\d")


async def mark(*windows):
    """A page that is loaded anew has no such mark any more."""
    for window in windows:
        await window.page.evaluate("globalThis.opened_once = true")


async def were_not_reloaded(*windows):
    return all([await window.page.evaluate("globalThis.opened_once === true") for window in windows])


async def test_a_silent_gateway_is_told_on_every_page_that_shows_its_data(city, opened):
    gateways, rivers, river, beds, overview = windows = [
        await opened("pengendali", path)
        for path in ("/gateways", "/rivers", f"/rivers/{STATION}", "/beds", "/")
    ]
    line = gateways.page.locator(f"#gateway-{RIVER}")
    post = rivers.page.locator(f"#post-{STATION}")
    now = river.page.locator("#now")
    ward = beds.page.locator("#ward-rsud-melati")
    free = overview.page.locator("#tile-beds .value")
    silent = overview.page.locator("#tile-gateways .value")

    async def is_well():
        await expect(line).to_have_class(re.compile("is-online"))
        await expect(post).not_to_have_class(re.compile("is-stale"))
        await expect(post.locator(".post-value b")).to_have_text(re.compile(r"^\d+,\d\d$"))
        await expect(now).not_to_have_class(re.compile("is-stale"))
        await expect(ward).not_to_have_class(re.compile("is-stale"))
        await expect(ward.locator(".ward-numbers b")).to_have_text(re.compile(r"^\d+$"))
        await expect(free).to_have_text(re.compile(r"^\d+"))
        await expect(silent).to_have_text(re.compile(r"^0\b"))

    await is_well()
    await mark(*windows)
    level = await post.locator(".post-value b").text_content()
    for name in (RIVER, HOSPITAL):
        city.proxies[name].cut()
    try:
        await expect(line).to_have_class(re.compile("is-silent"))
        await expect(line.locator(".gateway-state")).to_contain_text("diam sejak")
        await expect(post).to_have_class(re.compile("is-stale"))
        await expect(post.locator(".post-age .stale")).to_be_visible()
        assert await post.locator(".post-value b").text_content() == level, "the last known level, never zero"
        await expect(now).to_have_class(re.compile("is-stale"))
        await expect(ward).to_have_class(re.compile("is-stale"))
        await expect(ward.locator(".mark-unknown")).to_be_visible()
        await expect(ward.locator(".ward-numbers b")).to_have_count(0)
        await expect(beds.page.locator("#hospital-rsud-contoh .bed-totals b")).to_have_count(1)
        await expect(beds.page.locator("#hospital-rsud-contoh .bed-totals .mark-unknown b")).to_have_count(1)
        await expect(free).to_have_text("–")
        await expect(silent).to_have_text(re.compile(r"^2\b"))
    finally:
        for name in (RIVER, HOSPITAL):
            city.proxies[name].heal()
    await is_well()
    assert await were_not_reloaded(*windows)


async def test_without_influxdb_pages_say_what_cannot_be_read_and_since_when(city, opened):
    rivers, river, beds, overview = windows = [
        await opened("pengendali", path) for path in ("/rivers", f"/rivers/{STATION}?range=1h", "/beds", "/")
    ]
    plot = river.page.locator("#plot")
    notes = [
        rivers.page.locator("#rivers > .away"),
        river.page.locator("#past .away"),
        beds.page.locator("#beds > .away"),
    ]

    async def is_well():
        for note in notes:
            await expect(note).to_have_count(0)
        await expect(plot.locator("canvas")).to_be_visible()
        await expect(plot).not_to_have_class(re.compile("is-stale"))
        await expect(river.page.locator("#plot-away")).to_be_hidden()
        await expect(overview.page.locator("#tile-stores")).not_to_have_class(re.compile("toned"))

    await is_well()
    await mark(*windows)
    city.influx.stop()
    try:
        for note in notes:
            await expect(note).to_contain_text("InfluxDB")
            await expect(note).to_contain_text(CLOCK)
        await expect(plot).to_have_class(re.compile("is-stale"))
        await expect(river.page.locator("#plot-away")).to_be_visible()
        await expect(overview.page.locator("#tile-stores")).to_have_class(re.compile("toned"))
        # Presses and levels do not need it: the post is of now.
        await expect(rivers.page.locator(f"#post-{STATION}")).not_to_have_class(re.compile("is-stale"))
    finally:
        city.influx.start()
    await is_well()
    assert await were_not_reloaded(*windows)


async def test_an_influxdb_that_takes_questions_and_answers_none_does_not_hold_a_page(city, opened):
    rivers = await opened("pengendali", "/rivers")
    note, post = rivers.page.locator("#rivers > .away"), rivers.page.locator(f"#post-{STATION}")
    await expect(note).to_have_count(0)
    city.influx.child.signal(signal.SIGSTOP)
    try:
        await expect(note).to_contain_text(CLOCK)
        await expect(post).not_to_have_class(re.compile("is-stale"))
        # A page that is opened now does not wait for it either.
        later = await opened("pengendali", "/beds")
        await expect(later.page.locator("#beds > .away")).to_be_visible()
    finally:
        city.influx.child.signal(signal.SIGCONT)
    await expect(note).to_have_count(0)


async def test_a_page_says_since_when_the_hub_is_away_and_has_what_it_missed_afterwards(city, opened, quiet):
    incidents, rivers = windows = [await opened("operator", path) for path in ("/incidents", "/rivers")]
    for window in windows:
        window.excuse(HUB_AWAY)
        await expect(window.page.locator("#link")).to_be_hidden()
    await expect(incidents.page.locator("#no-incidents")).to_be_visible()
    await mark(*windows)
    city.hub.kill()
    try:
        for window in windows:
            await expect(window.page.locator("#link")).to_be_visible()
            await expect(window.page.locator("#link")).to_contain_text(CLOCK)
            await expect(window.page.locator("body")).to_have_class(re.compile("offline"))
        await press(city, "tugu")
    finally:
        city.hub.start()
    await city.hub_ready()
    for window in windows:
        await expect(window.page.locator("#link")).to_be_hidden()
        await expect(window.page.locator("body")).not_to_have_class(re.compile("offline"))
    # The press that came meanwhile is there, and the session of before is good for acting on it.
    row = incidents.page.locator("li.incident")
    await expect(row).to_have_count(1)
    await row.locator("button[data-shortcut=a]").click()
    await expect(row).not_to_have_class(re.compile("unacknowledged"))
    await expect(rivers.page.locator(f"#post-{STATION}")).not_to_have_class(re.compile("is-stale"))
    assert await were_not_reloaded(*windows)
