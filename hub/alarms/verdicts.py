"""The verdicts of rules.toml in SQL: the alarm, the notice, and how the rule stands, in one transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from hub.alarms.service import Fingerprint, clear_alarm, raise_alarm
from hub.notify.outbox import Notice, channels_of, enqueue
from hub.notify.policy import Priority
from hub.region import Region
from hub.rules import store
from hub.rules.verdict import Standing, Verdict


def apply(conn: Connection, verdict: Verdict, now_ms: int, *, region: Region) -> None:
    """Write a verdict. Idempotent. Wake the notify worker after the commit.

    The condition of its alarm is ``kind:rule``, so that there is one alarm a rule and place.
    """
    where = verdict.subject
    condition = f"{verdict.kind}:{verdict.rule}"
    fingerprint = Fingerprint(where.site, where.gateway, where.device, where.point, condition)
    if verdict.active:
        raised = raise_alarm(
            conn,
            fingerprint,
            severity=int(verdict.priority),
            now_ms=now_ms,
            t_ms=verdict.t_ms,
            delay_ms=verdict.age_ms,
            detail=_detail(verdict),
        )
        if verdict.tell and raised.new:
            enqueue(conn, _notice(verdict, region, raised.alarm_id), now_ms=now_ms)
    else:
        clear_alarm(conn, fingerprint, now_ms=now_ms)
    state = "active" if verdict.active else "normal"
    standing = Standing(verdict.rule, verdict.kind, where, state, verdict.at_ms, verdict.at_ms)
    store.save(conn, [standing], [] if verdict.mark is None else [verdict.mark])


def _detail(verdict: Verdict) -> dict[str, Any]:
    """What pages show of it. Times beside the next level's are in its words already."""
    rule = {
        "id": verdict.rule,
        "version": verdict.version,
        "kind": verdict.kind,
        "reason": {"id": verdict.reason_id, "en": verdict.reason_en},
        "advice": verdict.advice,
    }
    if verdict.title_id:
        rule["title"] = {"id": verdict.title_id, "en": verdict.title_en or verdict.title_id}
    facts = {
        name: fact for name, fact in verdict.facts.items() if name == "next_ms" or not name.endswith("_ms")
    }
    return {**facts, "rule": rule}


def _notice(verdict: Verdict, region: Region, alarm_id: int) -> Notice:
    site = region.sites.get(verdict.subject.site)
    place = region.name if site is None else site.name
    return Notice(
        key=f"rule/{verdict.rule}/{verdict.subject}/{verdict.at_ms}",
        desk=region.duty_desk.id,
        channels=channels_of(region.duty_desk),
        kind="rule",
        subject=f"alarm/{alarm_id}",
        title=f"{verdict.title_id or verdict.rule}: {place}",
        text=f"{verdict.reason_id}\n{verdict.reason_en}",
        priority=Priority(4 - int(verdict.priority)),
        data={"alarm": alarm_id, "rule": verdict.rule, "advice": verdict.advice},
    )
