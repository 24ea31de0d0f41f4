"""A claim's line says where, by what word, and whom to trust; nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.claim import Claim, ClaimError, new_token, parse

FINGERPRINT = "5e" * 32
URL = "https://hub.kota.example:8443"


def test_a_claim_is_read_as_it_was_written():
    claim = Claim(URL, new_token(), FINGERPRINT)
    assert parse(claim.text()) == claim
    shouted = f"  {URL}/#t={claim.token.upper()}&f={FINGERPRINT.upper()}\n"
    assert parse(shouted) == claim, "as a person may type it"
    assert claim.text().partition("#")[0] == URL + "/", "the token stays out of requests and logs"
    assert claim.token not in repr(claim)


def test_tokens_have_128_bits_and_never_repeat():
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert {len(token) for token in tokens} == {26}  # 26 × 5 bits hold 128


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://hub.kota.example/",
        f"http://hub.kota.example/#t={'a' * 26}&f={FINGERPRINT}",
        f"{URL}/#t={'a' * 25}&f={FINGERPRINT}",
        f"{URL}/#t={'a' * 25}1&f={FINGERPRINT}",
        f"{URL}/#t={'a' * 26}&f={FINGERPRINT[:-1]}",
        f"{URL}/#t={'a' * 26}",
        f"{URL}/path#t={'a' * 26}&f={FINGERPRINT}",
        f"https://[/#t={'a' * 26}&f={FINGERPRINT}",
    ],
)
def test_what_is_no_claim_is_refused_with_a_hint(text):
    with pytest.raises(ClaimError) as refused:
        parse(text)
    assert refused.value.hint


@given(st.text(max_size=200) | st.text(max_size=60).map(lambda t: f"{URL}/#t={t}&f={FINGERPRINT}"))
def test_any_text_is_a_claim_or_refused(text):
    try:
        claim = parse(text)
    except ClaimError:
        return
    assert parse(claim.text()) == claim
