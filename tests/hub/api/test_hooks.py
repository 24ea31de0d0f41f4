"""Webhooks that come in: believed when the channel has signed them just now, once, and never else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.api import audit
from hub.inbound import Signed, UnsignedError, check
from hub.incidents.service import Incidents
from hub.notify.channels.webhook import sign
from tests.hub.city import NOW, REGION, press

KEY = b"rahasia-bersama-piket"
NONCE = "2f0c6ab2b6b14c22a8d1e6f4"


@pytest.fixture
async def notice(hub):
    """A press whose notice went to the duty desk's channel; its key."""
    hub.services.hooks["desk-hook"] = KEY
    await hub.write(lambda conn: Incidents(REGION).panic(conn, press()))
    async with hub.login("siti", "operator") as siti:
        (incident,) = (await siti.get("/api/incidents")).json()["incidents"]
        (found,) = (await siti.get("/api/notices")).json()["notices"]
        yield found["key"], incident["id"]


def signed(body, *, key=KEY, nonce=NONCE, at_s=NOW // 1000, over=None):
    timestamp = str(at_s)
    return {
        "X-Siaga-Timestamp": timestamp,
        "X-Siaga-Nonce": nonce,
        "X-Siaga-Signature": sign(key, f"{timestamp}.{nonce}", body if over is None else over),
    }


def of(key, **more):
    return json.dumps({"key": key, "who": "Bripka Sari", **more}).encode()


async def tell(hub, body, headers, channel="desk-hook"):
    async with hub.client() as stranger:
        return await stranger.post(f"/api/hooks/{channel}", content=body, headers=headers)


async def test_a_person_at_the_receiver_has_seen_it(hub, notice):
    key, incident = notice
    answer = await tell(hub, of(key, note="regu 2"), signed(of(key, note="regu 2")))
    assert (answer.status_code, answer.json()) == (200, {"incident": incident})
    async with hub.login("siti2", "operator") as siti:
        entries = (await siti.get(f"/api/incidents/{incident}")).json()["timeline"]
    assert (entries[-1]["actor"], entries[-1]["note"]) == (
        "channel:desk-hook",
        "Dilihat / seen: Bripka Sari. regu 2",
    )
    newest, *_ = [row for row in await hub.read(audit.listed) if row["action"] == "incident.note"]
    assert (newest["actor"], newest["subject"]) == ("channel:desk-hook", incident)


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": b"another secret of theirs"},
        {"over": b"{}"},
        {"at_s": NOW // 1000 - 301},
        {"at_s": NOW // 1000 + 301},
        {"nonce": "short"},
        {"nonce": "n" * 65},
        {"at_s": "12x"},
        {"at_s": -1},
    ],
)
async def test_what_is_not_signed_now_by_the_channel_does_nothing(hub, notice, wrong):
    key, _ = notice
    before = await hub.read(audit.head)
    answer = await tell(hub, of(key), signed(of(key), **wrong))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "unsigned")
    assert await hub.read(audit.head) == before


@pytest.mark.parametrize("at_s", [NOW // 1000 - 300, NOW // 1000 + 300])
async def test_five_minutes_are_still_now(hub, notice, at_s):
    key, _ = notice
    assert (await tell(hub, of(key), signed(of(key), at_s=at_s))).status_code == 200


async def test_the_same_message_does_nothing_a_second_time(hub, notice):
    key, _ = notice
    headers = signed(of(key))
    assert (await tell(hub, of(key), headers)).status_code == 200
    before = await hub.read(audit.head)
    assert (await tell(hub, of(key), headers)).json()["error"]["code"] == "unsigned"
    hub.services.clock.at_ms += 290_000
    assert (await tell(hub, of(key), headers)).json()["error"]["code"] == "unsigned"
    assert await hub.read(audit.head) == before
    assert (await tell(hub, of(key), signed(of(key), nonce="another-" + NONCE))).status_code == 200


async def test_a_channel_that_is_not_there_and_one_without_a_secret_answer_alike(hub, notice):
    key, _ = notice
    answers = [
        await tell(hub, of(key), signed(of(key)), channel=name) for name in ("nobody", "..", "desk-hook%00")
    ]
    assert {answer.status_code for answer in answers} <= {403, 404}
    assert answers[0].json()["error"]["code"] == "unsigned"


async def test_a_channel_tells_of_its_own_notices_only(hub, notice):
    key, _ = notice
    hub.services.hooks["another"] = KEY
    before = await hub.read(audit.head)
    assert (await tell(hub, of(key), signed(of(key)), channel="another")).status_code == 404
    assert (await tell(hub, of("panic/x/desk-hook"), signed(of("panic/x/desk-hook")))).status_code == 404
    assert await hub.read(audit.head) == before


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b'{"key": 1, "who": []}', b"[" * 5000])
async def test_a_signed_body_of_another_form_is_said_to_be_so(hub, notice, body):
    answer = await tell(hub, body, signed(body))
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")


@given(st.text(max_size=20), st.text(max_size=70), st.text(max_size=80), st.binary(max_size=50))
def test_any_words_are_refused_and_nothing_else_happens(timestamp, nonce, signature, body):
    with pytest.raises(UnsignedError):
        check(Signed("desk-hook", timestamp, nonce, signature, body), {"desk-hook": KEY}, now_ms=NOW)
