"""Each change is one message that takes the place of those before it: by a foreign receiver, whatever happens."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from hub.alarms.tables import station_states
from hub.cap.issue import Sender, document, entries, settle
from hub.cap.sayings import IN_FORCE, VALID
from hub.cap.tables import cap_messages
from hub.incidents.machine import STATES
from hub.incidents.tables import incidents
from hub.notify.tables import outbox
from tests.hub.agencies.profile import directory, region
from tests.hub.cap.messages import faults, read
from tests.hub.city import NOW
from tests.hub.empty_tables import fresh
from tests.hub.notify.asking import put_incident

SENDER = Sender("siaga@kota.example", ("cap-provinsi",), ("latihan-cap",))
HOUR = 3_600_000


def now_settled(conn, now_ms=NOW, sender=SENDER):
    settled = settle(conn, sender, region(), directory(), now_ms=now_ms)
    return [read(document(conn, one, public=False)) for one in settled.issued]


def become(conn, state, name="i1"):
    conn.execute(update(incidents).where(incidents.c.id == name).values(state=state))


def river(conn, station, severity, value_mm=1000):
    conn.execute(station_states.delete().where(station_states.c.station == station))
    conn.execute(
        station_states.insert().values(
            station=station,
            severity=severity,
            rising=False,
            epoch="e",
            seq=1,
            t_ms=NOW,
            at_ms=NOW,
            value_mm=value_mm,
        )
    )


class Receiver:
    """Another authority's system: it holds what it was told and takes the place of what a message names."""

    def __init__(self):
        self.held = {}

    def take(self, message):
        for reference in message.references_to_list():
            self.held.pop((reference.sender, reference.identifier, str(reference.sent)), None)
        if message.msg_type.value != "Cancel":
            self.held[message.sender, message.identifier, str(message.sent)] = message


def test_an_incident_is_said_once_a_person_has_verified_it(conn):
    put_incident(conn)
    for state in ("unverified", "recovered"):
        become(conn, state)
        assert now_settled(conn) == []
    become(conn, "verified")
    (message,) = now_settled(conn)
    assert (message.msg_type.value, message.status.value, message.scope.value) == (
        "Alert",
        "Actual",
        "Restricted",
    )
    assert message.incidents == "i1"
    assert [one.language for one in message.infos] == ["id", "en"]
    assert now_settled(conn, NOW + 1000) == []


def test_update_and_cancel_refer_to_what_stands_and_an_alert_begins_anew(conn):
    put_incident(conn)
    become(conn, "verified")
    (first,) = now_settled(conn)
    become(conn, "assigned")
    (second,) = now_settled(conn, NOW + 1000)
    become(conn, "done")
    (third,) = now_settled(conn, NOW + 2000)
    become(conn, "verified")
    (fourth,) = now_settled(conn, NOW + 3000)

    kinds = [one.msg_type.value for one in (first, second, third, fourth)]
    assert kinds == ["Alert", "Update", "Cancel", "Alert"]

    def named(message):
        return [(one.sender, one.identifier, one.sent) for one in message.references_to_list()]

    own = [(one.sender, one.identifier, one.sent) for one in (first, second)]
    assert named(second) == own[:1]
    assert named(third) == own
    assert named(fourth) == []
    assert len({one.identifier for one in (first, second, third, fourth)}) == 4


def test_what_still_stands_is_said_again_before_it_expires_and_not_sooner(conn):
    put_incident(conn)
    become(conn, "verified")
    assert now_settled(conn)
    assert now_settled(conn, NOW + 22 * HOUR) == []
    (again,) = now_settled(conn, NOW + 23 * HOUR)
    assert again.msg_type.value == "Update"
    assert again.infos[0].expires.to_datetime() > datetime.fromtimestamp((NOW + 46 * HOUR) / 1000, UTC)


def test_a_river_is_said_to_everybody_from_siaga_2_on(conn):
    (station, *_) = region().stations
    river(conn, station, 1)
    assert now_settled(conn) == []
    river(conn, station, 2)
    (message,) = now_settled(conn)
    assert (message.scope.value, message.infos[0].severity.value) == ("Public", "Severe")
    assert message.infos[0].areas
    river(conn, station, 2, value_mm=1300)
    assert now_settled(conn, NOW + 1000) == []
    river(conn, station, 3)
    (worse,) = now_settled(conn, NOW + 2000)
    assert (worse.msg_type.value, worse.infos[0].severity.value) == ("Update", "Extreme")
    river(conn, station, 0)
    (over,) = now_settled(conn, NOW + 3000)
    assert (over.msg_type.value, over.infos[0].response_types[0].value) == ("Cancel", "AllClear")


