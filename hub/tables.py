"""Every table of the hub, in ``hub.db.metadata``: importing this module declares them all."""

from hub.alarms import tables as alarms
from hub.api import tables as api
from hub.commissioning import tables as commissioning
from hub.escalation import tables as escalation
from hub.fleet import tables as fleet
from hub.incidents import tables as incidents
from hub.ingest import tables as ingest
from hub.notify import tables as notify
from hub.rules import tables as rules

__all__ = ["alarms", "api", "commissioning", "escalation", "fleet", "incidents", "ingest", "notify", "rules"]
