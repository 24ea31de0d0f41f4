"""The outbox in SQL: written once, held and released by people, no notice lost whatever crashes."""

from functools import partial
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from hub import life
from hub.alarms import service as alarms
from hub.notify import attempts
from hub.notify import outbox as box
from hub.notify.channels.base import Answer
from hub.notify.outbox import Notice, OutboxError, enqueue
from hub.notify.policy import Priority, Retry
from hub.notify.tables import deliveries, outbox
from tests.hub.city import NOW
from tests.hub.empty_tables import fresh

RETRY = Retry()


def notice(key="n", channels=("a",), **changes):
    return Notice(
        **{
            "key": key,
            "desk": "bpbd",
            "channels": channels,
            "kind": "panic",
            "subject": "x",
            "title": "t",
            "text": "t",
            "priority": Priority.HIGH,
            **changes,
        }
    )


def states(conn):
    return dict(map(tuple, conn.execute(select(outbox.c.key, outbox.c.state).order_by(outbox.c.key))))


def outcomes(conn, key="n/a"):
    rows = select(deliveries.c.outcome).where(deliveries.c.outbox_key == key).order_by(deliveries.c.attempt)
    return list(conn.execute(rows).scalars())


def attempt(conn, answer, now_ms=NOW):
    """Take what is due and answer it all the same."""
    taken = attempts.take(conn, lambda lane: 10, now_ms=now_ms)
    for message in taken.messages:
        attempts.finish(conn, message, answer, now_ms=now_ms, retry=RETRY, random=Random(1))
    return taken.messages


def test_a_notice_is_there_once_by_its_key(conn):
    assert enqueue(conn, notice(), now_ms=NOW) is True
    assert enqueue(conn, notice(title="other"), now_ms=NOW + 1) is False
    assert states(conn) == {"n/a": "waiting"}


@pytest.mark.parametrize("back_ms", [1, 600_000, 86_400_000])
def test_a_clock_that_was_set_back_holds_nothing_that_waits(conn, back_ms):
    enqueue(conn, notice(), now_ms=NOW)
    assert [message.key for message in attempt(conn, Answer("failed"), NOW - back_ms)] == ["n/a"]


def test_a_clock_that_was_set_back_holds_no_attempt_for_longer_than_its_pause(conn):
    enqueue(conn, notice(), now_ms=NOW)
    attempt(conn, Answer("failed"))
    assert attempt(conn, Answer("failed"), NOW - 1) == ()
    assert len(attempt(conn, Answer("delivered"), NOW - 86_400_000)) == 1
    assert states(conn) == {"n/a": "sent"}


def test_what_somebody_outside_says_of_a_failure_can_be_put_on_record(conn):
    enqueue(conn, notice(), now_ms=NOW)
    attempt(conn, Answer("refused", detail="no \0 such \ud800 chat"))
    assert states(conn) == {"n/a": "given_up"}
    (row,) = conn.execute(select(deliveries.c.detail)).scalars()
    assert row == "no \N{REPLACEMENT CHARACTER} such ? chat"


def test_a_notice_without_a_channel_is_a_mistake(conn):
    with pytest.raises(OutboxError):
        enqueue(conn, notice(channels=()), now_ms=NOW)


def test_an_attempt_is_on_record_before_it_is_made(conn):
    enqueue(conn, notice(), now_ms=NOW)
    (message,) = attempts.take(conn, lambda lane: 1, now_ms=NOW).messages
    assert outcomes(conn) == ["started"]
    assert states(conn) == {"n/a": "sending"}
    attempts.finish(conn, message, Answer("delivered", 200), now_ms=NOW, retry=RETRY, random=Random(1))
    assert outcomes(conn) == ["delivered"]
    assert states(conn) == {"n/a": "sent"}


def test_a_failed_attempt_comes_again_later_and_not_before(conn):
    enqueue(conn, notice(), now_ms=NOW)
    attempt(conn, Answer("failed", 500))
    assert states(conn) == {"n/a": "retrying"}
    assert attempt(conn, Answer("delivered"), NOW + 700) == ()
    (again,) = attempt(conn, Answer("delivered"), NOW + 1300)
    assert (again.key, again.attempt) == ("n/a", 2)
    assert outcomes(conn) == ["failed", "delivered"]


def test_after_three_failures_the_next_channel_is_told_and_the_first_goes_on(conn):
    enqueue(conn, notice(channels=("a", "b", "c")), now_ms=NOW)
    now = NOW
    for _ in range(3):
        attempt(conn, Answer("failed"), now)
        now += 10_000
    assert states(conn) == {"n/a": "retrying", "n/b": "waiting"}
    attempt(conn, Answer("delivered"), now)
    assert states(conn) == {"n/a": "sent", "n/b": "sent"}


def test_two_failures_tell_nobody_else(conn):
    enqueue(conn, notice(channels=("a", "b")), now_ms=NOW)
    attempt(conn, Answer("failed"), NOW)
    attempt(conn, Answer("failed"), NOW + 10_000)
    assert states(conn) == {"n/a": "retrying"}


