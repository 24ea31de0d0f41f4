"""The few endpoints of Grafana's HTTP API that are used, and what its refusals mean."""

from __future__ import annotations

import json
import ssl
from typing import Any, Protocol
from urllib.parse import urlsplit

from grafana.errors import ConflictError, FailedError, GrafanaError, LoginRefusedError
from hub.outbound import Outbound, OutboundError, Response

TIMEOUT_S = 15.0
MOST_BYTES = 4 * 1024 * 1024
"""Of an answer: a dashboard comes back whole."""

NO_RULE = "could not find alert rule"
"""With these words Grafana 9.3.2 answers 500 of an alert rule that is not there; newer ones answer 404."""


class Api(Protocol):
    """Grafana, as pushing needs it."""

    async def get(self, path: str) -> Any:
        """The answer; None where there is no such thing."""

    async def send(self, method: str, path: str, content: Any) -> Any:
        """Change something; the answer."""


class Grafana:
    """A Grafana over HTTP. Use as ``async with``.

    Args:
        url: its address, with the path below which it is served, if any.
        login: value of the header Authorization.
    """

    def __init__(self, url: str, login: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {
            "Authorization": login,
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        self._outbound = outbound_to(url)

    async def __aenter__(self) -> Grafana:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._outbound.aclose()

    async def get(self, path: str) -> Any:
        """The answer; None where there is no such thing.

        Raises:
            GrafanaError: see there; no other.
        """
        return await self._ask("GET", path, None)

    async def send(self, method: str, path: str, content: Any) -> Any:
        """Change something; the answer.

        Raises:
            GrafanaError: see there; no other.
        """
        found = await self._ask(method, path, content)
        if found is None:
            raise GrafanaError(f"{method} {path}: Grafana has no such place", "is this Grafana 10 or newer?")
        return found

    async def _ask(self, method: str, path: str, content: Any) -> Any:
        body = b"" if content is None else json.dumps(content).encode()
        try:
            answer = await self._outbound.send(method, self._url + path, content=body, headers=self._headers)
        except OutboundError as error:
            raise FailedError(
                f"Grafana at {self._url}: {error}", "does it run, and is [grafana] url right?"
            ) from error
        return understood(method, path, answer)


def outbound_to(url: str) -> Outbound:
    """A way to that one host, private or not: the address is the administrator's own."""
    place = urlsplit(url)
    port = place.port or (443 if place.scheme == "https" else 80)
    # Without TLS nobody is verified, and reading the machine's authorities would take longer than a request.
    verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if place.scheme == "http" else None
    allowed = (f"{place.hostname}:{port}",)
    return Outbound((), allow_private=allowed, timeout_s=TIMEOUT_S, most_bytes=MOST_BYTES, verify=verify)


def understood(method: str, path: str, answer: Response) -> Any:
    """What an answer says; None where there is no such thing.

    Raises:
        LoginRefusedError, ConflictError, FailedError, GrafanaError: see there.
    """
    said = f"{method} {path}: {answer.status} {_words(answer)}".rstrip()
    if answer.status == 404 or (answer.status == 500 and _words(answer) == NO_RULE):
        return None
    if answer.status in (401, 403):
        raise LoginRefusedError(
            said, "a token of a service account with the role Admin belongs into token_file"
        )
    if answer.status in (409, 412):
        raise ConflictError(said, "somebody else has it, or has changed it meanwhile: look, then push again")
    if answer.status >= 500:
        raise FailedError(said, "see Grafana's log; what was pushed before stays")
    if answer.status >= 300:
        raise GrafanaError(said, "see Grafana's log")
    try:
        return json.loads(answer.body) if answer.body else {}
    except ValueError as error:
        raise GrafanaError(
            f"{method} {path}: an answer that is not Grafana's", "is [grafana] url right?"
        ) from error


def _words(answer: Response) -> str:
    try:
        said = json.loads(answer.body)
    except ValueError:
        return ""
    return str(said.get("message", ""))[:200] if isinstance(said, dict) else ""
