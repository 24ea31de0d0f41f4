"""Programs that are known by a token."""

import pytest

from hub.api.bearer import name_of

KNOWN = {"warga": "a" * 32, "lapor": "b" * 32}


def test_a_program_is_known_by_its_token():
    assert name_of("b" * 32, KNOWN) == "lapor"


@pytest.mark.parametrize("token", ["", "a" * 31, "a" * 33, "c" * 32, "é"])
def test_nobody_is_known_by_another(token):
    assert name_of(token, KNOWN) is None


def test_a_program_without_a_token_is_nobody():
    assert name_of("", {"kosong": ""}) is None
