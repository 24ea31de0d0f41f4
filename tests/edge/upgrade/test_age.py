"""A version that was to be replaced by now says so."""

import asyncio
from random import SystemRandom

import pytest

from contract import upgrade
from contract.codec import decode_body
from contract.upgrade import Manifest, Wheel
from edge.app import EdgeApp
from edge.clock import SystemClock
from edge.config import load
from edge.version import left_behind_ms
from tests.edge.timeless import timeless
from tests.edge.upgrade.test_bundle import DAY, NOW

GATEWAY_TOML = """
[gateway]
id = "pos-duga-01"
cell = 7
site = "bendung-hulu"
[broker]
host = "127.0.0.1"
ca_file = "ca.pem"
cert_file = "gateway.pem"
key_file = "gateway.pem"
[spool]
telemetry_mb = 1.0
event_mb = 0.5
panic_mb = 0.5
"""

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


@timeless
async def test_a_gateway_that_was_left_behind_tells_the_hub_each_day(tmp_path, monkeypatch):
    config = tmp_path / "gateway.toml"
    config.write_text(GATEWAY_TOML)
    app = EdgeApp(load(config), clock=SystemClock(), random=SystemRandom())
    app.spool.open("boot-1", 1)
    monkeypatch.setattr("edge.app.AGE_LOOK_S", 0.01)
    monkeypatch.setattr("edge.app.left_behind_ms", lambda now_ms: 2 * DAY)
    telling = asyncio.create_task(app._tell_age())
    try:
        for _ in range(500):
            await asyncio.sleep(0.01)
            if app.card.next_event_row() >= 3:
                break
        told = decode_body(app.card.event_body(2))
        assert (told.kind, told.data["days"]) == ("software_left_behind", 2)
        monkeypatch.setattr("edge.app.left_behind_ms", lambda now_ms: None)
        await asyncio.sleep(0.03)
        last = app.card.next_event_row()
        await asyncio.sleep(0.05)
        assert app.card.next_event_row() == last, "a newer one says nothing"
    finally:
        telling.cancel()
        app.spool.close()
