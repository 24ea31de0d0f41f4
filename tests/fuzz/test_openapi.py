"""Every route of the OpenAPI document, tried by the document: no request is answered by a failure of ours."""

import asyncio

import pytest

from tests.fuzz.openapi import try_all
from tests.fuzz.web import UNLIMITED
from tests.hub.api.conftest import opened

EXAMPLES = 1
SEED = 7


@pytest.fixture
def hub(tmp_path):
    with opened(tmp_path, rates=UNLIMITED) as hub:
        yield hub


@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def test_no_request_of_the_document_s_making_is_answered_by_a_failure(hub, loop):
    tried = list(try_all(hub, loop, examples=EXAMPLES, seed=SEED))
    assert [(one.route, one.fault) for one in tried if one.fault] == []
    assert len(tried) == sum(len(ways) for ways in hub.app.openapi()["paths"].values()) - 1
    answers = sum((one.answers for one in tried), start=type(tried[0].answers)())
    assert answers.total() > 80
    assert answers[200] > 15, "the requests are sound"
    assert answers[422] > 15, "and unsound"
    guesses = {
        "POST /api/login",
        "POST /api/setup",
        "POST /api/activate",
        "POST /api/me/password",
        "POST /api/me/factor",
    }
    signed = {
        "POST /api/hooks/{channel}",
        "POST /api/second-path",
        "POST /api/pictures",
        "POST /api/v1/presses",
        "POST /api/v1/walls",
    }
    kept_out = {one.route for one in tried if {401, 403} & one.answers.keys()}
    assert kept_out <= guesses | signed, "the tries do not come in"


def test_a_failure_is_found(hub, loop, monkeypatch):
    def broken(conn):
        raise RuntimeError

    monkeypatch.setattr("hub.api.people.users.listed", broken)
    (found,) = try_all(hub, loop, examples=1, seed=SEED, only="GET /api/users")
    assert "RuntimeError" in found.fault or "500" in found.fault
