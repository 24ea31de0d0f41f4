"""Notices to brokers of others: what arrives, what proves what, and where the hub does not go."""

import json
import queue
import ssl

import pytest
from sqlalchemy import select

from hub.clock import SystemClock
from hub.notify.channels.build import ChannelSpec, build
from hub.notify.channels.by_mqtt import Broker, MqttChannel
from hub.notify.channels.mqtt_session import Login
from hub.notify.tables import deliveries, facts
from hub.outbound import ForbiddenError, Outbound, UnreachableError
from provisioning.ca import Authority
from tests.hub.notify.outside_broker import CLOSED, TOPIC, OutsideBroker, server_tls, talking
from tests.hub.notify.test_channels import MESSAGE
from tests.hub.notify.test_outbox import notice
from tests.hub.notify.test_worker import all_are, put, until, working

PATIENT_S = 20.0


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    broker = OutsideBroker(tmp_path_factory.mktemp("outside"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority.create(tmp_path_factory.mktemp("authority") / "ca", name="an agency")


def channel(url, ca, *, allow=None, timeout_s=PATIENT_S, **more):
    place = url.removeprefix("mqtts://")
    outbound = Outbound([], allow_private=[place if allow is None else allow], timeout_s=timeout_s)
    return MqttChannel(Broker(**{"url": url, "topic": TOPIC, "ca": str(ca.certificate), **more}), outbound)


def by_password(outside, **more):
    login = Login(outside.user, outside.password)
    return channel(f"mqtts://127.0.0.1:{outside.port}", outside.authority, **{"login": login, **more})


def nothing_more(got):
    with pytest.raises(queue.Empty):
        got.get_nowait()


@pytest.mark.real
async def test_a_real_broker_s_subscriber_gets_the_notice_and_sent_is_all_that_is_proven(outside):
    with outside.subscriber() as got:
        answer = await by_password(outside).send(MESSAGE)
        assert (answer.outcome, answer.proves, answer.detail) == ("delivered", "sent", "")
        content = json.loads(got.get(timeout=20))
        assert (content["key"], content["text"]) == (MESSAGE.key, MESSAGE.text)
    # Nothing is kept for who comes later, and the broker says that nobody was there.
    assert (await by_password(outside).send(MESSAGE)).detail == "nobody subscribes there"
    with outside.subscriber() as got:
        nothing_more(got)


@pytest.mark.real
async def test_a_real_broker_knows_the_hub_by_its_certificate(outside):
    url, its = f"mqtts://127.0.0.1:{outside.certified_port}", outside.client
    shown = {"certificate": str(its.certificate), "key": str(its.key)}
    assert (await channel(url, outside.authority, **shown).send(MESSAGE)).outcome == "delivered"
    assert (await channel(url, outside.authority).send(MESSAGE)).outcome == "failed"


@pytest.mark.real
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"login": Login("siaga", "wrong")}, "Not authorized"),
        ({"login": Login()}, "Not authorized"),
        ({"topic": CLOSED}, "Not authorized"),
    ],
)
async def test_what_a_real_broker_refuses_is_refused_for_good_and_reaches_nobody(outside, change, why):
    with outside.subscriber() as got:
        answer = await by_password(outside, **change).send(MESSAGE)
        assert (answer.outcome, why in answer.detail) == ("refused", True), answer
        assert "wrong" not in answer.detail
        nothing_more(got)


async def test_a_broker_of_another_authority_or_name_is_told_nothing(authority, tmp_path):
    stranger = Authority.create(tmp_path / "ca", name="somebody")
    for server in (server_tls(stranger), server_tls(authority, "another.example")):
        async with talking(server) as broker:
            answer = await channel(broker.url, authority).send(MESSAGE)
            assert (answer.outcome, "CERTIFICATE_VERIFY_FAILED" in answer.detail) == ("failed", True)
            assert broker.payloads == []
    async with talking(server_tls(authority)) as broker:
        assert (await channel(broker.url, authority).send(MESSAGE)).outcome == "delivered"


async def test_the_system_s_authorities_are_those_of_a_channel_that_names_none(authority):
    async with talking(server_tls(authority)) as broker:
        outbound = Outbound([], allow_private=[broker.place], timeout_s=PATIENT_S)
        answer = await MqttChannel(Broker(url=broker.url, topic=TOPIC), outbound).send(MESSAGE)
        assert (answer.outcome, "CERTIFICATE_VERIFY_FAILED" in answer.detail) == ("failed", True)
        assert broker.payloads == []


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (0x00, "delivered"),
        (0x10, "delivered"),
        (0x80, "failed"),
        (0x83, "failed"),
        (0x87, "refused"),
        (0x90, "refused"),
        (0x97, "failed"),
        (0x99, "refused"),
        (-0x84, "refused"),
        (-0x86, "refused"),
        (-0x88, "failed"),
        (-0x89, "failed"),
        (-0x9F, "failed"),
        ("cut", "failed"),
    ],
)
async def test_what_each_answer_of_a_broker_means(authority, script, outcome):
    async with talking(server_tls(authority), script) as broker:
        assert (await channel(broker.url, authority).send(MESSAGE)).outcome == outcome


