"""A press in one text: the same press to the byte, in 160 letters that every network carries, or nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import press_text
from contract.codec import encode_body
from contract.errors import ContractError, DecodeError
from contract.messages import EventBody
from contract.press_text import SIGNATURE_BYTES, decode, encode, say, tag

BODIES = st.builds(
    lambda event_id, device, initial: EventBody(
        id=event_id, kind="panic_press", device=device, data={"initial": initial}
    ),
    st.binary(min_size=16, max_size=16).map(bytes.hex),
    st.text(min_size=1, max_size=64),
    st.booleans(),
)


@given(BODIES, st.none() | st.integers(1_000, 2**52), st.binary(min_size=64, max_size=64))
def test_what_is_read_is_what_was_said_to_the_byte(body, t_ms, signature):
    raw = encode_body(body)
    said, device = say("gw-rsud-contoh", raw, t_ms)
    text = encode(said.said, signature)
    assert len(text) <= 160
    assert set(text) <= set(" -_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
    found = decode(text)
    assert (found.body(device), found.signature) == (raw, signature)
    assert (found.gateway_tag, found.device_tag) == (tag("gw-rsud-contoh"), tag(body.device))
    if t_ms is None or t_ms < 1000 * 2**40:
        assert found.t_s == (None if t_ms is None else t_ms // 1000)
    assert found.to_sign("gw-rsud-contoh", device) == said.to_sign("gw-rsud-contoh", device)
    assert found.to_sign("gw-rsud-contoh", device + "2") != said.to_sign("gw-rsud-contoh", device)
    assert found.to_sign("gw-rsud-2", device) != said.to_sign("gw-rsud-contoh", device)


@pytest.mark.parametrize(
    "body",
    [
        EventBody(id="a" * 32, kind="panic_press", device="tombol-1"),
        EventBody(id="a" * 32, kind="panic_press", device="tombol-1", data={"initial": False, "more": 1}),
        EventBody(id="a" * 32, kind="door_edge", device="tombol-1", data={"initial": False}),
    ],
)
def test_what_a_text_cannot_say_is_not_said_wrong(body):
    with pytest.raises(ContractError, match="cannot say"):
        say("gw-rsud-contoh", encode_body(body), 1)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: encode(data, b"")))
def test_any_text_is_a_press_or_the_one_error(text):
    try:
        found = decode(text)
    except DecodeError:
        return
    assert len(found.said) == press_text.SAID_BYTES
    assert len(found.signature) == SIGNATURE_BYTES
