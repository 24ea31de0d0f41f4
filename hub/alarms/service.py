"""What the rest of the hub asks of alarms. Every function is part of the transaction of the connection it is given."""

from hub.alarms.reads import (
    active,
    announced,
    counts,
    happened,
    history,
    of_ids,
    one,
    quality_of,
    withheld,
)
from hub.alarms.register import Raised, acknowledge, clear_alarm, raise_alarm
from hub.alarms.rivers import apply, changes_since, level_before, restore, save_states, write_history
from hub.alarms.steps import Fingerprint
from hub.alarms.withholding import put_back, release, shelve, suppress, take_out

__all__ = [
    "Fingerprint",
    "Raised",
    "acknowledge",
    "active",
    "announced",
    "apply",
    "changes_since",
    "clear_alarm",
    "counts",
    "happened",
    "history",
    "level_before",
    "of_ids",
    "one",
    "put_back",
    "quality_of",
    "raise_alarm",
    "release",
    "restore",
    "save_states",
    "shelve",
    "suppress",
    "take_out",
    "withheld",
    "write_history",
]
