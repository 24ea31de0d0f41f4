"""The API's server: whose address a request has, behind a proxy and without one."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI, Request

from hub.config import ApiSection
from hub.web import Web


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
