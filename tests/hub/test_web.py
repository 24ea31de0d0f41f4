"""The API's server: whose address a request has, behind a proxy and without one."""

import asyncio
import ssl
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request

from hub.config import ApiSection
from hub.web import Web
from provisioning.ca import Authority


@pytest.mark.parametrize(
    ("proxy_tls", "said", "address"),
    [
        (True, "203.0.113.9", "203.0.113.9"),
        (True, "198.51.100.1, 203.0.113.9", "203.0.113.9"),  # the first is the stranger's own word
        (True, None, "127.0.0.1"),
        (False, "203.0.113.9", "127.0.0.1"),
    ],
)
async def test_only_a_proxy_on_this_machine_says_for_whom_it_asks(proxy_tls, said, address):
    app = FastAPI()

    @app.get("/")
    async def whose(request: Request) -> str:
        assert request.client is not None
        return request.client.host

    web = Web(ApiSection(port=0, proxy_tls=proxy_tls))
    running = asyncio.create_task(web.run(app))
    try:
        async with httpx.AsyncClient(base_url=web.url, trust_env=False) as client:
            headers = {} if said is None else {"X-Forwarded-For": said}
            assert (await client.get("/", headers=headers)).json() == address
    finally:
        web.stop()
        await running
        web.close()


async def test_with_a_certificate_the_api_speaks_tls_1_2_and_nothing_older_or_plain(tmp_path: Path):
    identity = Authority.create(tmp_path / "ca", name="Kota Contoh").server("hub", ["127.0.0.1"])
    app = FastAPI()
    app.add_api_route("/", lambda: "baik")
    web = Web(ApiSection(port=0, certificate=str(identity.certificate), key=str(identity.key)))
    running = asyncio.create_task(web.run(app))

    async def ask(url: str, newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED) -> str:
        context = ssl.create_default_context(cafile=identity.authority)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, newest
        async with httpx.AsyncClient(verify=context, trust_env=False) as client:
            return str((await client.get(url)).json())

    try:
        assert web.url.startswith("https://")
        assert await ask(web.url, ssl.TLSVersion.TLSv1_2) == "baik"
        with pytest.raises(httpx.HTTPError):
            await ask(web.url, ssl.TLSVersion.TLSv1_1)
        with pytest.raises(httpx.HTTPError):
            await ask(web.url.replace("https", "http"))
    finally:
        web.stop()
        await running
        web.close()
