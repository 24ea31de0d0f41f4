"""The pages of rules: what is in force, a change checked, audited and written into the file, and one put back."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from hub.alarms import service as alarms
from hub.api.auth.roles import Role
from hub.api.tables import audit
from hub.ingest.ruling import Ruling
from hub.region import load
from hub.rules import files, form, store
from tests.hub.city import NOW
from tests.hub.console.reading import first, text

PROFILE = Path(__file__).parents[3] / "profiles" / "kota-contoh"
CITY = load(PROFILE)
FILE = (PROFILE / "rules.toml").read_text()


@pytest.fixture
async def rules(hub, tmp_path):
    """The rules of a running hub, on a file of their own."""
    (tmp_path / "rules.toml").write_text(FILE)
    nobody = {"series": None, "listening": lambda: True, "changed": lambda _: None}
    ruling = Ruling(CITY, tmp_path, hub.services.db, hub.clock, **nobody)
    hub.app.state.services = replace(hub.services, region=CITY, rules=ruling)
    await ruling.open()
    return ruling


async def page(client, path):
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def filled(rules, rule, html, **said):
    """The form of a rule as a browser sends it, with some fields written over."""
    return {
        **{key: value for key, value in form.values(rules.book.rules[rule]).items() if value},
        "base": first(r'name="base" value="(\w+)"', html),
        **said,
    }


async def trail(hub):
    found = select(audit.c.actor, audit.c.action, audit.c.subject, audit.c.detail)
    rows = await hub.read(lambda conn: conn.execute(found.where(audit.c.action.like("rules.%"))).all())
    return [(actor, action, subject, json.loads(detail)) for actor, action, subject, detail in rows]


async def test_the_list_says_each_rule_its_number_and_whether_it_rings(hub, rules):
    ring = alarms.Fingerprint(
        "pos-muara", "gw-pos-muara", "duga-air", "battery_v", "threshold:baterai-rendah"
    )
    await hub.write(lambda conn: alarms.raise_alarm(conn, ring, severity=1, now_ms=NOW))
    async with hub.login("tika", Role.TECHNICIAN) as tika:
        seen = text(await page(tika, "/rules"))
        one = await page(tika, "/rules/baterai-rendah")
        assert "Baterai rendah" in seen
        assert "battery_v · pada 11,5 atau kurang" in seen
        assert "level_m · setelah 5 mnt" in seen
        assert "semua dari: air-dari-hulu, hujan-lebat-hulu" in seen
        assert seen.count("1 alarm sekarang") == 1
        assert "Satu aturan lagi" not in seen
        assert 'name="below" disabled' in one
        assert "simpan" not in one
        assert (await tika.get("/rules/tidak-ada")).status_code == 404
        assert (await tika.get("/new-rule")).status_code == 403
        refused = await tika.post("/rules/baterai-rendah", data={"below": "9"})
        assert refused.status_code == 403
        assert (await tika.post("/rules/baterai-rendah/remove")).status_code == 403
    assert rules.path.read_text() == FILE


async def test_a_change_is_in_the_file_in_force_and_in_the_trail(hub, rules):
    async with hub.login("ani", Role.ADMIN) as ani:
        html = await page(ani, "/rules/baterai-rendah")
        said = filled(rules, "baterai-rendah", html, below="11,8", note="aki baru")
        answer = await ani.post("/rules/baterai-rendah", data=said)
        assert (answer.status_code, answer.headers["location"]) == (303, "/rules/baterai-rendah")
        assert rules.path.read_text() == FILE.replace("below = 11.5", "below = 11.8")
        assert rules.book.rules["baterai-rendah"].below == 11.8
        [(actor, action, subject, detail)] = await trail(hub)
        assert (actor, action, subject) == ("ani", "rules.change", "baterai-rendah")
        assert (detail["note"], detail["version"]) == ("aki baru", rules.book.version)
        assert "below = 11.5" in detail["before"]
        assert "below = 11.8" in detail["after"]
        assert "Ani" in first(rf"{rules.book.version}, <bdi>([^<]+)", await page(ani, "/rules"))
        # Sent again by somebody whose page is older, it changes nothing, and what was written is still there.
        again = await ani.post("/rules/baterai-rendah", data=said | {"below": "10"})
        assert again.status_code == 422
        assert "Berkas telah berubah" in text(again.text)
        assert 'value="10"' in again.text
        assert rules.book.rules["baterai-rendah"].below == 11.8


async def test_what_is_wrong_is_said_at_its_field_and_the_old_rules_go_on(hub, rules):
    async with hub.login("ani", Role.ADMIN) as ani:
        html = await page(ani, "/rules/baterai-rendah")
        for wrong, field, told in (
            ({"below": "sebelas"}, "below", "bukan angka"),
            ({"quantity": ""}, "quantity", "wajib diisi"),
            ({"quantity": "batery_v"}, "quantity", "battery_v"),
            ({"reason_id": "Baterai {volt}"}, "reason_id", "tidak ada fakta"),
            ({"advice": "ftp://x"}, "advice", "https"),
        ):
            answer = await ani.post(
                "/rules/baterai-rendah", data=filled(rules, "baterai-rendah", html, **wrong)
            )
            assert answer.status_code == 422
            assert told in first(r'class="field-fault" role="alert">▲ ([^<]+)', answer.text)
            marked = first(r'name="(\w+)" aria-invalid="true"', answer.text)
            assert marked == field
    assert rules.path.read_text() == FILE
    assert await trail(hub) == []


async def test_a_rule_is_made_taken_out_and_put_back(hub, rules):
    before = rules.book.version
    async with hub.login("ani", Role.ADMIN) as ani:
        html = await page(ani, "/new-rule?kind=no_data")
        assert (await ani.get("/new-rule?kind=horoskop")).status_code == 404
        said = {
            **filled(rules, "duga-air-diam", html, title_id="Muara diam", after_s="120"),
            "kind": "no_data",
            "id": "muara-diam",
        }
        for taken in ("", "duga-air-diam", "Muara Diam!"):
            refused = await ani.post("/rules", data=said | {"id": taken})
            assert refused.status_code == 422
        assert "huruf kecil" in first(r'name="id".*?class="field-fault" role="alert">▲ ([^<]+)', refused.text)
        assert (await ani.post("/rules", data=said)).status_code == 303
        assert files.kind_of(rules.book.rules["muara-diam"]) == "no_data"
        html = await page(ani, "/rules/muara-diam")
        base = {"base": first(r'name="base" value="(\w+)"', html)}
        assert (await ani.post("/rules/muara-diam/remove", data=base)).status_code == 303
        assert "muara-diam" not in rules.book.rules
        assert (await ani.post("/rules/muara-diam/remove", data=base)).status_code == 404
        versions = await hub.read(lambda conn: store.versions(conn, 9))
        html = await page(ani, f"/rule-versions/{versions[1].n}")
        assert "+ id = &#34;muara-diam&#34;" in html
        stale = await ani.post(f"/rule-versions/{versions[-1].n}/restore", data={"base": "0" * 16})
        assert stale.status_code == 409
        base = {"base": first(r'name="base" value="(\w+)"', html)}
        assert (await ani.post(f"/rule-versions/{versions[-1].n}/restore", data=base)).status_code == 303
        assert (await ani.get("/rule-versions/99")).status_code == 404
    assert rules.path.read_text() == FILE
    assert rules.book.version == before
    assert [action for _, action, _, _ in await trail(hub)] == ["rules.add", "rules.remove", "rules.restore"]


async def test_a_file_that_was_spoilt_by_hand_says_so_and_an_older_text_mends_it(hub, rules):
    rules.path.write_text(FILE.replace('kind = "stuck"', 'kind = "stock"'))
    await rules.look()
    async with hub.login("ani", Role.ADMIN) as ani:
        html = await page(ani, "/rules")
        assert "rules.toml berisi kesalahan" in text(html)
        assert "stock" in html
        html = await page(ani, "/rules/baterai-rendah")
        said = filled(rules, "baterai-rendah", html, below="11,8")
        answer = await ani.post("/rules/baterai-rendah", data=said)
        assert answer.status_code == 422
        assert "stock" in answer.text
        html = await page(ani, "/rule-versions/1")
        base = {"base": first(r'name="base" value="(\w+)"', html)}
        assert (await ani.post("/rule-versions/1/restore", data=base)).status_code == 303
        assert "berisi kesalahan" not in text(await page(ani, "/rules"))
    assert rules.path.read_text() == FILE


async def test_a_folder_that_the_hub_may_not_write_changes_nothing_and_says_so(hub, rules, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hub.api.rule_work.write_text", full)
    async with hub.login("ani", Role.ADMIN) as ani:
        html = await page(ani, "/rules/baterai-rendah")
        answer = await ani.post(
            "/rules/baterai-rendah", data=filled(rules, "baterai-rendah", html, below="11,8")
        )
        assert answer.status_code == 422
        assert "Beri akunnya hak" in text(answer.text)
    assert await trail(hub) == []
    assert rules.path.read_text() == FILE