@pytest.mark.parametrize("silent", ["deaf", "hang"])
async def test_a_broker_that_is_silent_has_not_taken_it(authority, silent):
    async with talking(server_tls(authority), silent) as broker:
        answer = await channel(broker.url, authority, timeout_s=0.3).send(MESSAGE)
        assert answer.outcome == "failed"


@pytest.mark.parametrize(
    "allow", ["127.0.0.1:1", "another.example:8883"], ids=["another port", "another host"]
)
async def test_a_broker_that_is_not_on_the_list_is_not_even_connected_to(authority, allow):
    async with talking(server_tls(authority)) as broker:
        assert (await channel(broker.url, authority, allow=allow).send(MESSAGE)).outcome == "refused"
        # On the list, but not as one that may be private.
        outbound = Outbound([broker.place])
        refused = await MqttChannel(Broker(url=broker.url, topic=TOPIC), outbound).send(MESSAGE)
        assert (refused.outcome, "private" in refused.detail) == ("failed", True)
        assert broker.connections == 0


async def test_a_broker_is_connected_to_where_its_name_was_judged_and_as_that_name(authority):
    """One lookup for each notice: a name that turns private in between leads nowhere."""
    asked = []

    async def resolve(host, port):
        asked.append((host, port))
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2", "10.0.0.7"]

    async with talking(server_tls(authority, "broker.example")) as broker:
        place = f"broker.example:{broker.port}"
        its = Broker(url=f"mqtts://{place}", topic=TOPIC, ca=str(authority.certificate))
        private = Outbound([], allow_private=[place], resolve=resolve, timeout_s=PATIENT_S)
        assert (await MqttChannel(its, private).send(MESSAGE)).outcome == "delivered"
        assert asked == [("broker.example", broker.port)]
        public = Outbound([place], resolve=resolve, timeout_s=PATIENT_S)
        assert (await MqttChannel(its, public).send(MESSAGE)).outcome == "failed"
        assert (len(asked), broker.connections) == (2, 1)


@pytest.mark.parametrize(
    "url", ["mqtt://127.0.0.1:1", "http://127.0.0.1:1", "mqtts://a:b@127.0.0.1:1", "mqtts://"]
)
async def test_only_tls_and_no_login_in_the_address(url):
    with pytest.raises(ForbiddenError):
        await Outbound([], allow_private=["127.0.0.1:1"]).dial(url, ssl.create_default_context())


async def test_http_does_not_go_to_a_broker_s_address():
    outbound = Outbound(["broker.example:8883"])
    with pytest.raises(ForbiddenError):
        await outbound.get("mqtts://broker.example")
    await outbound.aclose()


async def test_nobody_who_listens_is_worth_another_attempt(authority):
    async with talking(server_tls(authority)) as broker:
        gone = broker
    outbound = Outbound([], allow_private=[gone.place])
    with pytest.raises(UnreachableError):
        await outbound.dial(gone.url, ssl.create_default_context())
    assert (await channel(gone.url, authority).send(MESSAGE)).outcome == "failed"


async def test_a_broker_that_dies_before_its_puback_gets_the_notice_again_under_its_key(authority, db):
    async with talking(server_tls(authority), "cut", "cut") as broker:
        async with working(db, a=channel(broker.url, authority)) as worker:
            await put(db, worker, notice())
            await until(all_are(db, "sent"), timeout_s=60)
        contents = [json.loads(one) for one in broker.payloads]
        assert [(one["key"], one["attempt"]) for one in contents] == [("n/a", 1), ("n/a", 2), ("n/a", 3)]
    rows = select(deliveries.c.outcome).order_by(deliveries.c.attempt)
    assert await db.read(lambda conn: conn.execute(rows).scalars().all()) == ["failed", "failed", "delivered"]
    proven = select(facts.c.fact).where(facts.c.outbox_key == "n/a")
    assert await db.read(lambda conn: conn.execute(proven).scalars().all()) == ["sent"]


async def test_a_channel_is_built_with_its_password_from_its_file_and_shows_it_nowhere(authority, tmp_path):
    spec = ChannelSpec("a", "mqtt", "mqtts://127.0.0.1:1", "rahasia sekali", topic=TOPIC, user="siaga")
    (made,) = build([spec], Outbound([]), SystemClock()).values()
    assert isinstance(made, MqttChannel)
    assert made._broker.login == Login("siaga", "rahasia sekali")
    assert "rahasia" not in repr(spec) + repr(made._broker)
