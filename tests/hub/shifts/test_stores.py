"""The watch, the directory and the reports on both databases: what one takes the other takes too."""

from hub.agencies import store
from hub.agencies.current import take_up
from hub.api.auth.sessions import Timeouts
from hub.incidents import actions
from hub.incidents.service import Incidents
from hub.incidents.tables import incidents
from hub.incidents.timeline import Actor
from hub.reports import summary
from hub.reports.period import Period
from hub.shifts import reads, watch
from tests.hub.agencies.profile import KOTA_CONTOH, directory, region
from tests.hub.city import NOW, REGION, press


async def test_a_shift_a_directory_and_a_report(database):
    def work(conn):
        Incidents(REGION).panic(conn, press())
        one = conn.execute(incidents.select()).one()
        actions.acknowledge(conn, one.id, actor=Actor("rina", "console"), now_ms=NOW + 7_000)
        first = watch.take(conn, "rina", expected=None, name="Jaga pagi", heard=True, now_ms=NOW)
        watch.add_item(conn, "rina", "telepon PLN", now_ms=NOW)
        watch.take(conn, "adi", expected=first, name="", now_ms=NOW + 1)
        watch.join(conn, "rina", now_ms=NOW + 2)
        watch.leave(conn, "rina", now_ms=NOW + 3)
        watch.join(conn, "rina", now_ms=NOW + 4)
        return take_up(conn, region(), KOTA_CONTOH, now_ms=NOW)

    current = await database.write(work)
    assert current.get() == directory()
    texts = {**current.version.texts, "roster.toml": ""}
    put = await database.write(
        lambda conn: store.put(
            conn, texts, profile="x", actor="rina", expected=current.version.version, now_ms=NOW
        )
    )
    assert await database.read(store.newest) == put

    def read(conn):
        period = Period("uji", NOW - 1, NOW + 1_000)
        found = summary.read(conn, REGION, directory(), period, now_ms=NOW + 10_000)
        return found, reads.present(conn), reads.ended(conn, limit=5), reads.attended(conn, Timeouts(), NOW)

    found, present, ended, attended = await database.read(read)
    assert (found.total, found.seen.median_ms, len(found.longest)) == (1, 7_000, 1)
    assert present is not None
    assert [(one["user"], one["left_ms"]) for one in present["people"]] == [("adi", None), ("rina", None)]
    assert [row["left"]["incident_count"] for row in ended] == [1]
    assert not attended
