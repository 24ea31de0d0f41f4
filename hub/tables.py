"""Every table of the hub, in ``hub.db.metadata``: importing this module declares them all."""

from hub.agencies import tables as agencies
from hub.alarms import tables as alarms
from hub.api import tables as api
from hub.cap import tables as cap
from hub.commissioning import tables as commissioning
from hub.drills import tables as drills
from hub.escalation import tables as escalation
from hub.fleet import tables as fleet
from hub.incidents import tables as incidents
from hub.ingest import tables as ingest
from hub.notify import tables as notify
from hub.programmes import tables as programmes
from hub.rollups import tables as rollups
from hub.rules import tables as rules
from hub.shifts import tables as shifts

__all__ = [
    "agencies",
    "alarms",
    "api",
    "cap",
    "commissioning",
    "drills",
    "escalation",
    "fleet",
    "incidents",
    "ingest",
    "notify",
    "programmes",
    "rollups",
    "rules",
    "shifts",
]
