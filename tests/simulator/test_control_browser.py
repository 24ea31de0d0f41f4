"""The control page in a browser: what is pressed happens and is told, on a telephone too, without a word in its
console."""

import os
import re

import pytest
from playwright.async_api import async_playwright, expect

from simulator.control.server import ControlPage
from simulator.interference import Interference
from simulator.processes import ANY_PORT
from tests.browser.conftest import CHROMIUM
from tests.simulator.test_interference import City

pytestmark = pytest.mark.real


async def test_a_visitor_with_a_telephone_disturbs_the_city_and_reads_what_to_look_at():
    city, pressed, complaints = City(), [], []
    hands = Interference(city, on_press=pressed.append)
    hands.level_m("muara", 4.5)
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with ControlPage(city, hands, ANY_PORT) as control, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = await browser.new_page(viewport={"width": 390, "height": 844})
        page.on(
            "console",
            lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(control.url)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390

        await page.locator('[data-action="press"][data-target="tugu"]').click()
        await expect(page.locator("#diary")).to_contain_text("Menekan Simpang Tugu")
        await expect(page.locator("#diary")).to_contain_text("BELUM DIVERIFIKASI")
        assert [one.device for one in pressed] == ["tombol-tiang"]

        await expect(page.locator('[data-action="influx_start"]')).to_be_disabled()
        await page.locator('[data-action="influx_stop"]').click()
        health = page.locator('[data-health-of="influx"]')
        await expect(health).to_have_text("mati")
        await expect(health).to_have_class(re.compile("off"))
        await page.locator('[data-action="influx_start"]').click()
        await expect(health).to_have_text("berjalan")

        await page.locator('[data-action="river"][data-target="muara"][data-level-m]').last.click()
        await expect(page.locator('[data-river="muara"] [data-held]')).to_contain_text("ditahan 9.60 m")
        await page.locator('[data-slider][data-target="muara"]').fill("5.5")
        await expect(page.locator('[data-river="muara"] [data-held]')).to_contain_text("ditahan 5.50 m")

        await page.get_by_text("English").click()
        await expect(page.locator("h1")).to_contain_text("Simulator control")
        await page.locator("#heal").click()
        await expect(page.locator("#diary")).to_contain_text("Healed everything")
        assert not hands.disturbed
        assert complaints == []
        await browser.close()
