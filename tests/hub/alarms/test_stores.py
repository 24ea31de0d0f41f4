"""Alarms and rivers on both stores that the hub may have."""

from __future__ import annotations

from hub.alarms import service
from hub.rules.engine import Engine
from tests.hub.alarms.test_rivers import NOW_MS, POST, REGION, sample

BUTTON = service.Fingerprint("rsud-contoh", "gw-rsud-contoh", "tombol-igd", "", "panic")


async def test_an_alarm_lives_on_either_store(database):
    raised = await database.write(
        lambda conn: service.raise_alarm(conn, BUTTON, severity=3, now_ms=1, rearm=True)
    )
    again = await database.write(
        lambda conn: service.raise_alarm(conn, BUTTON, severity=3, now_ms=2, rearm=True)
    )
    assert (raised.new, again.new) == (True, False)
    assert raised.alarm_id == again.alarm_id
    state = await database.write(
        lambda conn: service.acknowledge(conn, raised.alarm_id, actor="budi", now_ms=3, note="dilihat")
    )
    assert state == "acknowledged"
    assert await database.write(lambda conn: service.clear_alarm(conn, BUTTON, now_ms=4))
    assert await database.read(service.active) == []
    steps = await database.read(lambda conn: service.history(conn, raised.alarm_id))
    assert [step["step"] for step in steps] == ["raise", "rearm", "acknowledge", "clear"]


async def test_a_river_is_on_record_on_either_store(database):
    engine = Engine([POST])
    for seq, level_m in enumerate([0.1, 1.6, 2.1, 0.1], 1):
        for change in engine.judge(sample(seq, level_m), NOW_MS + seq * 1000):
            for _ in range(2):
                await database.write(
                    lambda conn, one=change: service.apply(conn, one, one.t_ms, region=REGION)
                )
    engine.judge(sample(2, 0.1, age_ms=10**9), NOW_MS)
    engine.judge(sample(1, 0.1, age_ms=10**9), NOW_MS)
    for _ in range(2):
        await database.write(lambda conn: service.save_states(conn, engine.states()))
    assert await database.read(service.restore) == engine.states()
    changes = await database.read(lambda conn: service.changes_since(conn, 0, POST.id))
    assert [(row["old_severity"], row["new_severity"]) for row in changes] == [(0, 2), (2, 3), (3, 0)]
    assert await database.read(lambda conn: service.level_before(conn, POST.id, changes[2]["t_ms"])) == 3
