"""The doctor's judgement and the words of what waits: each trouble has its line, and a box that is well has none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.visit import waiting
from edge.visit.doctor import DAY_MS, Facts, examine
from edge.visit.facts import throttled

NOW_MS = 1_790_000_000_000


def lane(waiting=0, age_ms=None, lost=0, untimed=0):
    return {
        "waiting": waiting,
        "bytes": 100 * waiting,
        "oldest_age_ms": age_ms,
        "refused": 0,
        "lost": lost,
        "untimed": untimed,
    }


def status(**changed):
    well = {
        "software": "0.1.0",
        "connected": True,
        "reached": True,
        "flow": "open",
        "refused_version": "",
        "undecodable": 0,
        "trouble": "",
        "lanes": {"panic": lane(), "event": lane(), "telemetry": lane(3, 200)},
        "lost_untold": 0,
        "devices": [
            {
                "device": "pos",
                "kind": "river_post",
                "down": False,
                "age_ms": 900,
                "reason": "",
                "text": "",
                "hint": "",
            }
        ],
    }
    return well | changed


WELL = Facts(
    now_ms=NOW_MS,
    status=status(),
    certificate="/var/lib/siaga/tls/gateway.pem",
    certificate_ends_ms=NOW_MS + 60 * DAY_MS,
    key_is_private=True,
    clock_synced=True,
    disk_free_bytes=4_000_000_000,
    cpu_c=51.0,
    under_voltage=False,
    throttled=False,
    broker="",
    ports=(("/dev/ttyUSB0", ""),),
)

DOWN = {
    "device": "pos",
    "kind": "river_post",
    "down": True,
    "age_ms": None,
    "reason": "no_answer",
    "text": "unit 12 did not answer",
    "hint": "look at its power",
}


def test_nothing_is_wrong_with_a_box_that_is_well():
    assert {finding.level for finding in examine(WELL)} == {"good"}


@pytest.mark.parametrize(
    ("changed", "level", "subject", "advice"),
    [
        ({"status": None}, "bad", "gerbang / gateway", "journalctl -u siaga-edge"),
        ({"certificate_ends_ms": None}, "bad", "sertifikat / certificate", "enrol"),
        ({"certificate_ends_ms": NOW_MS - DAY_MS}, "bad", "sertifikat / certificate", "clock"),
        ({"certificate_ends_ms": NOW_MS + 19 * DAY_MS}, "look", "sertifikat / certificate", "[enrolment]"),
        ({"key_is_private": False}, "bad", "kunci / key", "chmod 600"),
        ({"clock_synced": False}, "look", "jam / clock", "time server"),
        ({"disk_free_bytes": 1_000_000}, "look", "kartu / card", "vacuum"),
        ({"cpu_c": 83.0}, "look", "suhu / temperature", "air"),
        ({"under_voltage": True}, "bad", "catu daya / supply", "supply"),
        ({"throttled": True}, "look", "papan / board", "cooling"),
        ({"ports": (("/dev/ttyUSB0", "tidak ada / is not there"),)}, "bad", "/dev/ttyUSB0", "scan serial"),
        (
            {"status": status(reached=False, connected=False), "broker": "hub:8883: refused"},
            "bad",
            "broker",
            "cable",
        ),
        ({"status": status(reached=False)}, "bad", "broker", "does the hub run"),
        (
            {"status": status(reached=False, connected=False, trouble="bad certificate")},
            "bad",
            "broker",
            "dates",
        ),
        ({"status": status(devices=[DOWN])}, "bad", "pos", "look at its power"),
        ({"status": status(lanes={"panic": lane(1, 5)})}, "look", "jalur / lane panic", "on its way"),
        (
            {"status": status(lanes={"telemetry": lane(9, 700_000)})},
            "look",
            "jalur / lane telemetry",
            "on its way",
        ),
        ({"status": status(lanes={"telemetry": lane(lost=7)})}, "look", "jalur / lane telemetry", "larger"),
    ],
)
def test_each_trouble_has_its_line_with_what_to_do(changed, level, subject, advice):
    [found] = [finding for finding in examine(replace(WELL, **changed)) if finding.level != "good"]
    assert (found.level, found.subject) == (level, subject)
    assert advice in found.advice


def test_a_value_that_cannot_be_read_is_no_trouble():
    """As on a machine that is no Raspberry Pi."""
    unknown = replace(WELL, cpu_c=None, under_voltage=None, throttled=None, disk_free_bytes=None)
    assert {finding.level for finding in examine(unknown)} == {"good"}


@pytest.mark.parametrize(
    ("said", "slow"),
    [
        ("throttled=0x0", False),
        ("throttled=0x50005", True),
        ("throttled=0x10001", False),  # the voltage only
        ("throttled=0x20000", True),
        ("", None),
        ("Can't open device file: /dev/vcio", None),
    ],
)
def test_the_firmwares_word_of_being_slowed_down(said, slow):
    assert throttled(said) is slow


@pytest.mark.parametrize(
    ("changed", "running", "words"),
    [
        ({}, False, "does not run"),
        ({"connected": False, "trouble": "OSError: no route"}, True, "no route"),
        ({"refused_version": "1: update"}, True, "1: update"),
        ({"reached": False}, True, "has not greeted"),
        ({"flow": "hold"}, True, "InfluxDB"),
        ({"undecodable": 1}, True, "cannot read"),
        ({}, True, "on its way"),
    ],
)
def test_why_samples_wait(changed, running, words):
    assert words in waiting.why(status(**changed), "telemetry", running=running)


def test_what_waits_for_a_time_says_so_and_an_empty_lane_says_nothing():
    lanes = {"panic": lane(), "telemetry": lane(4, 100, untimed=4)}
    assert "time is not known" in waiting.why(status(lanes=lanes), "telemetry", running=True)
    assert waiting.why(status(lanes=lanes), "panic", running=True) == ""
    # Presses do not wait for InfluxDB.
    assert "InfluxDB" not in waiting.why(
        status(flow="hold", lanes={"panic": lane(1, 1)}), "panic", running=True
    )


@pytest.mark.parametrize(
    ("age_ms", "text"),
    [
        (900, "0 s"),
        (59_999, "59 s"),
        (61_000, "1 min 1 s"),
        (3_660_000, "1 h 1 min"),
        (90_000_000, "1 d 1 h"),
    ],
)
def test_ages_are_told_in_two_units(age_ms, text):
    assert waiting.age_text(age_ms) == text
