"""Which walls show something, by what they say and when they were heard."""

from hub.walls.beats import SILENT_MS, Beat, Beats

NOW_MS = 1_790_000_000_000
MINUTE_MS = 60_000


def beat(**changes) -> Beat:
    said = {"shows": "Siaga: dinding", "version": "1", "up_s": 7200, "loaded_s": 600, "grafana": True}
    return Beat(**(said | changes))


def states(beats: Beats, mono_ms: int) -> dict[str, tuple[str, bool | None]]:
    return {one.name: (one.state, one.overdue) for one in beats.now(mono_ms=mono_ms)}


def test_a_wall_says_what_it_shows_and_since_when():
    beats = Beats(["utama"], began_mono_ms=0)
    beats.take("utama", beat(), now_ms=NOW_MS, mono_ms=1000)
    (wall,) = beats.now(mono_ms=2000)
    assert (wall.state, wall.overdue, wall.shows, wall.version) == ("lit", False, "Siaga: dinding", "1")
    assert (wall.heard_ms, wall.up_ms, wall.loaded_ms) == (NOW_MS, NOW_MS - 7_200_000, NOW_MS - 600_000)


def test_nobody_is_silent_before_the_hub_has_listened_for_long_enough():
    beats = Beats(["utama", "lobi"], began_mono_ms=5000)
    beats.take("lobi", beat(), now_ms=NOW_MS, mono_ms=6000)
    early, late = states(beats, 5000 + SILENT_MS - 1), states(beats, 5000 + SILENT_MS)
    assert early == {"utama": ("waiting", None), "lobi": ("lit", False)}
    assert late == {"utama": ("silent", True), "lobi": ("lit", False)}


def test_a_wall_that_is_not_heard_falls_silent_and_comes_back():
    beats = Beats(["utama"], began_mono_ms=0)
    beats.take("utama", beat(), now_ms=NOW_MS, mono_ms=0)
    assert states(beats, SILENT_MS - 1)["utama"] == ("lit", False)
    assert states(beats, SILENT_MS)["utama"] == ("silent", True)
    beats.take("utama", beat(), now_ms=NOW_MS, mono_ms=SILENT_MS + 1)
    assert states(beats, SILENT_MS + 1)["utama"] == ("lit", False)


def test_one_that_lives_and_shows_nothing_is_dark_and_told_only_when_it_lasts():
    for nothing in ({"grafana": False}, {"loaded_s": None}):
        beats = Beats(["utama"], began_mono_ms=0)
        beats.take("utama", beat(), now_ms=NOW_MS, mono_ms=0)
        seen = []
        for minute in (1, 2, 3):
            beats.take("utama", beat(**nothing), now_ms=NOW_MS, mono_ms=minute * MINUTE_MS)
            seen.append(states(beats, minute * MINUTE_MS)["utama"])
        assert seen == [("dark", False), ("dark", False), ("dark", True)], nothing
