"""The real hub is killed by -9 at every named place of every rung of every ladder: two rounds, exhausted, answered.

Each step happens once, and nobody is asked the same thing twice within the time of ``machine.AGAIN_MS``, while whoever
was asked longer ago is asked again. It takes minutes, so it runs where SIAGA_KILLS asks for at least that many kills.
"""

from __future__ import annotations

import os
from functools import partial

import pytest

from hub.escalation.machine import LADDERS
from hub.failpoints import FAILPOINTS
from tests.hub.escalation.ordeal import AGENCY, WAIT_S, Ordeal, ordeal

LEAST_KILLS = 100

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        int(os.environ.get("SIAGA_KILLS", "0")) < LEAST_KILLS,
        reason=f"takes minutes; SIAGA_KILLS={LEAST_KILLS} or more asks for it",
    ),
]


def killed_everywhere(one: Ordeal) -> str:
    """What is to be said of it, when the hub was killed at every failpoint there is."""
    assert set(one.kills) == set(FAILPOINTS)
    each = ", ".join(f"{name} {one.kills[name]}" for name in FAILPOINTS)
    return f"{one.ladder}: hub killed {one.kills.total()} times, no step lost or double: {each}"


async def test_that_somebody_sees_it(broker, tmp_path, measured):
    async with ordeal(tmp_path, broker, "acknowledge") as one:
        await one.begin(one.press)
        await one.climb_all()
        await one.answer(one.see)
        assert one.levels() == [*LADDERS["acknowledge"]] * 2
        assert one.told() == [(1, 0, "piket-supervisor"), (1, 0, "piket-head"), (1, 1, "piket-head")]
        measured(killed_everywhere(one))


async def test_that_somebody_decides(broker, tmp_path, measured):
    async with ordeal(tmp_path, broker, "acknowledge") as one:
        await one.alive(one.press, one.until_asked)
        one.leave(WAIT_S)
        await one.nothing_kept("escalation.answered", one.see)
        one.ladder = "decide"
        await one.begin(one.see)
        await one.climb_all()
        await one.alive(partial(one.take, "verify"))
        assert one.standing().state == "exhausted", "that it is true says not yet who goes"
        await one.answer(partial(one.take, "assign", AGENCY))
        assert one.levels() == [*LADDERS["decide"]] * 2
        assert one.told() == [(1, 0, "piket-supervisor"), (1, 0, "piket-head"), (1, 1, "piket-head")]
        measured(killed_everywhere(one))


async def test_that_an_agency_answers(broker, tmp_path, measured):
    async with ordeal(tmp_path, broker, "decide") as one:
        assign = partial(one.take, "assign", AGENCY)
        await one.alive(one.press, one.see, partial(one.take, "verify"), one.until_asked)
        one.leave(WAIT_S)
        await one.nothing_kept("escalation.answered", assign)
        one.ladder = "agency"
        await one.begin(assign)
        await one.climb_all()
        await one.answer(partial(one.say, "first", "received"))
        # Who has said yes and then cannot: the question begins anew with whoever is next.
        await one.killed_at("escalation.due", partial(one.say, "first", "cannot"))
        assert one.standing()[:4] == ("waiting", 2, 0, 1)
        await one.climb()
        received = partial(one.say, "second", "received")
        # Without an agency somebody had to decide anew: that question is answered first.
        one.leave(WAIT_S)
        await one.nothing_kept("escalation.answered:2", received)
        await one.answer(received)
        assert one.levels() == [*LADDERS["agency"] * 2, "second"]
        everybody = [(1, 0, f"{AGENCY}-{level}") for level in LADDERS["agency"]]
        assert one.told() == [*everybody, (1, 1, f"{AGENCY}-head"), (2, 0, f"{AGENCY}-second")]
        measured(killed_everywhere(one))
