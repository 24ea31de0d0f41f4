"""The commissioning page in a real browser on a telephone: what only a script can do."""

from __future__ import annotations

import base64
import os
from dataclasses import replace

import pytest
from playwright.async_api import async_playwright, expect

from hub.commissioning import record
from tests.hub.console.test_commissioning import PASAR, heard, level, measured, press, send

pytestmark = pytest.mark.real
CHROMIUM = "/usr/bin/chromium"
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGP4z8AARAwQCgAf7gP9i18U1AAAAABJRU5ErkJggg=="
)
"""A picture in PNG: the page makes JPEG of whatever a telephone has."""


async def test_a_technician_goes_through_it_on_a_telephone(hub, server, tmp_path):
    # No TLS on the loopback.
    hub.app.state.services = replace(hub.services, secure_cookies=False)
    await heard(hub)
    measured(hub, level_m=1.25)
    level(hub, 1250)
    async with hub.login("tono", "technician") as client, async_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        context = await browser.new_context(
            base_url=server, viewport={"width": 390, "height": 844}, has_touch=True, reduced_motion="reduce"
        )
        await context.add_cookies(
            [{"name": name, "value": value, "url": server} for name, value in client.cookies.items()]
        )
        page = await context.new_page()
        page.set_default_timeout(10_000)
        complaints = []
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(PASAR)
        await page.get_by_role("button", name="Mulai").click()
        await page.fill("#staff-ruler-hulu", "124,5")
        # What comes anew leaves what is being written alone.
        measured(hub, level_m=1.26)
        await expect(page.locator("#live-device-level-1")).to_contain_text("1,260")
        await expect(page.locator("#staff-ruler-hulu")).to_have_value("124,5")
        await page.get_by_role("button", name="Bandingkan").click()
        await expect(page.locator("#check-ruler-hulu.is-good")).to_contain_text("selisih 0,5 cm")
        await press(hub)
        await expect(page.locator("#live-press-kios")).to_contain_text("ditekan")
        await page.get_by_role("button", name="Tekanan sudah masuk").click()
        await expect(page.locator("#check-press-kios.is-good")).to_be_visible()
        (tmp_path / "foto.png").write_bytes(PIXEL)
        await page.set_input_files("#photo", tmp_path / "foto.png")
        await expect(page.locator(".photos img")).to_have_count(1)
        await send(client, "device:btn-1", "skipped", note="tanpa nilai")
        # A finger on the board, then an entry that swaps the forms: the drawing stays.
        await page.locator("#signature").scroll_into_view_if_needed()
        box = await page.locator("#signature").bounding_box()
        assert box is not None
        await page.mouse.move(box["x"] + 30, box["y"] + 40)
        await page.mouse.down()
        await page.mouse.move(box["x"] + 120, box["y"] + 20, steps=4)
        await page.mouse.up()
        await page.get_by_role("button", name="Nilainya benar").first.click()
        await expect(page.locator("#check-device-level-1.is-good")).to_be_visible()
        await expect(page.locator("#missing")).to_have_count(0)
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, "it scrolls sideways"
        await page.fill("#signer", "Tono Teknisi")
        await page.get_by_role("button", name="Tanda tangani dan tutup").click()
        await expect(page.locator("svg.signature path")).to_have_count(1)
        await expect(page.locator("#begin")).to_contain_text("Tono Teknisi")
        await browser.close()
    assert complaints == []
    found = await hub.read(lambda conn: record.newest(conn, "gw-pasar"))
    assert (found.latest["photo"].data["width"], found.latest["photo"].data["height"]) == (2, 2)
    assert found.latest["signature"].data["strokes"].count("-") >= 3
