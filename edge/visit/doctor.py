"""``siaga-edge doctor``: what is wrong with this box, in plain words, and what to do about it.

`examine` is pure: it judges facts that edge/visit/facts.py gathers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from edge.visit import waiting

DAY_MS = 86_400_000
HOT_C = 80.0
"""From here a Raspberry Pi makes itself slower."""

LITTLE_BYTES = 200_000_000
OLD_MS = 600_000
"""Samples that wait for longer are not just on their way."""

Level = Literal["good", "look", "bad"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found at the box. None is what could not be found out.

    Attributes:
        status: of the gateway that runs; None where none does.
        certificate_ends_ms: of the gateway's certificate; None where there is none to read.
        key_is_private: only its owner may read the key.
        broker: why the broker cannot be reached by TCP; empty where it can.
        ports: serial ports of the configuration: name and why it cannot be used, or empty.
        throttled: the firmware says that it slows down, or did since the start.
    """

    now_ms: int
    status: dict[str, Any] | None
    certificate: str
    certificate_ends_ms: int | None
    key_is_private: bool
    clock_synced: bool
    disk_free_bytes: int | None
    cpu_c: float | None
    under_voltage: bool | None
    throttled: bool | None
    broker: str
    ports: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's: what it is about, how it is, and what to do if it is not good."""

    subject: str
    level: Level
    text: str
    advice: str = ""


def examine(facts: Facts) -> Iterator[Finding]:
    """Everything that was looked at, the good too."""
    yield _gateway(facts)
    yield _certificate(facts)
    if not facts.key_is_private:
        advice = f"chmod 600 {facts.certificate}"
        yield Finding("kunci / key", "bad", "dapat dibaca akun lain / others may read it", advice)
    yield _clock(facts)
    yield _broker(facts)
    yield from _box(facts)
    for port, trouble in facts.ports:
        if trouble:
            yield Finding(
                port, "bad", trouble, "kabel dan nama: siaga-edge scan serial; hak: adduser siaga dialout"
            )
    if facts.status is not None:
        yield from _devices(facts.status)
        yield from _waiting(facts.status)


def _gateway(facts: Facts) -> Finding:
    subject = "gerbang / gateway"
    if facts.status is None:
        advice = "systemctl status siaga-edge; journalctl -u siaga-edge -n 50"
        return Finding(subject, "bad", "tidak berjalan / does not run", advice)
    return Finding(subject, "good", f"berjalan / runs, {facts.status['software']}")


def _certificate(facts: Facts) -> Finding:
    subject = "sertifikat / certificate"
    if facts.certificate_ends_ms is None:
        text = f"tidak ada di {facts.certificate} / there is none"
        return Finding(subject, "bad", text, "siaga-edge enrol, with a claim of the command room")
    days = (facts.certificate_ends_ms - facts.now_ms) // DAY_MS
    if days < 0:
        text = f"habis {-days} hari lalu / ended {-days} days ago"
        return Finding(subject, "bad", text, "is the clock right? Else ask the command room for a claim")
    if days < 20:
        text = f"tinggal {days} hari / {days} days left, and not renewed"
        return Finding(subject, "look", text, "can the gateway reach the address in [enrolment]?")
    return Finding(subject, "good", f"{days} hari lagi / days left")


def _clock(facts: Facts) -> Finding:
    subject = "jam / clock"
    if facts.clock_synced:
        return Finding(subject, "good", "tersinkron / in sync")
    text = "tidak tersinkron / not in sync"
    return Finding(
        subject, "look", text, "the hub gives the time while it is connected; a time server is better"
    )


def _broker(facts: Facts) -> Finding:
    subject = "broker"
    status = facts.status
    if status is not None and status["reached"]:
        return Finding(subject, "good", "pusat menjawab / the hub answers")
    if facts.broker:
        return Finding(subject, "bad", facts.broker, "cable, address and port in [broker], the site's router")
    if status is None:
        return Finding(subject, "good", "dapat dihubungi / can be reached")
    if status["connected"]:
        text = "broker menjawab, pusat tidak / the broker answers, the hub does not"
        return Finding(subject, "bad", text, "telephone the command room: does the hub run?")
    advice = "certificate, its dates, this board's clock; is the gateway revoked?"
    return Finding(subject, "bad", f"ditolak / refused: {status['trouble'] or '?'}", advice)


def _box(facts: Facts) -> Iterator[Finding]:
    free = facts.disk_free_bytes
    if free is not None:
        text = f"{free // 1_000_000} MB bebas / free"
        little = free < LITTLE_BYTES
        yield Finding(
            "kartu / card",
            "look" if little else "good",
            text,
            "journalctl --vacuum-size=50M" if little else "",
        )
    if facts.under_voltage:
        advice = "another supply (5.1 V, 3 A or more) and a short cable"
        yield Finding("catu daya / supply", "bad", "tegangan kurang / too low a voltage", advice)
    if facts.throttled:
        text = "papan melambat / the board has slowed down since its start"
        yield Finding("papan / board", "look", text, "supply and cooling")
    if facts.cpu_c is not None:
        warm: Level = "look" if facts.cpu_c >= HOT_C else "good"
        yield Finding("suhu / temperature", warm, f"{facts.cpu_c:.0f} °C", "shade, air, a cooling plate")


def _devices(status: dict[str, Any]) -> Iterator[Finding]:
    for one in status["devices"]:
        if one["down"] or (one["reason"] and one["age_ms"] is None):
            yield Finding(one["device"], "bad", f"{one['reason']}: {one['text']}", one["hint"])
        else:
            seen = "" if one["age_ms"] is None else f", {waiting.age_text(one['age_ms'])}"
            yield Finding(one["device"], "good", f"menjawab / answers{seen}")


def _waiting(status: dict[str, Any]) -> Iterator[Finding]:
    for lane, one in status["lanes"].items():
        age_ms = one["oldest_age_ms"] or 0
        if one["waiting"] and (lane == "panic" or age_ms > OLD_MS):
            text = f"{one['waiting']} menunggu / wait, {waiting.age_text(age_ms)}"
            yield Finding(f"jalur / lane {lane}", "look", text, waiting.why(status, lane, running=True))
        if one["lost"]:
            text = f"{one['lost']} hilang / lost since the spool was made"
            yield Finding(
                f"jalur / lane {lane}", "look", text, "a line too slow for too long, or a larger [spool]"
            )
