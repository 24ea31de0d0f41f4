"""A short campaign against every parser of outside bytes, from a fixed seed; and that the fuzzer sees what is wrong."""

import json
from itertools import pairwise

import pytest

from tests.fuzz import parsers, web
from tests.fuzz.campaign import Target, run
from tests.fuzz.mutation import MOST, Mutator

INPUTS = 160
SEED = 20260101


def judged(targets):
    """The counts of a short campaign, having seen that every target takes something and refuses something."""
    counts = []
    for target in targets:
        sound = [one for one in target.seeds if takes(target, one)]
        assert bool(sound) != target.only_refuses, f"{target.name} takes none of its sound inputs"
        count = run(target, max(4, INPUTS // target.cost), SEED)
        assert count.faults == [], target.name
        assert count.inputs == count.taken + count.refused
        counts.append(count)
        target.close()
    return counts


def takes(target, data):
    try:
        target.feed(data)
    except target.refusals:
        return False
    return True


def test_no_bytes_hurt_a_parser(tmp_path):
    counts = judged(parsers.targets(tmp_path))
    assert len(counts) > 35
    assert sum(count.inputs for count in counts) > 4_000
    assert sum(count.refused for count in counts) > 1_500


def test_no_bytes_hurt_a_server(tmp_path):
    counts = judged(web.targets(tmp_path))
    assert {count.target for count in counts} >= {"HTTP: session cookies", "HTTP: enrolment (EST)"}


# The fuzzer itself


def careless(data):
    """Fails for an input of which there are few."""
    said = json.loads(data)
    return said["n"] + 1


@pytest.mark.parametrize(
    ("feed", "what"),
    [
        (careless, "TypeError"),
        (lambda data: data.decode(), "UnicodeDecodeError"),
        (lambda data: data[data.index(b"}")], "ValueError"),
        (lambda data: 1 / (len(data) - 300), ""),
    ],
)
def test_a_parser_that_fails_is_found(feed, what):
    count = run(Target("careless", feed, [b'{"n":1}'], (json.JSONDecodeError, KeyError)), 2000, SEED)
    assert any(what in fault.what for fault in count.faults) == bool(what)
    for fault in count.faults:
        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever it was
            feed(fault.data)


def test_a_parser_that_takes_too_long_is_found():
    count = run(Target("slow", lambda data: sorted(data * 50), [b"x" * 50]), 20, SEED, slow_s=0.0)
    assert "took" in count.faults[0].what


def test_one_seed_is_one_campaign_and_another_another():
    def inputs(seed):
        mutator = Mutator([b'{"a":12}', b"[1,2]"], seed)
        return [mutator.next() for _ in range(300)]

    assert inputs(1) == inputs(1)
    assert inputs(1) != inputs(2)
    assert len(set(inputs(1))) > 200
    assert max(map(len, inputs(3))) <= MOST
    assert any(one != other for one, other in pairwise(inputs(1)))


HURT = [
    ("claim", b"https://hub.contoh.example/#" + b"t=1&" * 9),
    ("upgrade manifest", b'{"format":1,"version":"\x80"}'),
    ("trust list", b"\xff\xfe"),
]
"""What the fuzzer has found."""


@pytest.mark.parametrize(("name", "data"), HURT)
def test_what_hurt_once_is_refused(tmp_path, name, data):
    (target,) = (one for one in parsers.targets(tmp_path) if one.name == name)
    with pytest.raises(target.refusals):
        target.feed(data)
