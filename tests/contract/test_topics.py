"""Topics: every well-formed one round-trips, everything else raises the one error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import topics
from contract.errors import TopicError

GATEWAYS = st.from_regex(r"[a-z0-9][a-z0-9-]{2,47}", fullmatch=True)
LEAVES = st.sampled_from(topics.UP_LEAVES + topics.DOWN_LEAVES)


@given(st.integers(0, 63), GATEWAYS, LEAVES)
def test_topic_round_trips(cell, gateway, leaf):
    parsed = topics.parse(topics.topic(cell, gateway, leaf))
    assert parsed == (cell, gateway, leaf)
    assert topics.parse(str(parsed)) == parsed


@given(st.text())
def test_any_text_parses_or_raises_topic_error(text):
    try:
        parsed = topics.parse(text)
    except TopicError:
        return
    assert str(parsed) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("siaga/2/00/gw-one/up/beat", "version"),
        ("siaga/1/64/gw-one/up/beat", "cell"),
        ("siaga/1/1/gw-one/up/beat", "cell"),
        ("siaga/1/٠١/gw-one/up/beat", "cell"),
        ("siaga/1/01/GW/up/beat", "gateway"),
        ("siaga/1/01/gw-one\n/up/beat", "gateway"),
        ("siaga/1/01/+/up/beat", "gateway"),
        ("siaga/1/01/gw-one/up", "leaf"),
        ("siaga/1/01/gw-one/up/#", "leaf"),
        ("other/1/01/gw-one/up/beat", "topic"),
        ("siaga/1/01/gw-one", "topic"),
    ],
)
def test_a_malformed_topic_says_what_is_wrong(text, reason):
    with pytest.raises(TopicError) as caught:
        topics.parse(text)
    assert caught.value.reason == reason


def test_lane_of_a_topic():
    assert topics.parse("siaga/1/07/gw-one/up/panic").lane == "panic"
    assert topics.parse("siaga/1/07/gw-one/up/beat").lane is None


def test_the_two_hub_connections_share_no_topic_and_miss_none():
    control, telemetry = topics.hub_filters(telemetry=False), topics.hub_filters(telemetry=True)
    leaves = {text.split("/", 4)[4] for text in control + telemetry}
    assert leaves == set(topics.UP_LEAVES)
    assert not set(control) & set(telemetry)


@pytest.mark.parametrize("leaf", ["up/secret", "", "down"])
def test_an_unknown_leaf_cannot_be_built(leaf):
    with pytest.raises(TopicError):
        topics.topic(0, "gw-one", leaf)