def test_a_refusal_gives_up_and_tells_the_next_at_once(conn):
    enqueue(conn, notice(channels=("a", "b")), now_ms=NOW)
    attempt(conn, Answer("refused", 404, "HTTP 404"))
    assert states(conn) == {"n/a": "given_up", "n/b": "waiting"}
    assert box.listed(conn, state="given_up")[0]["reason"] == "HTTP 404"
    assert box.retry(conn, ["n/a"], now_ms=NOW + 1) == 1
    assert states(conn)["n/a"] == "waiting"


def test_a_notice_that_is_given_up_is_an_alarm_until_the_channel_takes_one(conn):
    enqueue(conn, notice("one"), now_ms=NOW)
    attempt(conn, Answer("failed"))
    assert alarms.active(conn) == []
    attempt(conn, Answer("refused", 404, "HTTP 404"), NOW + 5000)
    (alarm,) = alarms.active(conn)
    assert (alarm["device"], alarm["condition"], alarm["state"]) == ("a", "notice_given_up", "unacknowledged")
    assert alarm["detail"] == {"notice": "one/a", "subject": "x"}
    enqueue(conn, notice("two"), now_ms=NOW + 6000)
    attempt(conn, Answer("delivered"), NOW + 6000)
    assert [alarm["state"] for alarm in alarms.active(conn)] == ["returned"]


def test_after_a_restore_every_notice_waits_though_the_clock_is_behind(conn):
    enqueue(conn, notice(), now_ms=NOW)
    (generation, _), held = life.mark_restored(conn, now_ms=NOW - 86_400_000, random=lambda bits: 7)
    assert (generation, held) == (2, 1)
    assert states(conn) == {"n/a": "held"}


def test_what_a_crash_interrupted_is_made_again_with_its_key(conn):
    enqueue(conn, notice(), now_ms=NOW)
    attempts.take(conn, lambda lane: 1, now_ms=NOW)
    assert attempts.recover(conn, now_ms=NOW + 50) == 1
    assert outcomes(conn) == ["interrupted"]
    (again,) = attempt(conn, Answer("delivered"), NOW + 50)
    assert again.key == "n/a"
    assert outcomes(conn) == ["interrupted", "delivered"]


def test_a_finish_that_is_written_twice_counts_once(conn):
    enqueue(conn, notice(), now_ms=NOW)
    (message,) = attempts.take(conn, lambda lane: 1, now_ms=NOW).messages
    for _ in range(2):
        attempts.finish(conn, message, Answer("failed"), now_ms=NOW, retry=RETRY, random=Random(1))
    assert outcomes(conn) == ["failed"]


def test_an_outcome_that_comes_after_the_row_was_taken_anew_does_not_move_it(conn):
    enqueue(conn, notice(), now_ms=NOW)
    (late,) = attempts.take(conn, lambda lane: 1, now_ms=NOW).messages
    attempts.recover(conn, now_ms=NOW)
    attempts.take(conn, lambda lane: 1, now_ms=NOW)
    attempts.finish(conn, late, Answer("refused"), now_ms=NOW, retry=RETRY, random=Random(1))
    assert outcomes(conn) == ["interrupted", "started"]
    assert states(conn) == {"n/a": "sending"}


def test_what_waits_for_a_person_is_an_alarm_until_nothing_does(conn):
    def state():
        return {one["condition"]: (one["state"], one["detail"]) for one in alarms.active(conn)}

    enqueue(conn, notice("a"), now_ms=NOW)
    assert state() == {}
    enqueue(conn, notice("b"), now_ms=NOW)
    assert box.hold_older_than(conn, NOW + 1, now_ms=NOW + 1, reason="restored") == 2
    assert state() == {"notice_held": ("unacknowledged", {"notices": 2})}
    alarm = alarms.active(conn)[0]["id"]
    alarms.acknowledge(conn, alarm, actor="siti", now_ms=NOW + 2)
    assert box.release(conn, ["a/a"], now_ms=NOW + 3) == 1
    assert state()["notice_held"][0] == "acknowledged", "one waits still"
    enqueue(conn, notice("c", held="recovered"), now_ms=NOW + 4)
    assert state()["notice_held"][0] == "unacknowledged", "another one, to be looked at anew"
    alarms.acknowledge(conn, alarm, actor="siti", now_ms=NOW + 5)
    assert box.discard(conn, ["b/a", "c/a"], now_ms=NOW + 6) == 2
    assert state() == {}