def test_a_drill_is_an_exercise_and_goes_to_the_channels_of_exercises_alone(conn):
    put_incident(conn, "l1", drill="d1")
    become(conn, "verified", "l1")
    (message,) = now_settled(conn)
    assert message.status.value == "Exercise"
    assert message.infos[0].headline.startswith("LATIHAN")
    (row,) = conn.execute(select(outbox)).all()
    assert (row.channel, row.drill) == ("latihan-cap", "d1")
    assert faults(row.text.encode()) == []
    put_incident(conn)
    become(conn, "verified")
    now_settled(conn)
    assert conn.execute(select(outbox.c.channel).where(outbox.c.drill == "")).scalars().all() == [
        "cap-provinsi"
    ]


def test_the_feed_has_what_stands_and_what_was_cancelled_and_for_everybody_the_public_alone(conn):
    (station, *_) = region().stations
    put_incident(conn)
    become(conn, "verified")
    river(conn, station, 2)
    now_settled(conn)
    river(conn, station, 0)
    now_settled(conn, NOW + 1000)
    (public,) = entries(conn, now_ms=NOW + 2000, public=True)
    assert public.title.startswith("DIBATALKAN")
    assert public.path == f"/cap/{public.identifier}"
    whole = entries(conn, now_ms=NOW + 2000, public=False)
    assert [one.path.startswith("/api/cap/") for one in whole] == [True, True]
    (secret,) = [one.identifier for one in whole if one.identifier != public.identifier]
    assert document(conn, secret, public=True) is None
    assert document(conn, secret, public=False) is not None
    assert document(conn, "none", public=False) is None
    assert entries(conn, now_ms=NOW + round(VALID.total_seconds() * 1000) + 2000, public=False) == []


def test_a_restored_hub_uses_no_name_twice(conn):
    put_incident(conn)
    become(conn, "verified")
    (first,) = now_settled(conn)
    conn.execute(cap_messages.delete())
    conn.execute(outbox.delete())
    become(conn, "assigned")
    (other,) = now_settled(conn, NOW + 1000)
    assert other.identifier != first.identifier


def test_a_river_goes_on_being_said_when_its_oldest_messages_were_let_go_of(conn):
    (station, *_) = region().stations
    for at, severity in enumerate((2, 3, 2, 3)):
        river(conn, station, severity)
        assert now_settled(conn, NOW + at * 1000)
    conn.execute(cap_messages.delete().where(cap_messages.c.n <= 2))
    for at, severity in enumerate((2, 3, 0)):
        river(conn, station, severity)
        (message,) = now_settled(conn, NOW + 10_000 + at * 1000)
    assert message.msg_type.value == "Cancel"
    (shown,) = entries(conn, now_ms=NOW + 20_000, public=True)
    assert shown.identifier == message.identifier


def test_what_cannot_be_said_keeps_nothing_else_from_being_said(conn):
    for name, lat in (("i1", 100.0), ("i2", -6.4)):
        put_incident(conn, name)
        conn.execute(
            update(incidents).where(incidents.c.id == name).values(state="verified", lat=lat, lon=106.8)
        )
    settled = settle(conn, SENDER, region(), directory(), now_ms=NOW)
    assert list(settled.unsaid) == ["incident/i1"]
    assert [read(document(conn, one, public=False)).incidents for one in settled.issued] == ["i2"]
    assert set(conn.execute(select(outbox.c.subject)).scalars()) == {"incident/i2"}


@given(st.lists(st.tuples(st.sampled_from(STATES), st.integers(0, 30 * HOUR), st.booleans()), max_size=12))
@settings(max_examples=40, deadline=None)
def test_a_receiver_that_misses_messages_ends_with_what_is_so(steps):
    with fresh() as conn:
        put_incident(conn)
        become(conn, "unverified")
        whole, gaps, now_ms = Receiver(), Receiver(), NOW
        for state, later_ms, heard in steps:
            become(conn, state)
            now_ms += later_ms
            for message in now_settled(conn, now_ms, replace(SENDER, push=())):
                assert faults(document(conn, message.identifier, public=False)) == []
                whole.take(message)
                if heard:
                    gaps.take(message)
            assert len(whole.held) == (state in IN_FORCE)
        # The last message of what stands, or of a new beginning, is heard; after it nothing older of it is held.
        become(conn, "verified")
        last = now_settled(conn, now_ms + 24 * HOUR, replace(SENDER, push=()))
        become(conn, "done")
        last += now_settled(conn, now_ms + 24 * HOUR + 1000, replace(SENDER, push=()))
        for message in last:
            whole.take(message)
        gaps.take(last[-1])
        assert whole.held == {}
        ended = {one.identifier for one in last[-1].references_to_list()}
        assert last[-1].msg_type.value == "Cancel"
        assert not ended & {identifier for _, identifier, _ in gaps.held}
