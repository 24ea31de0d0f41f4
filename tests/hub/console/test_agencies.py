"""Agencies on pages: who is asked is shown; a change is checked, audited, at once in force, and goes into files."""

import shutil
from contextlib import asynccontextmanager
from dataclasses import replace
from html import unescape

import pytest

from hub.agencies import fields
from hub.agencies.current import take_up
from hub.agencies.reading import read, texts_of
from hub.api import audit
from tests.hub.agencies.profile import KOTA_CONTOH, region
from tests.hub.api.conftest import opened
from tests.hub.city import NOW
from tests.hub.console.reading import first, text

CONTACT = {
    "name": "Pos Damkar Baru",
    "agency": "damkar",
    "step": "first",
    "phone": "0800-000-1209",
    "channels": "damkar-webhook",
}


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(KOTA_CONTOH, tmp_path / "kota")


@pytest.fixture
def kota(tmp_path, folder, empty_store):
    """A hub of Kota Contoh."""
    shutil.copyfile(empty_store, tmp_path / "hub.sqlite")
    with opened(tmp_path) as hub:
        yield hub


@asynccontextmanager
async def working(hub, folder, name="rina", role="dispatcher"):
    """Somebody at the pages."""
    current = await hub.write(lambda conn: take_up(conn, region(), folder, now_ms=NOW))
    hub.services = replace(hub.services, region=region(), directories=current)
    hub.app.state.services = hub.services
    async with hub.login(name, role) as page:
        yield page


async def version_on(page, path):
    return first(r'name="version" value="(\w+)"', (await page.get(path)).text)


async def send(page, path, **said):
    form = {**said, "version": said.get("version") or await version_on(page, path.removesuffix("/remove"))}
    return await page.post(path, data=form)


async def trail(hub):
    return [(row["actor"], row["action"], row["detail"]) for row in await hub.read(audit.listed)]


async def test_contacts_are_shown_with_who_is_on_duty(kota, folder):
    async with working(kota, folder, role="operator") as page:
        html = (await page.get("/agencies")).text
        assert 'href="tel:0800-000-1101"' in html
        assert "SPKT Polres sedang jaga" in text(html)
        assert "LATIHAN Pusdalops" in text(html)
        assert "/agencies/edit/" not in html, "an operator changes nothing"
        assert (await page.get("/agencies/edit/contact")).status_code == 403


async def test_a_change_is_in_force_at_once_on_record_and_in_the_trail(kota, folder):
    async with working(kota, folder) as page:
        before = kota.services.directories.version.version
        answer = await send(page, "/agencies/edit/contact/damkar-pos-kota", **CONTACT)
        assert (answer.status_code, answer.headers["location"]) == (303, "/agencies")
        assert kota.services.directory().contacts["damkar-pos-kota"].phone == "0800-000-1209"
        assert "Pos Damkar Baru" in text((await page.get("/agencies")).text)
        detail = {
            "entry": "contact/damkar-pos-kota",
            "file": "contacts.toml",
            "before": before,
            "after": kota.services.directory().version,
        }
        assert ("rina", "directory.put", detail) in await trail(kota)
        again = await kota.write(lambda conn: take_up(conn, region(), folder, now_ms=NOW))
        assert again.get() == kota.services.directory()


async def test_a_mistake_changes_nothing_says_what_to_write_and_keeps_what_was_typed(kota, folder):
    async with working(kota, folder) as page:
        before = kota.services.directory()
        path = "/agencies/edit/contact/damkar-pos-kota"
        answer = await send(page, path, **{**CONTACT, "channels": "damkar-webhok"})
        assert answer.status_code == 422
        assert "no channel &#39;damkar-webhok&#39; → &#39;damkar-webhook&#39;" in answer.text
        assert 'value="Pos Damkar Baru"' in answer.text
        assert kota.services.directory() is before
        assert not [row for row in await trail(kota) if row[1].startswith("directory")]


async def test_a_new_entry_and_one_that_is_there_already(kota, folder):
    async with working(kota, folder) as page:
        form = {**CONTACT, "id": "damkar-pos-hulu"}
        assert (await send(page, "/agencies/edit/contact", **form)).status_code == 303
        assert kota.services.directory().contacts["damkar-pos-hulu"].name == "Pos Damkar Baru"
        answer = await send(page, "/agencies/edit/contact", **form)
        assert answer.status_code == 422
        assert "sudah ada" in text(answer.text)


async def test_what_is_named_elsewhere_stays_and_what_is_not_goes(kota, folder):
    async with working(kota, folder) as page:
        answer = await send(page, "/agencies/edit/contact/bpbd-pusdalops/remove")
        assert answer.status_code == 422
        assert "bpbd-pusdalops" in kota.services.directory().contacts
        answer = await send(page, "/agencies/edit/contact/psc-dokter/remove")
        assert answer.status_code == 303
        assert "psc-dokter" not in kota.services.directory().contacts


