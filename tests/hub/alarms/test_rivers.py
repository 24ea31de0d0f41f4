"""The rivers in SQL: changes, alarms, notices, and what the engine finds again after a restart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sqlalchemy import select

from hub.alarms import service
from hub.alarms.tables import level_changes
from hub.notify.tables import outbox
from hub.region import load
from hub.rules.engine import Engine
from hub.rules.model import Change, Sample, Skipped

REGION = load(Path(__file__).resolve().parents[3] / "profiles" / "kota-contoh")
POST = REGION.stations["bendung-hulu"]
NOW_MS = 1_790_000_000_000


def change(old: int, new: int, *, seq: int = 1, kind="level", **more) -> Change:
    made = Change(
        kind=kind,
        station=POST.id,
        site=POST.site,
        gateway=POST.gateway,
        device=POST.device,
        quantity=POST.quantity,
        epoch="1" * 16,
        seq=seq,
        old=old,
        new=new,
        value_mm=1550,
        t_ms=NOW_MS + seq * 1000,
        age_ms=400,
    )
    return replace(made, **more)


def apply(conn, one: Change) -> None:
    service.apply(conn, one, one.t_ms + 400, region=REGION)


def notices(conn) -> list[tuple[str, int]]:
    return [(row.key, row.priority) for row in conn.execute(select(outbox).order_by(outbox.c.created_ms))]


def level_alarms(conn) -> list[tuple[str, str, int]]:
    return [(row["condition"], row["state"], row["severity"]) for row in service.active(conn)]


def test_only_a_worsening_to_siaga_2_or_1_tells_the_duty_desk(conn):
    for seq, (old, new) in enumerate([(0, 1), (1, 2), (2, 1), (1, 3), (3, 2), (2, 0), (0, 3)], 1):
        apply(conn, change(old, new, seq=seq))
    told = notices(conn)
    assert [key.split("/")[3] for key, _ in told] == ["2", "4", "7"]
    assert [priority for _, priority in told] == [2, 1, 1], "Siaga 1 is critical"
    assert all(row.desk == "piket" for row in conn.execute(select(outbox)))


def test_a_change_is_written_once_with_all_that_it_causes(conn):
    for _ in range(3):
        apply(conn, change(0, 2))
    assert len(conn.execute(select(level_changes)).all()) == 1
    assert len(notices(conn)) == 1
    assert level_alarms(conn) == [("level", "unacknowledged", 2)]


def test_a_worsening_asks_anew_and_an_easing_does_not(conn):
    apply(conn, change(0, 2, seq=1))
    (alarm,) = service.active(conn)
    service.acknowledge(conn, alarm["id"], actor="budi", now_ms=NOW_MS)
    apply(conn, change(2, 1, seq=2))
    assert level_alarms(conn) == [("level", "acknowledged", 1)]
    apply(conn, change(1, 3, seq=3))
    assert level_alarms(conn) == [("level", "unacknowledged", 3)]
    apply(conn, change(3, 0, seq=4))
    assert level_alarms(conn) == [("level", "returned", 3)]
    service.acknowledge(conn, alarm["id"], actor="budi", now_ms=NOW_MS)
    assert level_alarms(conn) == []


def test_history_is_written_and_raises_nothing(conn):
    past = change(0, 3, history=True, seq=0)
    assert service.write_history(conn, [past], NOW_MS) == 1
    assert service.write_history(conn, [past], NOW_MS) == 0
    apply(conn, past)
    assert service.active(conn) == []
    assert notices(conn) == []
    assert [row["history"] for row in service.changes_since(conn, 0)] == [True]


def test_what_was_seen_live_is_not_written_again_as_history(conn):
    apply(conn, change(0, 2, seq=5))
    assert service.write_history(conn, [change(0, 2, seq=0, t_ms=NOW_MS + 5000, history=True)], NOW_MS) == 0


def test_a_rise_is_an_alarm_of_its_own_without_a_notice(conn):
    apply(conn, change(0, 1, kind="rise", rate_mm_h=700))
    assert level_alarms(conn) == [("rise", "unacknowledged", 1)]
    assert service.changes_since(conn, 0) == []
    assert notices(conn) == []
    apply(conn, change(1, 0, kind="rise", seq=2))
    assert level_alarms(conn) == [("rise", "returned", 1)]


def test_the_words_say_where_how_high_how_fast_and_what_comes(conn):
    apply(conn, change(1, 2, rate_mm_h=600, next_ms=NOW_MS + 3_600_000))
    row = conn.execute(select(outbox)).one()
    assert row.title == "SIAGA 2: Bendung Hulu, Cilaras, 1.55 m"
    indonesian, english = row.text.split("\n")
    assert "Naik dari Siaga 3 ke Siaga 2" in indonesian
    assert "Laju 0.60 m/jam" in indonesian
    assert "Perkiraan Siaga 1 pada" in indonesian
    assert "Perkiraan tiba di Jembatan Gantung" in indonesian
    assert "WIB" in indonesian
    assert "Up from Siaga 3 to Siaga 2" in english
    assert row.kind == "level"


def test_the_level_before_a_time_is_by_the_changes_known(conn):
    assert service.level_before(conn, POST.id, NOW_MS) == 0
    apply(conn, change(0, 2, seq=1))
    apply(conn, change(2, 1, seq=3))
    assert service.level_before(conn, POST.id, NOW_MS + 1000) == 0
    assert service.level_before(conn, POST.id, NOW_MS + 1001) == 2
    assert service.level_before(conn, POST.id, NOW_MS + 9999) == 1
    assert service.level_before(conn, "muara", NOW_MS + 9999) == 0


def sample(seq: int, level_m: float, *, age_ms: int = 0) -> Sample:
    return Sample(
        ("gw-pos-bendung-hulu", "1" * 16, "telemetry"),
        seq,
        POST.gateway,
        POST.site,
        POST.device,
        POST.kind,
        {"level_m": level_m},
        {},
        NOW_MS + seq * 1000,
        age_ms,
    )


def test_a_hub_that_is_killed_after_any_change_raises_it_neither_twice_nor_never(conn):
    """The engine starts anew from SQL after each record, as if killed: the changes are those of one that never was."""
    levels = [0.2, 0.9, 1.6, 1.46, 1.44, 2.1, 0.3, 0.8]
    whole, told = Engine([POST]), []
    for seq, level_m in enumerate(levels, 1):
        told += whole.judge(sample(seq, level_m), NOW_MS + seq * 1000)
        reborn = Engine([POST])
        reborn.restore(service.restore(conn))
        for one in reborn.judge(sample(seq, level_m), NOW_MS + seq * 1000):
            service.apply(conn, one, NOW_MS + seq * 1000, region=REGION)
    written = [(row["old_severity"], row["new_severity"]) for row in service.changes_since(conn, 0)]
    assert written == [(c.old, c.new) for c in told if c.kind == "level"]


def test_states_are_stored_and_found_again_and_an_older_one_changes_nothing(conn):
    engine = Engine([POST])
    for one in engine.judge(sample(5, 1.6), NOW_MS + 5000):
        service.apply(conn, one, NOW_MS + 5000, region=REGION)
    engine.judge(sample(2, 0.1), NOW_MS + 5000)
    older = engine.states()
    service.save_states(conn, older)
    assert service.restore(conn) == older
    assert older[0].severity == 2
    assert older[0].skipped == Skipped(POST.id, "1" * 16, 2, NOW_MS + 2000, NOW_MS + 2000)
    engine.judge(sample(9, 1.7), NOW_MS + 9000)
    service.save_states(conn, engine.states())
    service.save_states(conn, older)
    assert service.restore(conn) == engine.states()


def test_a_state_that_is_stored_before_its_change_does_not_hide_it(conn):
    """Killed between the two: the next record makes the change that never came on record."""
    engine = Engine([POST])
    assert engine.judge(sample(5, 1.6), NOW_MS + 5000)
    service.save_states(conn, engine.states())
    reborn = Engine([POST])
    reborn.restore(service.restore(conn))
    assert reborn.judge(sample(5, 1.6), NOW_MS + 6000) == []
    assert [(one.old, one.new) for one in reborn.judge(sample(6, 1.6), NOW_MS + 6000)] == [(0, 2)]


def test_history_alone_leaves_a_state_without_a_level(conn):
    engine = Engine([POST])
    engine.judge(sample(2, 0.1, age_ms=10**9), NOW_MS)
    service.save_states(conn, engine.states())
    (state,) = service.restore(conn)
    assert state.value_mm is None
    twin = Engine([POST])
    twin.restore([state])
    assert twin.states() == [state]
