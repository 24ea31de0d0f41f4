"""The drill of a breach: one command gives who, what and when, and a draft of the report."""

import csv
import datetime as dt
import io
import json
import shutil
import stat
import zipfile
from pathlib import Path

import pytest

from hub.api import audit
from hub.api.auth import users
from hub.api.tables import audit as rows
from hub.beside import in_store
from hub.cli import main
from hub.config import load_config
from hub.ingest.tables import events
from tests.hub.retention.test_commands import HUB_TOML
from tests.hub.retention.test_retention import BUDI, SITI, scan

HOUR_MS = 3_600_000
NOW = 1_795_000_000_000
PROFILE = Path(__file__).parents[2] / "profiles" / "kota-contoh"


def happen(conn):
    """Three scans of two people, three logins, and a new user."""
    scans = [scan(1, SITI, age_days=0), scan(2, SITI, age_days=9), scan(3, BUDI, age_days=9)]
    conn.execute(events.insert(), scans)
    for hours, name in ((100, "long-ago"), (5, "siti"), (4, '=HYPERLINK("x")')):
        audit.record(conn, name, "login", "x", now_ms=NOW - hours * HOUR_MS)
    users.add(conn, "siti", "Siti", ["operator"], "argon2-of-siti", actor="cli", now_ms=NOW - 1)


@pytest.fixture
def config(tmp_path):
    shutil.copytree(PROFILE, tmp_path / "profile")
    path = tmp_path / "hub.toml"
    path.write_text(HUB_TOML)
    in_store(load_config(path), happen)
    return path


def pack(config, tmp_path, *more):
    out = tmp_path / "paket.zip"
    times = ["--since", "2026-11-16T00:00+07:00", "--until", "2026-11-18T18:06:40+07:00"]
    assert main(["breach", str(out), "--config", str(config), *(more or times)]) == 0
    with zipfile.ZipFile(out) as file:
        return out, {name: file.read(name).decode() for name in file.namelist()}


def test_it_says_who_did_what_and_what_there_was(config, tmp_path):
    out, files = pack(config, tmp_path)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    told = list(csv.DictReader(io.StringIO(files["audit.csv"])))
    assert [row["actor"] for row in told] == ["siti", '\'=HYPERLINK("x")', "cli"], (
        "of the period, and as text"
    )
    assert told[0]["at_utc"] == "2026-11-18T06:06:40+00:00"
    summary = json.loads(files["summary.json"])
    assert summary["attendance"] == {"people": 2, "scans": 3, "scans_in_period": 1}
    assert summary["actions"] == {"login": 2, "user.add": 1}
    assert summary["trail"]["fault"] is None
    assert "3 pindaian absensi dari 2 orang" in files["laporan.md"]
    assert "utuh / whole" in files["laporan.md"]


def test_it_holds_no_secret_and_no_pseudonym(config, tmp_path):
    _, files = pack(config, tmp_path)
    for text in files.values():
        assert "argon2-of-siti" not in text
        assert SITI.who not in text
    assert "siti" in files["users.csv"]


def test_that_it_was_made_is_on_record_and_a_pack_is_not_overwritten(config, tmp_path, capsys):
    out, _ = pack(config, tmp_path)
    assert in_store(load_config(config), audit.listed)[0]["action"] == "breach.pack"
    before = out.read_bytes()
    assert main(["breach", str(out), "--config", str(config)]) == 2
    assert out.read_bytes() == before


def test_a_trail_that_was_tampered_with_is_said_to_be_so(config, tmp_path):
    in_store(
        load_config(config), lambda conn: conn.execute(rows.update().where(rows.c.n == 2).values(actor="z"))
    )
    _, files = pack(config, tmp_path)
    assert "DIUBAH / TAMPERED WITH: row 2" in files["laporan.md"]


def test_a_time_without_a_zone_is_refused(config, tmp_path):
    with pytest.raises(SystemExit):
        main(["breach", str(tmp_path / "a"), "--config", str(config), "--since", "2026-11-16T00:00"])


def test_where_nothing_is_said_it_looks_back_three_days(config, tmp_path):
    _, files = pack(config, tmp_path, "--until", "2099-01-01T00:00Z")
    said = json.loads(files["summary.json"])
    assert said["until"] == "2099-01-01T00:00:00+00:00"
    since = dt.datetime.fromisoformat(said["since"])
    assert dt.timedelta(hours=72) <= dt.datetime.now(dt.UTC) - since < dt.timedelta(hours=73)