async def test_who_saw_an_older_directory_is_told_to_look_again(kota, folder):
    async with working(kota, folder) as page:
        path = "/agencies/edit/contact/damkar-pos-kota"
        old = await version_on(page, path)
        assert (await send(page, path, **CONTACT)).status_code == 303
        answer = await send(page, path, **{**CONTACT, "name": "Pos Lain"}, version=old)
        assert answer.status_code == 409
        assert kota.services.directory().contacts["damkar-pos-kota"].name == "Pos Damkar Baru"


async def test_every_form_saves_what_it_shows_and_changes_nothing(kota, folder):
    async with working(kota, folder) as page:
        before = kota.services.directories.version
        for table in fields.TABLES.values():
            (entry, *_) = fields.entries(before.texts[table.file], table)
            path = f"/agencies/edit/{table.name}/{entry['id']}"
            html = (await page.get(path)).text
            said = {one.key: fields.shown(one, entry.get(one.key, one.default)) for one in table.fields}
            for values in said.values():
                assert all(value in unescape(html) for value in values), (path, values)
            form = {
                one.key: said[one.key] if one.shape == "many" else "\n".join(said[one.key])
                for one in table.fields
            }
            answer = await page.post(path, data={**form, "version": before.version})
            assert answer.status_code == 303, (path, answer.text)
        assert kota.services.directories.version is before


async def test_files_are_written_back_and_read_the_same(kota, folder):
    async with working(kota, folder) as page:
        await send(page, "/agencies/edit/contact/damkar-pos-kota", **CONTACT)
        assert "belum tercatat" in text((await page.get("/agencies/files")).text)
        told = (await page.get("/agencies/files/contacts.toml")).text
        assert (await page.post("/agencies/files/export")).status_code == 303
        assert (folder / "contacts.toml").read_text() == told
        assert read(texts_of(folder), region()) == kota.services.directory()
        assert "sama seperti yang berlaku" in text((await page.get("/agencies/files")).text)
        assert (await page.get("/agencies/files/hub.toml")).status_code == 404


async def test_where_both_have_changed_the_files_can_be_taken(kota, folder):
    async with working(kota, folder) as page:
        await send(page, "/agencies/edit/contact/damkar-pos-kota", **CONTACT)
        path = folder / "contacts.toml"
        path.write_text(path.read_text().replace("Pos Damkar Kota", "Pos Dari Berkas"))
        html = (await page.get("/agencies/files")).text
        assert "pilih mana yang dipakai" in text(html)
        version = first(r'name="version" value="(\w+)"', html)
        path.write_text(path.read_text() + "x")
        answer = await page.post("/agencies/files/take", data={"version": version})
        assert answer.status_code == 422
        assert "contacts.toml:" in answer.text
        path.write_text(path.read_text()[:-1])
        assert (await page.post("/agencies/files/take", data={"version": version})).status_code == 303
        assert kota.services.directory().contacts["damkar-pos-kota"].name == "Pos Dari Berkas"


async def test_a_folder_that_cannot_be_written_is_said(kota, folder, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(13, "Permission denied", "contacts.toml")

    monkeypatch.setattr("hub.api.directory.write_text", refused)
    async with working(kota, folder) as page:
        await send(page, "/agencies/edit/contact/damkar-pos-kota", **CONTACT)
        answer = await page.post("/agencies/files/export")
        assert answer.status_code == 422
        assert "Unduh berkasnya" in text(answer.text)


async def test_a_try_says_whom_an_incident_is_for(kota, folder):
    async with working(kota, folder) as page:
        answer = await page.get("/agencies/routes", params={"kind": "fire", "priority": 2})
        said = text(first(r'<p id="tried">(.*?)</p>', answer.text))
        assert "Dinas Pemadam Kebakaran" in said
        assert "Public Safety Center" in said
        assert "Badan Penanggulangan" not in said
        assert "<polygon" in answer.text


async def test_the_roster_of_the_week_is_shown(kota, folder):
    async with working(kota, folder, role="operator") as page:
        said = text((await page.get("/agencies/roster")).text)
        assert "Tim Reaksi Cepat regu" in said
        assert "21:00–07:00 Pusdalops BPBD, jaga malam" in said
        assert "Hari Raya Natal" in said


@pytest.mark.parametrize("path", ["/agencies/edit/nothing", "/agencies/edit/contact/nobody"])
async def test_what_is_not_there_is_not_found(kota, folder, path):
    async with working(kota, folder) as page:
        assert (await page.get(path)).status_code == 404
        assert (await page.post(path, data={})).status_code == 404
