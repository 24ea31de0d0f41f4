"""The one HTTP code path to InfluxDB: ``POST /write`` and InfluxQL on ``/query``, which 1.x, 2.x and 3 Core serve.

Timestamps are nanoseconds everywhere, which is the default of all of them, so no precision is ever named: 1.6 takes
``us`` without a word and stores the numbers as nanoseconds.
"""

from __future__ import annotations

import base64
import gzip
import json
import logging
import urllib.parse
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx
import msgspec

from hub.series.errors import BadLines, NoDatabase, SeriesError, TooLarge, Unavailable
from hub.series.post import Poster

log = logging.getLogger(__name__)

AuthMode = Literal["none", "basic", "token", "bearer"]

_CONNECTIONS = 8
"""Two posts in flight, and the queries of pages beside them."""


@dataclass(frozen=True)
class InfluxConfig:
    """Where InfluxDB is and how to enter. ``secret`` is the password or token.

    Attributes:
        auth: ``none``; ``basic`` for 1.x with users, for 2.x with a v1 password and for 3 with a token as password;
            ``token`` for 2.x and 3; ``bearer`` for 3.
        gzip: compress what is written; pays on a network, not on one machine.
        shard: what one file of the database holds (``4w``), where it is we who make it; empty: as the server likes.
    """

    url: str
    database: str = "siaga"
    auth: AuthMode = "none"
    user: str = ""
    secret: str = field(default="", repr=False)
    timeout_s: float = 10.0
    gzip: bool = False
    shard: str = ""


