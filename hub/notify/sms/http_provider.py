"""A provider of SMS by HTTP: JSON with a bearer token, through the hub's one door to the outside.

    POST <url>   {"to": "+62812…", "text": "…", "id": "<idempotency key>"}      -> {"id": "<the provider's name of it>"}
    GET  <url>                                                        -> {"messages": [{"id", "from", "text"}, …]}
    POST <url>   {"received": "<id>"}                                 lets go of one that came in
    POST <url>   {"fates": ["<id>", …]}            -> {"fates": {"<id>": "delivered" or "failed"}}, those that are known

Providers differ; one whose form is another gets a few lines of a proxy beside it, which also keeps its account off the
hub.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from hub.notify.sms.gateway import Fate, SmsError, SmsUnavailableError, Text
from hub.outbound import Outbound, OutboundError, Response


class HttpProvider:
    """One account at a provider."""

    def __init__(self, url: str, token: str, outbound: Outbound) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._outbound = outbound

    async def send(self, number: str, text: str, *, key: str) -> str:
        """One POST; the provider takes a key once."""
        answer = await self._post({"to": number, "text": text, "id": key})
        return str(answer.get("id", key))

    async def received(self) -> Sequence[Text]:
        """What has come in."""
        try:
            answer = _judged(await self._outbound.get(self._url, self._headers))
        except OutboundError as error:
            raise _unsent(error) from error
        messages = answer.get("messages", [])
        if not isinstance(messages, list):
            raise SmsUnavailableError("the provider's list is none")
        return [Text(str(one["id"]), str(one["from"]), str(one["text"])) for one in messages if _whole(one)]

    async def let_go(self, ref: str) -> None:
        """Tell the provider that it is on record here."""
        await self._post({"received": ref})

    async def fates(self, refs: Collection[str]) -> Mapping[str, Fate]:
        """What the provider says that the networks say."""
        said = (await self._post({"fates": sorted(refs)})).get("fates")
        if not isinstance(said, dict):
            return {}
        return {ref: Fate(said[ref], "provider") for ref in refs if said.get(ref) in ("delivered", "failed")}

    async def _post(self, content: dict[str, str | list[str]]) -> dict[str, Any]:
        try:
            body = json.dumps(content, ensure_ascii=False).encode()
            return _judged(await self._outbound.post(self._url, content=body, headers=self._headers))
        except OutboundError as error:
            raise _unsent(error) from error


def _whole(one: object) -> bool:
    return isinstance(one, dict) and {"id", "from", "text"} <= one.keys()


def _unsent(error: OutboundError) -> SmsError:
    return SmsUnavailableError(str(error)) if error.retryable else SmsError(str(error))


def _judged(response: Response) -> dict[str, Any]:
    if 400 <= response.status < 500 and response.status not in (408, 429):
        raise SmsError(f"HTTP {response.status}")
    if not 200 <= response.status < 300:
        raise SmsUnavailableError(f"HTTP {response.status}")
    try:
        answer = json.loads(response.body or b"{}")
    except ValueError as error:
        raise SmsUnavailableError("the provider's answer is no JSON") from error
    return answer if isinstance(answer, dict) else {}
