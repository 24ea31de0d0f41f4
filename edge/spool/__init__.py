"""The spool: every record is on the card before anything is promised, and stays until the hub has proved it stored."""

from edge.spool.records import (
    Appended,
    Opening,
    OverduePanic,
    Quotas,
    Row,
    Run,
    Sample,
    Usage,
)
from edge.spool.store import Spool

__all__ = [
    "Appended",
    "Opening",
    "OverduePanic",
    "Quotas",
    "Row",
    "Run",
    "Sample",
    "Spool",
    "Usage",
]
