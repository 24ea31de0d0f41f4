"""A version that was to be replaced by now says so."""

import pytest

from contract import upgrade
from contract.upgrade import Manifest, Wheel
from edge.version import left_behind_ms
from tests.edge.upgrade.test_bundle import DAY, NOW

MANIFEST = Manifest(
    version="0.2.0",
    from_version="0.1.0",
    machine="aarch64",
    python="3.11",
    made_ms=NOW,
    expires_ms=NOW + 30 * DAY,
    wheels=(Wheel("siaga-0.2.0-py3-none-any.whl", 1, "0" * 64),),
)


@pytest.mark.parametrize(
    ("now_ms", "late_ms"), [(NOW, None), (NOW + 30 * DAY, None), (NOW + 32 * DAY, 2 * DAY)]
)
def test_a_version_that_was_to_be_replaced_says_so(tmp_path, now_ms, late_ms):
    (tmp_path / "manifest.json").write_bytes(upgrade.encode(MANIFEST))
    assert left_behind_ms(now_ms, str(tmp_path)) == late_ms


def test_one_that_was_installed_by_hand_has_no_age(tmp_path):
    assert left_behind_ms(NOW, str(tmp_path)) is None
    (tmp_path / "manifest.json").write_text("{}")
    assert left_behind_ms(NOW, str(tmp_path)) is None