def test_after_a_restore_older_rows_wait_for_a_person_and_newer_do_not(conn):
    enqueue(conn, notice("old"), now_ms=NOW)
    enqueue(conn, notice("sending"), now_ms=NOW)
    attempts.take(conn, lambda lane: 1, now_ms=NOW)
    enqueue(conn, notice("new"), now_ms=NOW + 100)
    assert box.hold_older_than(conn, NOW + 100, now_ms=NOW + 100, reason="restored") == 2
    attempts.recover(conn, now_ms=NOW + 100)
    assert states(conn) == {"new/a": "waiting", "old/a": "held", "sending/a": "held"}
    assert [message.key for message in attempt(conn, Answer("delivered"), NOW + 200)] == ["new/a"]
    assert box.release(conn, ["old/a", "new/a", "none"], now_ms=NOW + 300) == 1
    assert box.discard(conn, ["sending/a"], now_ms=NOW + 300) == 1
    assert states(conn) == {"new/a": "sent", "old/a": "waiting", "sending/a": "discarded"}


def test_a_step_that_the_state_does_not_have_is_refused(conn):
    enqueue(conn, notice(), now_ms=NOW)
    with pytest.raises(OutboxError):
        box.step(conn, "n/a", "deliver", now_ms=NOW)
    with pytest.raises(OutboxError):
        box.step(conn, "none", "take", now_ms=NOW)


def test_the_urgent_go_first_and_full_lanes_wait(conn):
    enqueue(conn, notice("low", priority=Priority.LOW), now_ms=NOW)
    enqueue(conn, notice("worst", priority=Priority.CRITICAL), now_ms=NOW + 1)
    enqueue(conn, notice("b", channels=("b",)), now_ms=NOW)
    taken = attempts.take(conn, lambda lane: 1 if lane[0] == "a" else 0, now_ms=NOW + 1)
    assert [message.key for message in taken.messages] == ["worst/a"]


def test_failing_ones_do_not_keep_a_new_one_waiting(conn):
    for n in range(5):
        enqueue(conn, notice(f"old{n}"), now_ms=NOW)
    attempt(conn, Answer("failed"))
    enqueue(conn, notice("new"), now_ms=NOW + 5000)
    taken = attempts.take(conn, lambda lane: 1 if lane[1] else 0, now_ms=NOW + 5000)
    assert [message.key for message in taken.messages] == ["new/a"]


def test_the_next_due_time_is_told(conn):
    assert attempts.take(conn, lambda lane: 1, now_ms=NOW).next_due_ms is None
    enqueue(conn, notice(), now_ms=NOW)
    attempt(conn, Answer("failed"))
    due = attempts.take(conn, lambda lane: 1, now_ms=NOW).next_due_ms
    assert due is not None
    assert NOW + 800 <= due <= NOW + 1200


def places(count, lane):
    return count


STEPS = st.one_of(
    st.tuples(st.just("enqueue"), st.integers(0, 5)),
    st.tuples(st.just("take"), st.integers(1, 4)),
    st.tuples(st.just("end"), st.sampled_from(["delivered", "failed", "refused", "crash", "lost answer"])),
    st.tuples(st.just("crash"), st.just(0)),
    st.tuples(st.just("wait"), st.integers(100, 400_000)),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(STEPS, max_size=40), st.integers())
def test_no_notice_is_lost_and_no_key_changes_whatever_crashes(steps, seed):
    """In the end each notice has arrived on one of its channels, or was refused by all of them and says so.

    ``crash`` kills the hub with its attempts in flight; ``lost answer`` is a delivery whose outcome was never written.
    """
    random, now, made, flying = Random(seed), NOW, set(), []
    arrived, refused = [], set()
    with fresh() as conn:

        def end(message, how):
            if how in ("delivered", "lost answer"):
                arrived.append(message.key)
            if how == "refused":
                refused.add(message.key)
            if how not in ("crash", "lost answer"):
                attempts.finish(conn, message, Answer(how), now_ms=now, retry=RETRY, random=random)

        for what, value in steps:
            now += 10
            if what == "enqueue":
                made.add(f"n{value}")
                enqueue(conn, notice(f"n{value}", channels=("a", "b")), now_ms=now)
            elif what == "take":
                flying += attempts.take(conn, partial(places, value), now_ms=now).messages
            elif what == "end" and flying:
                end(flying.pop(0), value)
            elif what == "crash":
                flying = []
                attempts.recover(conn, now_ms=now)
            elif what == "wait":
                now += value
        attempts.recover(conn, now_ms=now)
        while {"waiting", "retrying"} & set(states(conn).values()):
            now += 400_000
            for message in attempts.take(conn, lambda lane: 10, now_ms=now).messages:
                end(message, "delivered")
        assert {key.partition("/")[0] for key in arrived} | {k.partition("/")[0] for k in refused} == made
        for name in made:
            found = {key: state for key, state in states(conn).items() if key.startswith(f"{name}/")}
            assert set(found.values()) <= {"sent", "given_up"}
            assert "sent" in found.values() or set(found) <= refused
        assert set(arrived) <= set(states(conn))
        assert "started" not in conn.execute(select(deliveries.c.outcome)).scalars().all()
        # Each arrival had its row before.
        tries = conn.execute(select(deliveries.c.outbox_key)).scalars().all()
        assert all(tries.count(key) >= arrived.count(key) for key in set(arrived))
