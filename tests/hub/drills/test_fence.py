"""A drill with every real contact configured sends nothing to any of them: counted at the sockets, by no flag.

What is counted: connections that the real receiver's socket has accepted, addresses that this process has asked the
kernel to connect to, and files in the modem's outbox.
"""

from dataclasses import replace

import pytest

from hub.agencies.directory import Directory
from hub.drills import register, report
from hub.drills.register import Scenario
from hub.incidents.by_hand import Report, open_incident
from hub.notify.asks import AskError
from hub.notify.channels.build import ChannelSpec, build
from hub.notify.outbox import FenceError, enqueue
from hub.notify.tables import outbox
from hub.outbound import Outbound
from provisioning.ca import Authority
from tests.hub.agencies.profile import region
from tests.hub.drills.command_room import SITI, command_room, connected
from tests.hub.notify.outside_broker import TOPIC, server_tls, talking
from tests.hub.notify.test_channels import MESSAGE
from tests.hub.notify.test_outbox import notice

AGENCIES = ("psc", "damkar", "polres", "bpbd")
SCENARIO = Scenario(title="Gempa, banyak korban", kind="disaster", place="Alun-alun Kota Contoh")


async def begin(room):
    started = await room.write(
        lambda conn: register.start(
            conn, region(), room.directory, SCENARIO, actor=SITI, now_ms=room.clock.now_ms()
        )
    )
    await room.act(started.incident_id, "verify")
    return started


async def go_through(room, incident):
    """Every agency is assigned and nobody answers, until everybody was asked twice."""
    for agency in AGENCIES:
        await room.act(incident, "assign", agency=agency)
    await room.pass_minutes(30)


async def test_a_drill_reaches_those_who_take_part_and_no_socket_of_anybody_else(tmp_path):
    async with command_room(tmp_path) as room:
        connected.clear()
        started = await begin(room)
        await go_through(room, started.incident_id)
        await room.write(
            lambda conn: register.end(
                conn, region(), started.drill, actor=SITI, note="", now_ms=room.clock.now_ms()
            )
        )
        await room.pass_minutes(2)

        assert room.real.connections == 0
        assert room.texts() == []
        assert {place for place in connected if place[1]} == {("127.0.0.1", room.exercise.port)}
        assert room.exercise.connections >= len(AGENCIES)
        assert all(b"LATIHAN / EXERCISE" in one.body for one in room.exercise.received)
        told = await room.db.read(lambda conn: report.of(conn, started.drill))
        assert told["outside"] == 0
        assert {one["agency"] for one in told["contacts"]} >= set(AGENCIES)


async def test_the_same_in_earnest_reaches_them_all_and_nobody_of_the_exercise(tmp_path):
    """The twin: the sockets that stayed silent above are those at which real contacts are reached."""
    async with command_room(tmp_path) as room:
        case = Report(kind="disaster", origin="call", place="Alun-alun Kota Contoh")
        incident = await room.write(
            lambda conn: open_incident(conn, region(), case, key="k", actor=SITI, now_ms=room.clock.now_ms())
        )
        await room.act(incident, "verify")
        await go_through(room, incident)
        assert len(room.texts()) >= len(AGENCIES)
        assert room.real.connections >= len(AGENCIES)
        assert room.exercise.connections == 0


def forget_to_separate(directory):
    """A mistake in ``exercise()``: it gives everybody."""

    class Everybody(Directory):
        def exercise(self):
            return self

    return Everybody(**{name: getattr(directory, name) for name in directory.__dataclass_fields__})


def mark_real_people(directory):
    """A mistake in the profile: real contacts, with their real channels, are marked as taking part."""
    marked = {name: replace(one, exercise=True) for name, one in directory.contacts.items()}
    return replace(directory, exercise_contacts=marked)


@pytest.mark.parametrize(
    "mistake",
    [{"everybody": forget_to_separate}, {"everybody": mark_real_people}],
    ids=["directory", "profile"],
)
async def test_a_mistake_in_whom_a_drill_asks_reaches_nobody(tmp_path, mistake):
    async with command_room(tmp_path, **mistake) as room:
        started = await begin(room)
        for agency in AGENCIES:
            await room.act(started.incident_id, "assign", agency=agency)
        with pytest.raises((AskError, FenceError)):
            await room.pass_minutes(3)
        assert (room.real.connections, room.texts()) == (0, [])


async def test_a_channel_for_exercises_that_leads_to_an_agency_is_stopped_at_the_door(tmp_path):
    async with command_room(tmp_path, exercise_url=lambda real: f"{real.url}/x") as room:
        started = await begin(room)
        await go_through(room, started.incident_id)
        assert room.real.connections == 0
        assert {row.state for row in await room.rows()} == {"given_up"}


async def test_a_broker_of_an_agency_is_not_connected_to_from_an_exercise(tmp_path):
    """As for a URL: a channel for exercises that leads to an agency's broker gets no farther than the allow-list."""
    authority = Authority.create(tmp_path / "ca", name="an agency")
    async with talking(server_tls(authority)) as broker, command_room(tmp_path) as room:
        to_agency = ChannelSpec(
            "latihan-webhook", "mqtt", broker.url, topic=TOPIC, ca=str(authority.certificate)
        )
        earnest = Outbound([], allow_private=[broker.place])
        (reaches,) = build([to_agency], earnest, room.clock).values()
        room.sides.exercise._channels = build([to_agency], room.fenced, room.clock)
        started = await begin(room)
        await go_through(room, started.incident_id)
        assert broker.connections == 0
        assert {row.state for row in await room.rows()} == {"given_up"}
        # The twin: with the door of those in earnest the very channel arrives.
        assert (await reaches.send(MESSAGE)).outcome == "delivered"
        assert broker.connections == 1


async def test_a_row_on_the_wrong_side_that_nothing_writes_goes_nowhere(tmp_path):
    async with command_room(tmp_path) as room:
        now_ms = room.clock.now_ms()

        def write(conn):
            enqueue(conn, notice("real", ("psc-webhook",)), now_ms=now_ms)
            enqueue(conn, notice("drill", ("latihan-webhook",), drill="d1"), now_ms=now_ms)
            conn.execute(outbox.update().where(outbox.c.key == "real/psc-webhook").values(drill="d1"))
            conn.execute(outbox.update().where(outbox.c.key == "drill/latihan-webhook").values(drill=""))

        await room.write(write)
        await room.settle()
        assert (room.real.connections, room.exercise.connections) == (0, 0)
        assert {row.state for row in await room.rows()} == {"given_up"}


async def test_a_drill_that_is_over_says_nothing_more(tmp_path):
    async with command_room(tmp_path) as room:
        started = await begin(room)
        await room.act(started.incident_id, "assign", agency="psc")
        await room.escalation.step()
        room.exercise.script += [500] * 3
        await room.settle()
        await room.write(
            lambda conn: register.end(
                conn, region(), started.drill, actor=SITI, note="", now_ms=room.clock.now_ms()
            )
        )
        before = room.exercise.connections
        await room.pass_minutes(10)
        assert room.exercise.connections == before
        assert "discarded" in {row.state for row in await room.rows()}
