"""What things are called on the pages: message ids by the hub's own keys. Tests hold the tables against the hub's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contract.kinds import Quality
from hub.console.language import marked as _
from hub.incidents.machine import NEEDS_NOTE, Action


@dataclass(frozen=True, slots=True)
class StepWords:
    """A step of an incident as its button says it."""

    action: Action
    title: str
    wants: str = ""
    """``agency`` or ``parent`` where the step needs one."""

    @property
    def path(self) -> str:
        """The step in an address."""
        return self.action.replace("_", "-")

    @property
    def needs_note(self) -> bool:
        """Whether it asks for a reason."""
        return self.action in NEEDS_NOTE


STEPS = (
    StepWords("verify", _("Verified: it is true")),
    StepWords("release", _("Release the notices")),
    StepWords("assign", _("Assign to an agency"), "agency"),
    StepWords("accept", _("Agency accepted")),
    StepWords("depart", _("On the way")),
    StepWords("arrive", _("On scene")),
    StepWords("contain", _("Under control")),
    StepWords("complete", _("Agency is done")),
    StepWords("refuse", _("Agency cannot")),
    StepWords("withdraw", _("Withdraw the agency")),
    StepWords("finish", _("Done")),
    StepWords("mark_false", _("False alarm")),
    StepWords("mark_duplicate", _("Duplicate of another"), "parent"),
    StepWords("hand_over", _("Hand over")),
    StepWords("cancel", _("Cancel")),
    StepWords("reopen", _("Reopen")),
)
"""In the order in which they are offered."""

DONE: Mapping[str, str] = {
    "open": _("Opened"),
    "tick": _("Ticked off on the checklist"),
    "untick": _("Not done after all"),
    "attach": _("File attached"),
    "ask_picture": _("Picture of a press asked for"),
    "miss_picture": _("The picture did not come"),
    "press": _("Pressed again"),
    "raise_priority": _("Raised to critical: another button of the site was pressed too"),
    "revive": _("Pressed again after it was recovered"),
    "acknowledge": _("Acknowledged"),
    "claim": _("Claimed"),
    "let_go": _("Let go"),
    "note": _("Note"),
    "verify": _("Verified"),
    "assign": _("Assigned"),
    "accept": _("Accepted by the agency"),
    "depart": _("On the way"),
    "arrive": _("On scene"),
    "contain": _("Under control"),
    "complete": _("The agency is done"),
    "refuse": _("The agency cannot"),
    "withdraw": _("The agency was withdrawn"),
    "merge": _("Another incident turned out to be this one"),
    "finish": _("Done"),
    "mark_false": _("False alarm"),
    "mark_duplicate": _("Duplicate of another"),
    "hand_over": _("Handed over"),
    "cancel": _("Cancelled"),
    "reopen": _("Reopened"),
    "release": _("Notices released"),
}
"""What an entry of a timeline says."""

NOTICE_STATES: Mapping[str, str] = {
    "waiting": _("Waiting to be sent"),
    "sending": _("Being sent"),
    "sent": _("Taken by the channel"),
    "retrying": _("Failed, will be tried again"),
    "given_up": _("Failed, no longer tried"),
    "held": _("Held until somebody releases it"),
    "discarded": _("Discarded, was not sent"),
}

OUTCOMES: Mapping[str, str] = {
    "started": _("has begun"),
    "delivered": _("taken by the channel"),
    "failed": _("failed"),
    "refused": _("refused"),
    "interrupted": _("cut off; it may have arrived"),
}
"""What is known of one attempt; that somebody has read it is known of none."""

CONDITIONS: Mapping[str, str] = {
    "panic": _("Panic button pressed"),
    "level": _("Water level"),
    "rise": _("Water rises too fast"),
    "silent": _("Gateway is silent"),
    "outage": _("Many gateways fell silent at once"),
    "ring": _("Gateway's archive is too short"),
    "over_quota": _("Gateway sends more than its quota"),
    "certificate": _("A certificate ends soon"),
    "revocation_list": _("The list of revoked certificates is old"),
    "trust_unread": _("The authority's file cannot be read"),
    "clock_behind": _("The hub's clock is behind"),
    "software_left_behind": _("Gateway's software was to be replaced by now"),
    "audit_tampered": _("The audit trail was tampered with"),
    "backup_old": _("There is no new backup"),
    "wall_dark": _("A wall shows nothing"),
    "panic_unreadable": _("A press that cannot be read"),
    "panic_unstored": _("A press that cannot be stored"),
    "copied_card": _("A gateway's card is a copy"),
    "device_down": _("Device does not answer"),
    "panic_fault": _("Panic button's line is broken"),
    "spool_quarantined": _("Gateway's store was damaged"),
    "spool_full": _("Gateway's store is full"),
    "notice_given_up": _("A notice was not delivered"),
    "notice_held": _("Notices wait for a person"),
    "escalation_exhausted": _("Everybody was asked and nobody has answered"),
}
"""What an alarm is about."""

RULE_KINDS: Mapping[str, str] = {
    "threshold": _("Limit passed"),
    "rise": _("Rises too fast"),
    "no_data": _("No data"),
    "stuck": _("Value is stuck"),
    "ratio": _("Share too high"),
    "count": _("Too often"),
    "upstream": _("Water is coming from upstream"),
    "combination": _("Several rules together"),
}
"""The kinds of rules, which are the causes of their alarms."""

ALARM_STATES: Mapping[str, str] = {
    "unacknowledged": _("Not acknowledged"),
    "acknowledged": _("Acknowledged"),
    "returned": _("Over, not acknowledged"),
    "shelved": _("Shelved"),
    "suppressed": _("Suppressed"),
    "out_of_service": _("Out of service"),
    "normal": _("Over"),
}
"""The states of an alarm."""

ALARM_STEPS: Mapping[str, str] = {
    "raise": _("Rang"),
    "rearm": _("Rang again"),
    "worsen": _("Became worse"),
    "ease": _("Became better"),
    "clear": _("Over"),
    "acknowledge": _("Acknowledged"),
    "lapse": _("Lapsed: nobody looked"),
    "shelve": _("Shelved"),
    "outgrow": _("Worse than it was shelved"),
    "suppress": _("Suppressed"),
    "take_out": _("Taken out of service"),
    "release": _("No longer withheld"),
}
"""What happened to an alarm."""

EVENTS: Mapping[str, str] = {
    "panic_press": _("Panic button pressed"),
    "panic_release": _("Panic button released"),
    "panic_test": _("Panic button tested"),
    "panic_fault": _("Panic button's line is broken"),
    "panic_line_whole": _("Panic button's line is whole again"),
    "nurse_call": _("Nurse call"),
    "bed_edge": _("Bed changed"),
    "door_edge": _("Door changed"),
    "camera_snapshot": _("Camera took a picture of a press"),
    "attendance_scan": _("Attendance noted"),
    "device_down": _("Device does not answer"),
    "device_up": _("Device answers again"),
    "gateway_start": _("Gateway started"),
    "software_left_behind": _("Gateway's software was to be replaced by now"),
    "spool_quarantined": _("Gateway's store was damaged"),
    "spool_full": _("Gateway's store is full"),
}
"""What an event of the gateways' records is called."""

