"""The one outbound HTTP function: where it goes, and everywhere that it does not."""

import asyncio
import ssl

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.outbound import ForbiddenError, Outbound, TooLargeError, UnreachableError, is_public
from provisioning.ca import Authority
from tests.hub.notify.receiver import receiving

PUBLIC = "93.184.216.34"


class Names:
    """A resolver that answers from a script, and remembers what it was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    async def __call__(self, host, port):
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Wire(httpx.AsyncBaseTransport):
    """No network: remembers where each request would have gone."""

    def __init__(self, status=200, headers=None):
        self.requests = []
        self.status, self.headers = status, headers or {}

    async def handle_async_request(self, request):
        self.requests.append(request)
        return httpx.Response(self.status, headers=self.headers, stream=httpx.ByteStream(b"ok"))


async def post(outbound, url):
    try:
        return await outbound.post(url, content=b"{}", headers={"X-A": "b"})
    finally:
        await outbound.aclose()


async def test_a_request_goes_to_the_judged_address_under_the_host_s_name():
    names, wire = Names([PUBLIC], ["127.0.0.1"]), Wire()
    outbound = Outbound(["dinas.example"], resolve=names, transport=wire)
    answer = await post(outbound, "https://dinas.example/hook?a=1")
    (request,) = wire.requests
    assert answer.status == 200
    assert request.url.host == PUBLIC
    assert request.headers["host"] == "dinas.example"
    assert request.extensions["sni_hostname"] == "dinas.example"
    assert request.url.raw_path == b"/hook?a=1"


async def test_a_name_that_turns_private_is_refused_and_is_looked_up_once_a_request():
    """DNS rebinding: what was judged is what is connected to, and the next request is judged anew."""
    names, wire = Names([PUBLIC], ["10.0.0.7"]), Wire()
    outbound = Outbound(["dinas.example"], resolve=names, transport=wire)
    await outbound.post("https://dinas.example/", content=b"", headers={})
    assert len(names.asked) == 1
    with pytest.raises(ForbiddenError) as caught:
        await outbound.post("https://dinas.example/", content=b"", headers={})
    assert caught.value.retryable, "a resolver that lied for a moment must not lose a notice for good"
    assert [request.url.host for request in wire.requests] == [PUBLIC]
    await outbound.aclose()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
        "fec0::1",
        "3fff::1",
        "5f00::1",
        "192.0.0.8",
        "192.88.99.1",
        "2002:7f00:1::1",
        "::",
    ],
)
async def test_no_private_address_whatever_its_form(address):
    wire = Wire()
    outbound = Outbound(["dinas.example"], resolve=Names([PUBLIC, address]), transport=wire)
    with pytest.raises(ForbiddenError):
        await post(outbound, "https://dinas.example/")
    assert wire.requests == []


@pytest.mark.parametrize(
    "address", [PUBLIC, "2606:2800:220:1:248:1893:25c8:1946", "8.8.8.8", "64:ff9b::808:808", "192.0.1.1"]
)
def test_public_addresses_are_public(address):
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_in_ipv6_clothes_is_judged_as_what_it_is(address):
    if not is_public(str(address)):
        for clothes in ("::ffff:", "::", "::ffff:0:", "64:ff9b::", "64:ff9b:1::"):
            assert not is_public(f"{clothes}{address}")


@pytest.mark.parametrize(
    "url",
    [
        "https://lain.example/",
        "https://dinas.example:8443/",
        "http://dinas.example/",
        "https://dinas.example.jahat.example/",
        "https://jahat.example/dinas.example",
        "https://user:pw@dinas.example/",
        "https://dinas.example@jahat.example/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://2130706433/",
        "ftp://dinas.example/",
        "file:///etc/passwd",
        "//dinas.example/",
        "",
        "https://",
        "https://dinas.example\r\nX: y/",
    ],
)
async def test_only_what_is_on_the_list(url):
    wire = Wire()
    outbound = Outbound(["dinas.example"], resolve=Names([PUBLIC]), transport=wire)
    with pytest.raises(ForbiddenError):
        await post(outbound, url)
    assert wire.requests == []


@pytest.mark.parametrize("url", ["https://dinas.example/a", "https://DINAS.example:443/a"])
async def test_what_is_on_the_list_is_on_it(url):
    wire = Wire()
    await post(Outbound(["dinas.example"], resolve=Names([PUBLIC]), transport=wire), url)
    assert len(wire.requests) == 1


async def test_a_private_receiver_is_reached_where_it_is_listed():
    async with receiving() as receiver:
        answer = await post(Outbound([], allow_private=[receiver.place]), receiver.url)
        assert (answer.status, answer.body) == (200, b"xx")
        assert receiver.received[0].headers["x-a"] == "b"


async def test_the_same_receiver_is_not_reached_where_it_is_only_allowed():
    async with receiving() as receiver:
        with pytest.raises(ForbiddenError):
            await post(Outbound([receiver.place]), receiver.url)
        assert receiver.received == []


async def test_a_redirect_to_a_private_address_is_an_answer_and_is_not_followed():
    async with receiving() as inner, receiving((302, {"location": inner.url})) as outer:
        outbound = Outbound([], allow_private=[outer.place, inner.place])
        answer = await post(outbound, outer.url)
        assert answer.status == 302
        assert inner.received == []


@pytest.mark.parametrize("status", [200, 204, 404, 500, 503])
async def test_every_status_is_an_answer(status):
    async with receiving(status) as receiver:
        outbound = Outbound([], allow_private=[receiver.place])
        assert (await post(outbound, receiver.url)).status == status


@pytest.mark.parametrize("what", ["hang", "drip", "cut"])
async def test_no_whole_answer_in_time_is_no_answer(what):
    async with receiving(what) as receiver:
        with pytest.raises(UnreachableError) as caught:
            await post(Outbound([], allow_private=[receiver.place], timeout_s=0.3), receiver.url)
        assert caught.value.retryable


async def test_a_hanging_lookup_is_within_the_time_too():
    async def never(host, port):
        await asyncio.sleep(60)

    with pytest.raises(UnreachableError):
        await post(Outbound(["dinas.example"], resolve=never, timeout_s=0.1), "https://dinas.example/")


async def test_an_answer_that_is_too_large_is_not_read():
    async with receiving("huge") as receiver:
        outbound = Outbound([], allow_private=[receiver.place], most_bytes=1000)
        with pytest.raises(TooLargeError) as caught:
            await post(outbound, receiver.url)
        assert caught.value.status == 200


async def test_nobody_there():
    async with receiving() as receiver:
        pass
    with pytest.raises(UnreachableError):
        await post(Outbound([], allow_private=[receiver.place]), receiver.url)


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch):
    async with receiving() as proxy, receiving() as receiver:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        await post(Outbound([], allow_private=[receiver.place]), receiver.url)
        assert (len(proxy.received), len(receiver.received)) == (0, 1)


@pytest.mark.parametrize(("certified", "trusted"), [("dinas.example", True), ("lain.example", False)])
async def test_the_certificate_is_judged_by_the_host_s_name_though_the_address_is_pinned(
    tmp_path, certified, trusted
):
    authority = Authority.create(tmp_path / "ca", name="test")
    identity = authority.server("server", [certified])
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(identity.certificate, identity.key)
    async with receiving(tls=served) as receiver:
        outbound = Outbound(
            [],
            allow_private=[f"dinas.example:{receiver.port}"],
            resolve=Names(["127.0.0.1"]),
            verify=ssl.create_default_context(cafile=str(authority.certificate)),
        )
        asking = post(outbound, f"https://dinas.example:{receiver.port}/")
        if trusted:
            assert (await asking).status == 200
            assert receiver.received[0].headers["host"] == f"dinas.example:{receiver.port}"
        else:
            with pytest.raises(UnreachableError):
                await asking
