"""Incidents that people write down, or that applications send; checklists and files."""

from dataclasses import replace

import pytest

from hub.alarms import service as alarms
from hub.incidents import applications, attachments, by_hand, checklists, reads
from hub.incidents.applications import AppPress
from hub.incidents.by_hand import Report
from hub.incidents.machine import NotFoundError, TransitionError
from hub.incidents.service import Incidents
from hub.incidents.timeline import Actor
from hub.region.model import ChecklistItem
from tests.hub.city import NOW, REGION

SITI = Actor("siti", "console")
CALL = Report(kind="fire", origin="call", caller="0812-000-111", place="Jl. Contoh 5")
ASKED = replace(REGION, checklists={"fire": (ChecklistItem("listrik", "Putus listrik", "Cut the power"),)})
PRESS = AppPress(id="p-00000001", sender="pasang-1", kind="panic", lat=-7.3, lon=108.2, error_m=20)


def write(conn, report=CALL, key="k-0001", actor=SITI):
    return by_hand.open_incident(conn, REGION, report, key=key, actor=actor, now_ms=NOW)


def test_a_call_is_an_unverified_incident_of_who_took_it(conn):
    shown = reads.one(conn, write(conn))
    assert (shown["state"], shown["origin"], shown["call_back"]) == ("unverified", "call", "0812-000-111")
    assert (shown["title"], shown["place"]) == ("Kebakaran / Fire", "Jl. Contoh 5")
    assert (shown["acknowledged_by"], shown["claimed_by"], shown["unseen"]) == ("siti", "siti", False)
    assert shown["notices"] == []
    assert alarms.active(conn) == []


def test_the_same_report_sent_again_opens_no_second_one(conn):
    assert write(conn) == write(conn)
    assert write(conn, key="k-0002") != write(conn)
    assert [row["number"] for row in reads.listed(conn)] == [2, 1]


def test_a_site_gives_the_place_its_name_and_position(conn):
    shown = reads.one(conn, write(conn, replace(CALL, place="lantai 2", site="rs-1", verified=True)))
    assert (shown["state"], shown["place"]) == ("verified", "RS Contoh, lantai 2")
    assert (shown["lat"], shown["lon"]) == (-7.3, 108.2)


@pytest.mark.parametrize(
    ("report", "actor"),
    [
        (replace(CALL, place="  "), SITI),
        (replace(CALL, site="tidak-ada"), SITI),
        (CALL, Actor("hub", "hub")),
        (replace(CALL, origin="app"), SITI),
    ],
)
def test_what_nobody_could_go_to_or_no_person_wrote_opens_nothing(conn, report, actor):
    with pytest.raises(TransitionError):
        write(conn, report, actor=actor)
    assert reads.listed(conn) == []


def test_a_press_of_an_application_is_a_press(conn):
    service = Incidents(REGION)
    one, new = applications.take(conn, service, "warga", PRESS, now_ms=NOW)
    assert new
    shown = reads.one(conn, one)
    assert (shown["state"], shown["origin"], shown["lat"], shown["error_m"]) == (
        "unverified",
        "app",
        -7.3,
        20,
    )
    assert [notice["state"] for notice in shown["notices"]] == ["waiting"]
    assert [alarm["condition"] for alarm in alarms.active(conn)] == ["panic"]
    assert applications.take(conn, service, "warga", PRESS, now_ms=NOW + 1) == (one, False)
    again = replace(PRESS, id="p-00000002")
    assert applications.take(conn, service, "warga", again, now_ms=NOW + 2) == (one, True)
    other = replace(PRESS, id="p-00000003", sender="pasang-2")
    assert applications.take(conn, service, "warga", other, now_ms=NOW + 3)[0] != one
    assert reads.one(conn, one)["presses"] == 2
    assert reads.one(conn, one)["priority"] == 2, "telephones are no two buttons of one site"


def test_items_of_a_checklist_are_ticked_once_and_may_be_taken_back(conn):
    one = write(conn)

    def tick(done, item="listrik"):
        return checklists.tick(conn, ASKED, one, item, done=done, actor=SITI, now_ms=NOW + 9)

    assert [tick(True), tick(True)] == [True, False]
    (item,) = reads.one(conn, one, ASKED)["checklist"]
    assert (item["done_by"], item["done_ms"], item["text"]["id"]) == ("siti", NOW + 9, "Putus listrik")
    assert tick(False) is True
    assert reads.one(conn, one, ASKED)["checklist"][0]["done_by"] is None
    assert [entry["action"] for entry in reads.one(conn, one)["timeline"]] == ["open", "tick", "untick"]
    with pytest.raises(NotFoundError):
        tick(True, "tidak-ada")


def test_files_are_kept_by_what_they_are_and_not_by_what_they_are_called(conn):
    one = write(conn)
    jpeg = b"\xff\xd8\xff\xe0 a photo"

    def attach(name, content):
        return attachments.add(conn, one, name, content, actor=SITI, now_ms=NOW)

    first = attach("../../etc/foto\n.jpg", jpeg)
    assert attach("lain.jpg", jpeg) == first
    assert attachments.content(conn, one, first) == ("foto .jpg", "image/jpeg", jpeg)
    for content in (b"<html>", b"", jpeg + bytes(attachments.MOST_BYTES)):
        with pytest.raises(TransitionError):
            attach("foto.jpg", content)
    with pytest.raises(NotFoundError):
        attachments.content(conn, "lain", first)