QUALITIES: Mapping[int, str] = {
    Quality.OUT_OF_RANGE: _("out of range"),
    Quality.STEP: _("stepped too fast"),
    Quality.STUCK: _("does not change"),
    Quality.INVALID: _("the instrument has none"),
    Quality.NO_ANSWER: _("no answer"),
}
"""Why a value is not simply good."""

TWO_STATES: Mapping[str, tuple[str, str, str]] = {
    "pressed": (_("button"), _("at rest"), _("pressed")),
    "called": (_("nurse call"), _("at rest"), _("pressed")),
    "open": (_("door"), _("closed now"), _("open now")),
    "occupied": (_("bed"), _("free"), _("taken")),
    "battery_low": (_("battery"), _("enough"), _("low")),
}
"""Quantities that are a state: what it is of, and the words for 0 and 1."""

ANSWERS: Mapping[str, str] = {
    "received": _("Received"),
    "on_the_way": _("On the way"),
    "on_scene": _("On scene"),
    "done": _("Done"),
    "cannot": _("Cannot"),
}
"""What a contact answers."""

LADDERS: Mapping[str, str] = {
    "acknowledge": _("Somebody is to look"),
    "decide": _("Somebody is to decide"),
    "agency": _("The agency is to answer"),
}
"""What an escalation asks."""

LEVELS: Mapping[str, str] = {
    "operator": _("the operators, by the page"),
    "first": _("first contact"),
    "second": _("second contact"),
    "supervisor": _("supervisor"),
    "head": _("head of the agency"),
}
"""Who is asked, one after the other."""

ESCALATION_STATES: Mapping[str, str] = {
    "waiting": _("runs"),
    "answered": _("answered"),
    "exhausted": _("everybody was asked, nobody has answered"),
    "ended": _("ended"),
}

ESCALATION_STEPS: Mapping[str, str] = {
    "begin": _("Begun"),
    "ask": _("Asked"),
    "exhaust": _("Nobody is left to ask"),
    "answer": _("Answered"),
    "end": _("Ended"),
}

ASKED: Mapping[str, str] = {
    "told": _("message made"),
    "already": _("was asked a moment ago"),
    "unreachable": _("has no channel"),
    "nobody": _("nobody there"),
    "unheard": _("nobody hears the page"),
    "page": _("the page rings"),
}
"""What came of asking somebody."""

FACTS: Mapping[str, str] = {
    "sent": _("Sent"),
    "delivered": _("Delivered"),
    "seen": _("Seen"),
    "acted": _("Answered"),
}
"""What can be known of a message; each is another thing than the one before it."""

NEAR: Mapping[str, str] = {
    "camera": _("Cameras"),
    "vehicle": _("Vehicles"),
}
"""What can be near an incident."""

NEAR_STATES: Mapping[str, Mapping[str, str]] = {
    "camera": {
        "live": _("answers"),
        "down": _("does not answer"),
        "stale": _("not heard of now"),
        "unknown": _("nothing heard for a day"),
        "unwatched": _("nothing tells whether it lives"),
    },
    "vehicle": {
        "live": _("position"),
        "stale": _("old position"),
        "post": _("no position; counted from its post"),
    },
}
"""What is known of it."""
