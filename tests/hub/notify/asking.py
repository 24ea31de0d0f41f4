"""Contacts, questions and a stand-in for the assignments, for tests of what goes out and what comes back."""

from hub.agencies.directory import Contact
from hub.incidents.machine import TransitionError
from hub.incidents.tables import incidents
from hub.notify.asks import Question
from hub.notify.links import Links
from hub.notify.policy import Priority

LINKS = Links("https://siaga.contoh.example/", b"k" * 32)


def contact(name="sari", **changes):
    values = {
        "id": name,
        "agency": "psc",
        "name": name.title(),
        "step": "first",
        "phone": "0812-1000-0001",
        "channels": ("a", "b"),
    }
    return Contact(**{**values, **changes})


def question(key="agency/1/1", **changes):
    values = {
        "key": key,
        "incident_id": "i1",
        "assignment": "i1-1",
        "kind": "dispatch",
        "title": "Insiden 12: RSUD Contoh",
        "text": "Mohon tangani.",
        "priority": Priority.HIGH,
    }
    return Question(**{**values, **changes})


def put_incident(conn, name="i1", drill=None):
    number = 1 + sum(1 for _ in conn.execute(incidents.select()))
    conn.execute(
        incidents.insert().values(
            id=name,
            number=number,
            kind="medical",
            state="assigned",
            version=1,
            priority=2,
            site="",
            gateway="",
            device="",
            title="t",
            place="p",
            call_back="",
            error_ms=0,
            opened_ms=0,
            recovered=False,
            presses=0,
            last_press_ms=0,
            drill=drill,
        )
    )


class Assignments:
    """Remembers what was answered; refuses what it is told to refuse."""

    def __init__(self, refuse=()):
        self.said = []
        self.refuse = set(refuse)

    def __call__(self, conn, **what):
        if what["word"] in self.refuse:
            raise TransitionError("no such way")
        new = what["word"] not in [one["word"] for one in self.said]
        self.said.append(what)
        return new
