"""What a running gateway shows of itself."""

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.vitals import Showing, path_of, read, runs


class Clock:
    def boot_id(self):
        return "boot-1"

    def mono_ms(self):
        return 5_000


def test_it_shows_when_it_is_ready_what_changes_and_nothing_after_a_good_stop(tmp_path):
    spool = tmp_path / "spool.sqlite"
    file = path_of(spool)
    showing = Showing(spool, "0.2.0", Clock())
    showing.show(reached=True)
    assert read(file) is None, "it is not ready"
    showing.begin()
    seen = read(file)
    assert (seen.software, seen.pid, seen.started_ms, seen.reached) == ("0.2.0", os.getpid(), 5_000, False)
    assert runs(seen, boot="boot-1")
    assert not runs(seen, boot="boot-2"), "another boot's process is gone"
    before = file.stat().st_ino
    showing.show(reached=False)
    assert file.stat().st_ino == before, "nothing new, so nothing is written"
    showing.show(reached=True)
    assert read(file).reached
    showing.end()
    assert read(file) is None
    assert not runs(None, boot="boot-1")


def test_a_full_card_makes_it_silent_and_stops_nothing(tmp_path, caplog):
    showing = Showing(tmp_path / "gone" / "spool.sqlite", "0.2.0", Clock())
    showing.begin()
    showing.show(reached=True)
    showing.end()
    assert "vitals.unwritten" in caplog.text


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_bytes_are_vitals_or_nothing(tmp_path, data):
    (tmp_path / "vitals.json").write_bytes(data)
    assert read(tmp_path / "vitals.json") is None
