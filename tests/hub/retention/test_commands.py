"""``siaga-hub retention``, ``erase`` and ``audit`` as they are typed; the store is real, no hub runs."""

import asyncio
import json

import pytest

from hub.anchoring import FilePlace
from hub.api import audit
from hub.api.tables import audit as rows
from hub.beside import in_store
from hub.cli import main
from hub.config import load_config
from hub.db import Database
from hub.retention.samples import keep, seconds
from hub.series.errors import SeriesError
from hub.series.influx import Influx, InfluxConfig
from tests.hub.retention.test_retention import BUDI, SITI, count, event, put, scan

HUB_TOML = """
profile = "profile"
[database]
file = "hub.sqlite"
[broker]
host = "127.0.0.1"
ca = "ca"
certificate = "a"
key = "a"
telemetry_certificate = "a"
telemetry_key = "a"
[audit]
file = "jejak.jsonl"
[retention]
attendance_days = 30
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "hub.toml"
    path.write_text(HUB_TOML)
    return path


def stored(path, *these):
    async def work():
        db = Database(load_config(path).database_url)
        db.open()
        try:
            if these:
                await put(db, *these)
            return await count(db, rows)
        finally:
            db.close()

    return asyncio.run(work())


def test_a_dry_run_says_what_would_go_and_the_run_lets_it_go(config, capsys):
    # Times in these rows count from a moment in 2026; the commands use the clock of this machine.
    stored(config, event(1, age_days=3000), scan(2, SITI, age_days=3000), scan(3, BUDI, age_days=-30_000))
    command = ["retention", "--config", str(config)]
    assert main([*command, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "events: 1 " in said
    assert "attendance: 1 baris / rows, 30 hari / days" in said
    assert stored(config) == 0, "nothing is on record, for nothing was done"
    assert main(command) == 0
    assert "attendance: 1 " in capsys.readouterr().out
    assert main([*command, "--dry-run"]) == 0
    assert "attendance: 0 " in capsys.readouterr().out


def test_a_person_is_erased_on_record_here_and_away(config, tmp_path, capsys):
    stored(config, *(scan(n, SITI, age_days=1000) for n in range(1, 4)), scan(9, BUDI, age_days=1000))
    command = ["erase", SITI.who, "--key", SITI.key, "--reason", "permintaan 17", "--config", str(config)]
    assert main([*command, "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("3 pindaian akan dihapus")
    assert not (tmp_path / "jejak.jsonl").exists()
    assert main(command) == 0
    assert capsys.readouterr().out.startswith("3 pindaian dihapus")
    (line,) = FilePlace(tmp_path / "jejak.jsonl").lines()
    assert line["erased"] == SITI.subject
    (row,) = in_store(load_config(config), audit.listed)
    assert (row["action"], row["subject"]) == ("attendance.erase", SITI.subject)
    assert SITI.who not in json.dumps(row)
    assert main(command) == 0
    assert capsys.readouterr().out.startswith("0 pindaian")


def test_the_trail_is_checked_by_a_command_which_names_the_row(config, tmp_path, capsys):
    check = ["audit", "--config", str(config)]
    for _ in range(4):
        in_store(load_config(config), lambda conn: audit.record(conn, "siti", "x", "y", now_ms=0))
    assert main(check) == 0
    head = capsys.readouterr().out.split()[-1]
    assert main([*check, "--head", head]) == 0
    assert main([*check, "--head", "4:" + "0" * 64]) == 2
    assert main([*check, "--head", "nonsense"]) == 2
    capsys.readouterr()
    in_store(
        load_config(config), lambda conn: conn.execute(rows.update().where(rows.c.n == 3).values(actor="z"))
    )
    assert main(check) == 2
    assert "row 3" in capsys.readouterr().err


def test_the_newest_head_of_the_file_is_held_against_the_trail(config, tmp_path, capsys):
    in_store(load_config(config), lambda conn: audit.record(conn, "siti", "x", "y", now_ms=0))
    FilePlace(tmp_path / "jejak.jsonl").append({"n": 2, "digest": "0" * 64})
    assert main(["audit", "--config", str(config)]) == 2
    assert "rows after 1 are missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "why"),
    [("attendance_days = 29", "too few"), ("attendance_days = -1", ""), ("names_days = 30", "names_days")],
)
def test_a_period_that_cannot_be_is_refused(config, capsys, line, why):
    config.write_text(HUB_TOML.replace("attendance_days = 30", line))
    assert main(["retention", "--config", str(config)]) == 2
    assert why in capsys.readouterr().err
    config.write_text(HUB_TOML.replace("attendance_days = 30", "attendance_days = 0"))
    assert load_config(config).retention.by_class["attendance"] == 0


def test_a_channel_for_heads_that_is_not_there_is_refused(config, capsys):
    config.write_text(HUB_TOML.replace("[audit]", '[audit]\nchannel = "arsip"'))
    assert main(["audit", "--config", str(config)]) == 2
    assert "arsip" in capsys.readouterr().err


@pytest.mark.real
async def test_samples_are_kept_as_long_as_is_configured(influx):
    async with Influx(InfluxConfig(url=influx.url, database="masa_simpan")) as client:
        with pytest.raises(SeriesError):
            await keep(client, 730)
        await client.create_database()
        assert await keep(client, 730)
        assert not await keep(client, 730), "it is so already"
        (policy,) = await client.query('SHOW RETENTION POLICIES ON "masa_simpan"')
        assert policy["duration"] == "17520h0m0s"
        assert await keep(client, 0)
        assert not await keep(client, 0)


@pytest.mark.parametrize(
    ("text", "number"), [("17520h0m0s", 63_072_000), ("0s", 0), ("1h30m0s", 5400), ("", 0)]
)
def test_a_duration_is_read_as_influxdb_writes_it(text, number):
    assert seconds(text) == number
