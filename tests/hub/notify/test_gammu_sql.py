"""gammu-smsd's tables, in SQLite and in PostgreSQL: long texts there and back, each once, and what networks report."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.notify.sms.gammu_sql import PARTS_S, GammuSql
from hub.notify.sms.gateway import Fate, SmsError
from hub.notify.sms.parts import GSM, MOST_PARTS, UNICODE, Place, place, split
from tests.hub.notify.smsd_tables import Smsd

TO = "+6281210000001"


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/smsd.db"


@pytest.fixture
def smsd(url):
    found = Smsd(url)
    yield found
    found.engine.dispose()


@pytest.fixture
def gateway(url, smsd):
    return GammuSql(url)


async def test_a_short_text_is_one_row_that_asks_for_a_report(gateway, smsd):
    await gateway.send(TO, "Insiden 12: YA 4821", key="k")
    (row,) = smsd.rows(smsd.outbox)
    assert (row.DestinationNumber, row.TextDecoded, row.UDH) == (TO, "Insiden 12: YA 4821", "")
    assert (row.Coding, row.DeliveryReport, row.MultiPart) == (GSM, "yes", smsd.no)


@pytest.mark.parametrize(
    ("text", "coding", "room"), [("panjang " * 50, GSM, 153), ("Ngāti 川 " * 20, UNICODE, 67)]
)
async def test_a_long_text_is_a_row_for_each_part_in_its_coding(gateway, smsd, text, coding, room):
    await gateway.send(TO, text, key="k")
    parts = smsd.parts()
    assert "".join(part for *_, part in parts) == text
    assert [len(part) for *_, part in parts[:-1]] == [room] * (len(parts) - 1)
    places = [place(udh, alone=0) for _, udh, _ in parts]
    assert {its for its, _ in places} == {Place(parts[0][1][6:8], len(parts))}
    assert [position for _, position in places] == list(range(1, len(parts) + 1))
    assert {row.Coding for row in (*smsd.rows(smsd.outbox), *smsd.rows(smsd.multipart))} == {coding}


@pytest.mark.real
async def test_the_same_in_postgresql(postgres):
    url = postgres.create_database()
    smsd, gateway = Smsd(url), GammuSql(url)
    ref = await gateway.send(TO, "Ngāti 川 " * 20, key="k")
    assert "".join(part for *_, part in smsd.parts()) == "Ngāti 川 " * 20
    assert await gateway.fates([ref]) == {}
    smsd.sends("DeliveryOK")
    assert await gateway.fates([ref]) == {ref: Fate("delivered", "DeliveryOK")}
    assert await gateway.send(TO, "Ngāti 川 " * 20, key="k") == ref
    smsd.arrives(TO, "4821 regu 2", udh="050003D30202")
    assert await gateway.received() == []
    smsd.arrives(TO, "YA ", udh="050003D30201")
    (text,) = await gateway.received()
    assert (text.sender, text.text) == (TO, "YA 4821 regu 2")
    await gateway.let_go(text.ref)
    assert await gateway.received() == []
    assert {row.Processed for row in smsd.rows(smsd.inbox)} == {True}
    smsd.engine.dispose()


async def test_a_key_is_sent_once_wherever_the_daemon_has_its_text(gateway, smsd):
    first = await gateway.send(TO, "x", key="k")
    assert await gateway.send(TO, "x", key="k") == first
    assert len(smsd.parts()) == 1
    smsd.sends("SendingOK")
    assert await gateway.send(TO, "x", key="k") == first
    assert smsd.parts() == []
    assert await gateway.send(TO, "x", key="other") != first
    assert len(smsd.parts()) == 1


async def test_a_long_text_that_came_in_is_joined_in_its_order(gateway, smsd):
    smsd.arrives(TO, "4821 regu 2", udh="050003D30202")
    assert await gateway.received() == []
    smsd.arrives("+62899", "lain", udh="")
    smsd.arrives(TO, "YA ", udh="050003D30201")
    assert [(one.sender, one.text) for one in await gateway.received()] == [
        (TO, "YA 4821 regu 2"),
        ("+62899", "lain"),
    ]
    for one in await gateway.received():
        await gateway.let_go(one.ref)
    assert await gateway.received() == []
    assert {row.Processed for row in smsd.rows(smsd.inbox)} == {smsd.yes}


async def test_a_part_that_never_comes_does_not_keep_the_others_unread(url, smsd):
    now = [1000.0]
    gateway = GammuSql(url, monotonic=lambda: now[0])
    smsd.arrives(TO, "YA 4821 ", udh="06080400D30201")
    assert await gateway.received() == []
    now[0] += PARTS_S - 1
    assert await gateway.received() == []
    now[0] += 1
    (text,) = await gateway.received()
    assert text.text == "YA 4821"


async def test_what_the_network_answers_to_codes_is_no_text(gateway, smsd):
    smsd.arrives("*888#", "Pulsa Rp 5.000", sms_class=127)
    smsd.arrives(TO, "YA 4821", sms_class=0)
    assert [one.text for one in await gateway.received()] == ["YA 4821"]


@pytest.mark.parametrize(
    ("statuses", "fate"),
    [
        (["SendingOK"], None),
        (["SendingOKNoReport"], None),
        (["DeliveryPending"], None),
        (["DeliveryUnknown"], None),
        (["DeliveryOK"], "delivered"),
        (["DeliveryOK", "SendingOK"], None),
        (["SendingOK", "DeliveryFailed"], "failed"),
        (["DeliveryFailed"], "failed"),
        (["SendingError"], "failed"),
        (["Error"], "failed"),
    ],
)
async def test_what_each_status_proves(gateway, smsd, statuses, fate):
    """Of a text of two parts both must have arrived, and one that failed is enough."""
    ref = await gateway.send(TO, "a" * 200, key="k")
    assert await gateway.fates([ref]) == {}
    smsd.sends(*statuses)
    found = await gateway.fates([ref, "of another gateway", "9/1/siaga-0", "1/1/siaga-0"])
    assert {name: one.what for name, one in found.items()} == ({} if fate is None else {ref: fate})


async def test_a_new_database_s_text_of_the_same_number_is_another(gateway, smsd):
    ref = await gateway.send(TO, "x", key="k")
    smsd.sends("DeliveryOK")
    assert await gateway.fates([ref]) == {ref: Fate("delivered", "DeliveryOK")}
    assert await gateway.fates([ref.rpartition("/")[0] + "/siaga-0123456789abcdef"]) == {}


@given(st.text(max_size=400), st.integers(0, 255))
def test_parts_fit_and_give_the_text_again(text, reference):
    coding, parts = split(text, reference=reference)
    assert "".join(part for _, part in parts) == text
    for number, (udh, part) in enumerate(parts, start=1):
        room = 140 - len(udh) // 2
        needed = len(part) * 7 / 8 if coding == GSM else 2 * sum(1 + (ord(char) > 0xFFFF) for char in part)
        assert needed <= room
        its, position = place(udh, alone=7)
        assert (its.parts, position) == (len(parts), number)


@pytest.mark.parametrize("udh", [None, "", "0500", "050003D302", "06050415811581", "zz0003D30201"])
def test_what_is_no_header_of_a_part_is_a_text_by_itself(udh):
    assert place(udh, alone=7) == (Place("alone 7", 1), 1)


def test_a_text_of_too_many_parts_is_refused():
    assert len(split("a" * 153 * MOST_PARTS, reference=1)[1]) == MOST_PARTS
    with pytest.raises(SmsError):
        split("a" * (153 * MOST_PARTS + 1), reference=1)
