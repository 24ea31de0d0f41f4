"""Alarms of a hub that knew no withheld ones are where they were, with their history."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from hub.alarms import service
from hub.db import MIGRATIONS, migrate, production_engine

OLD = {"site": "s", "gateway": "g", "device": "d", "point": "", "condition": "level", "severity": 2}
NUMBERS = {"count": 1, "delay_ms": 0, "raised_ms": 1, "changed_ms": 1}


def test_an_alarm_of_an_earlier_hub_keeps_its_state_and_its_history(tmp_path):
    engine = production_engine(f"sqlite:///{tmp_path}/hub.sqlite", True)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as conn:
        config.attributes["connection"] = conn
        command.upgrade(config, "0002")
        for alarm, state in enumerate(("unacknowledged", "acknowledged", "returned", "normal"), 1):
            row = {**OLD, **NUMBERS, "id": alarm, "device": f"d{alarm}", "state": state, "detail": "{}"}
            names = ", ".join(row)
            conn.execute(
                text(f"INSERT INTO alarms ({names}) VALUES ({', '.join(f':{name}' for name in row)})"),
                row,
            )
            conn.execute(
                text(
                    "INSERT INTO alarm_history (alarm_id, at_ms, step, from_state, to_state, severity, delay_ms,"
                    " actor, note, detail) VALUES (:id, 1, 'raise', 'normal', 'unacknowledged', 2, 0, '', '', '{}')"
                ),
                {"id": alarm},
            )
    with engine.begin() as conn:
        migrate(conn)
        active = service.active(conn)
        assert {row["state"]: row["beneath"] for row in active} == {
            state: state for state in ("unacknowledged", "acknowledged", "returned")
        }
        assert service.withheld(conn) == []
        assert [line["step"] for line in service.history(conn, 1)] == ["raise"]
        assert service.acknowledge(conn, 1, actor="siti", now_ms=2) == "acknowledged"
    engine.dispose()
