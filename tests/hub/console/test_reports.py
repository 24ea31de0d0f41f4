"""Reports as pages, JSON and CSV: a month, a shift, an incident to print."""

import csv
import io

from sqlalchemy import update

from hub.incidents import actions
from hub.incidents.service import Incidents
from hub.incidents.tables import timeline
from hub.incidents.timeline import Actor
from hub.reports.period import month_of
from tests.hub.city import NOW, REGION, press
from tests.hub.console.reading import text

MONTH = month_of(NOW, REGION.zone)


async def worked(hub):
    """An incident that somebody has seen; its id."""

    def work(conn):
        Incidents(REGION).panic(conn, press())
        one = conn.execute(timeline.select()).first().incident_id
        actions.acknowledge(conn, one, actor=Actor("rina", "console"), now_ms=NOW + 9_000, note="=<b>")
        return one

    return await hub.write(work)


async def test_a_month_as_page_json_and_csv(hub):
    await worked(hub)
    async with hub.login("ibu", "executive") as page:
        said = text((await page.get("/reports")).text)
        assert f"Laporan: {MONTH}" in said
        assert "Tombol IGD" in said
        assert "9 dtk" in said
        found = (await page.get(f"/api/reports/months/{MONTH}")).json()
        assert (found["total"], found["seen"]["median_ms"], found["seen"]["within_pct"]) == (1, 9000, 100)
        answer = await page.get(f"/reports/months/{MONTH}/incidents.csv")
        assert answer.headers["content-type"].startswith("text/csv")
        assert f'filename="kota-contoh-{MONTH}-incidents.csv"' in answer.headers["content-disposition"]
        (line,) = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
        assert (line["number"], line["seen_s"]) == ("1", "9.0")
        for name in ("agencies.csv", "buttons.csv"):
            assert (await page.get(f"/reports/months/{MONTH}/{name}")).status_code == 200
        before = text((await page.get("/reports?month=2026-01")).text)
        assert "0 dibuka" in before


async def test_what_is_no_report_is_not_found(hub):
    async with hub.login("ibu", "executive") as page:
        for path in (
            "/reports?month=2026-13",
            "/reports/months/2026-11/people.csv",
            "/reports/months/x/incidents.csv",
            "/reports/shifts/1",
            "/reports/incidents/x",
            "/api/reports/months/x",
            "/api/reports/shifts/1",
        ):
            assert (await page.get(path)).status_code == 404, path


async def test_a_shift_with_its_note_and_what_it_left(hub):
    async with hub.login("rina", "operator") as rina:
        await rina.post("/shift/take", data={"shift": "0", "heard": "true"})
        await worked(hub)
        await rina.post("/shift/note", data={"text": "pompa mati"})
        hub.clock.at_ms = NOW + 3_600_000
        await rina.post("/shift/take", data={"shift": "1"})
        said = text((await rina.get("/reports/shifts/1")).text)
        assert "pompa mati" in said
        assert "1 insiden terbuka" in said
        assert "Tombol IGD" in said
        found = (await rina.get("/api/reports/shifts/1")).json()
        assert found["report"]["total"] == 1
        assert found["shift"]["left"]["incident_count"] == 1
        assert (await rina.get("/api/reports/shifts/2")).json()["report"]["total"] == 0
        assert 'href="/reports/shifts/1"' in (await rina.get("/reports")).text


async def test_an_incident_to_print_says_whether_its_timeline_holds(hub):
    one = await worked(hub)
    async with hub.login("ana", "auditor") as page:
        html = (await page.get(f"/reports/incidents/{one}")).text
        assert "=&lt;b&gt;" in html
        assert "rantai" in text(html)
        assert (await page.get(f"/api/reports/incidents/{one}")).json()["timeline_broken_at"] is None
        await hub.write(
            lambda conn: conn.execute(update(timeline).where(timeline.c.n == 2).values(note="lain"))
        )
        assert "diubah pada entri 2" in text((await page.get(f"/reports/incidents/{one}")).text)
        assert (await page.get(f"/api/reports/incidents/{one}")).json()["timeline_broken_at"] == 2


async def test_a_wall_and_a_technician_read_no_reports(hub):
    for name, role in (("layar", "viewer"), ("tono", "technician")):
        async with hub.login(name, role) as page:
            assert (await page.get("/reports")).status_code == 403
            assert (await page.get(f"/reports/months/{MONTH}/incidents.csv")).status_code == 403
