"""Requests that schemathesis makes from the hub's own OpenAPI document, sound and unsound ones, to every route."""

from __future__ import annotations

import asyncio
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from hub.api.access import cookie_name
from tests.fuzz.web import Asker, Headers, Member
from tests.hub.api.conftest import HOST, Hub

ENDLESS = {"/api/stream"}
"""Streams do not end; their own tests read them."""


@dataclass(slots=True)
class Tried:
    """What came of the requests to one route."""

    route: str
    answers: Counter[int] = field(default_factory=Counter)
    fault: str = ""

    @property
    def inputs(self) -> int:
        """How many requests were made."""
        return self.answers.total() + bool(self.fault)


def try_all(
    hub: Hub, loop: asyncio.AbstractEventLoop, *, examples: int, seed: int, only: str = ""
) -> Iterator[Tried]:
    """Try every route of the document, or one, with so many sound and so many unsound requests."""
    loop.run_until_complete(hub.add_user("siti", "viewer"))
    asker = Asker(hub.app, loop)
    renew = Member(hub, cookie_name(hub.services).encode()).again(loop)
    schema = schemathesis.openapi.from_dict(hub.app.openapi())
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        if operation.path in ENDLESS or only not in ("", operation.label):
            continue
        tried = Tried(operation.label)
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            if not tried.fault:
                _try(operation, mode, asker, renew, tried, examples=examples, seed=seed)
        yield tried


def _try(
    operation: Any,
    mode: GenerationMode,
    asker: Asker,
    renew: Callable[[], Headers],
    tried: Tried,
    *,
    examples: int,
    seed: int,
) -> None:
    strategy = operation.as_strategy(generation_mode=mode)
    member = renew()

    @seeded(seed)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def attempt(case: Any) -> None:
        nonlocal member
        status = _ask(asker, case, member)
        if status == requests.codes.unauthorized:
            member = renew()
            status = _ask(asker, case, member)
        tried.answers[status] += 1

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            attempt()
    except Exception as error:
        # A route to which nothing unsound can be said has no such requests.
        if type(error).__name__ not in ("Unsatisfiable", "SkipTest"):
            tried.fault = f"{mode.value}: {type(error).__name__}: {error}"[:300]


def _ask(asker: Asker, case: Any, member: Headers) -> int:
    """The status of the answer to a case."""
    made = requests.Request(**case.as_transport_kwargs(base_url=f"https://{HOST}")).prepare()
    path, _, query = made.path_url.partition("?")
    headers = {
        name.lower().encode("latin-1", "replace"): str(value).encode("latin-1", "replace")
        for name, value in made.headers.items()
    }
    body = made.body or b""
    return asker.ask(
        str(made.method),
        unquote_to_bytes(path).decode("utf-8", "replace"),
        headers={**headers, **member},
        query=query.encode("ascii", "replace"),
        body=body.encode() if isinstance(body, str) else body,
    )