class Influx:
    """An InfluxDB database over HTTP.

    Use as ``async with Influx(config) as influx``. Every method raises Unavailable (retryable) where there is no
    answer or none of use.
    """

    def __init__(self, config: InfluxConfig) -> None:
        self.config = config
        self.version = ""
        """As the server tells it; "" before the first answer."""
        self._client: httpx.AsyncClient | None = None
        self._poster: Poster | None = None
        self._write_path = "/write?" + urllib.parse.urlencode({"db": config.database})

    async def __aenter__(self) -> Influx:
        self._client = httpx.AsyncClient(
            base_url=self.config.url,
            headers=_headers(self.config),
            timeout=self.config.timeout_s,
            limits=httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS),
            follow_redirects=False,
            trust_env=False,
        )
        self._poster = Poster(self.config.url, _headers(self.config), self.config.timeout_s)
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None
        if self._poster is not None:
            self._poster.close()
            self._poster = None

    async def write(self, lines: Sequence[bytes]) -> None:
        """Write lines, all of them or none that is known of: after an error any of them may be stored.

        Idempotent: the same series and time again overwrite themselves.

        Raises:
            BadLines, TooLarge, NoDatabase, Unavailable: see there.
        """
        body = b"\n".join(lines)
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        if self.config.gzip:
            body = gzip.compress(body, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
        if self._poster is None:
            raise _not_open()
        try:
            answer = await self._poster.post(self._write_path, headers, body)
        except (OSError, TimeoutError) as error:
            raise self._no_answer(error) from error
        self.version = answer.headers.get("x-influxdb-version", self.version)
        if answer.status != httpx.codes.NO_CONTENT:
            raise _refusal(answer.status, answer.headers, answer.content)

    async def query(self, q: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The rows of an InfluxQL query, tags and columns by name, ``time`` in ms UTC. Bind with ``$name``.

        Raises:
            SeriesError: the query is wrong.
            NoDatabase, Unavailable: see there.
        """
        form = {"q": q, "epoch": "ms", "params": json.dumps(dict(params or {}))}
        answer = await self._ask("POST", "/query", params=self._database, data=form)
        if answer.status_code != httpx.codes.OK:
            error = _refusal(answer.status_code, answer.headers, answer.content)
            if isinstance(error, BadLines):
                raise SeriesError(f"query refused: {error.message}", "see the query in the log of InfluxDB")
            raise error
        return _rows(answer)

    async def stream(
        self, q: str, params: Mapping[str, Any] | None = None, *, rows_at_once: int
    ) -> AsyncIterator[dict[str, Any]]:
        """The series of an InfluxQL query as they come: ``name``, ``tags``, ``columns``, ``values``; a long one in
        several parts. Times in nanoseconds. Bind with ``$name``.

        Raises:
            SeriesError: the query is wrong.
            NoDatabase, Unavailable: see there.
        """
        if self._client is None:
            raise _not_open()
        form = {"q": q, "epoch": "ns", "chunked": "true", "chunk_size": str(rows_at_once)}
        if params:
            form["params"] = json.dumps(dict(params))
        try:
            async with self._client.stream("POST", "/query", params=self._database, data=form) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise _refusal(answer.status_code, answer.headers, await answer.aread())
                async for line in answer.aiter_lines():
                    if line:
                        for series in _series(line):
                            yield series
        except httpx.HTTPError as error:
            raise self._no_answer(error) from error

    async def create_database(self) -> None:
        """Make the database where it is not there. Idempotent. Only 1.x can: on 2.x a bucket is made by setting up.

        Raises:
            SeriesError: the server does not do it.
        """
        name = self.config.database.replace("\\", "\\\\").replace('"', '\\"')
        shard = f" WITH SHARD DURATION {self.config.shard}" if self.config.shard else ""
        answer = await self._ask("POST", "/query", data={"q": f'CREATE DATABASE "{name}"{shard}'})
        if answer.status_code != httpx.codes.OK:
            raise _refusal(answer.status_code, answer.headers, answer.content)
        _rows(answer)
        log.info("influx_database_created database=%s", self.config.database)

    async def ping(self) -> bool:
        """Whether it answers."""
        try:
            answer = await self._ask("GET", "/ping")
        except Unavailable:
            return False
        return answer.is_success

    @property
    def _database(self) -> dict[str, str]:
        return {"db": self.config.database}

    async def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        if self._client is None:
            raise _not_open()
        try:
            answer = await self._client.request(method, path, **request)
        except httpx.HTTPError as error:
            raise self._no_answer(error) from error
        self.version = answer.headers.get("X-Influxdb-Version", self.version)
        return answer

    def _no_answer(self, error: Exception) -> Unavailable:
        message = f"no answer from {self.config.url}: {type(error).__name__} {error}".rstrip()
        return Unavailable(message, "see whether InfluxDB runs", answered=False)


def _not_open() -> Unavailable:
    return Unavailable("the connection to InfluxDB is not open", "enter the Influx first")


def _headers(config: InfluxConfig) -> dict[str, str]:
    if config.auth == "basic":
        login = base64.b64encode(f"{config.user}:{config.secret}".encode()).decode()
        return {"Authorization": f"Basic {login}"}
    words = {"token": "Token", "bearer": "Bearer"}
    return {"Authorization": f"{words[config.auth]} {config.secret}"} if config.auth in words else {}


def _refusal(status: int, headers: Mapping[str, str], content: bytes) -> SeriesError:
    """What an answer that is no success means."""
    reason = _reason(headers, content)
    said = f"{status} {reason or content[:200].decode(errors='replace')}".strip()
    if status == 413:
        return TooLarge(said)
    if status == 404:
        return NoDatabase(said)
    if status in (400, 422):
        # A proxy or another server at that address also answers 400, and that says nothing about a line.
        if reason:
            return BadLines(said)
        return Unavailable(said, "this is no answer of InfluxDB: check its url")
    if status in (401, 403):
        return Unavailable(
            said, "check user, password or token of InfluxDB, and on 2.x the mapping of the database"
        )
    return Unavailable(said, "see the log of InfluxDB")


def _reason(headers: Mapping[str, str], content: bytes) -> str:
    """InfluxDB's own words: 1.x ``error``, 2.x and 3 ``message`` or ``error``; "" where it did not say any."""
    try:
        said = json.loads(content)
    except ValueError:
        return headers.get("x-influxdb-error", "")
    if not isinstance(said, dict):
        return ""
    return str(said.get("error") or said.get("message") or "")


def _rows(answer: httpx.Response) -> list[dict[str, Any]]:
    """The rows of all series of all results.

    Raises:
        SeriesError: the answer says an error in a success, as InfluxQL does.
    """
    found: list[dict[str, Any]] = []
    for series in _series(answer.content):
        tags = series.get("tags", {})
        found += [
            {**tags, **dict(zip(series["columns"], row, strict=True))} for row in series.get("values", ())
        ]
    return found


def _series(content: str | bytes) -> Iterator[dict[str, Any]]:
    """The series of an answer, or of a part of one.

    Raises:
        SeriesError: it says an error in a success, as InfluxQL does.
    """
    try:
        results = msgspec.json.decode(content)["results"]
    except (ValueError, KeyError, TypeError) as error:
        raise Unavailable("an answer that is not InfluxDB's", "check its url") from error
    for result in results:
        if "error" in result:
            said = str(result["error"])
            raise NoDatabase(said) if "database not found" in said else SeriesError(said)
        yield from result.get("series", ())
