"""What the rest of the hub asks of alarms. Every function is part of the transaction of the connection it is given."""

from hub.alarms.register import Fingerprint, Raised, acknowledge, active, clear_alarm, history, raise_alarm
from hub.alarms.rivers import apply, changes_since, level_before, restore, save_states, write_history

__all__ = [
    "Fingerprint",
    "Raised",
    "acknowledge",
    "active",
    "apply",
    "changes_since",
    "clear_alarm",
    "history",
    "level_before",
    "raise_alarm",
    "restore",
    "save_states",
    "write_history",
]
