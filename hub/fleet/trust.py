"""What the city's authority tells the hub: who is revoked, and what ends when. Pure.

It is one small file, written whole at each change and every day, because the hub must know it while the authority is
away, and the authority must be able to take trust away while the hub is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Literal

import msgspec

from contract.errors import DecodeError

Kind = Literal["gateway", "service", "authority", "root"]

DAY_MS = 86_400_000
REISSUED_MS = DAY_MS
"""How often the authority issues its list of revoked certificates anew."""

LATE_MS = 2 * REISSUED_MS
"""An older list says that whoever issues it has stopped."""

LAST_DAYS_MS = 7 * DAY_MS
"""With less than this left to the list, somebody must act now: when it has ended, the broker lets nobody in."""

BEHIND_MS = 5 * 60_000
"""A file from further in the future says that this machine's clock is behind."""

NEAR: MappingProxyType[Kind, tuple[int, int]] = MappingProxyType(
    {"gateway": (14, 3), "service": (30, 7), "authority": (120, 30), "root": (365, 120)}
)
"""Days before the end of a certificate from which it is told, and from which it is pressing. A gateway renews by itself
30 days before; a service's is a person's work; an authority gives out nothing that outlives it."""


class Ending(msgspec.Struct, frozen=True):
    """A certificate in use.

    Attributes:
        name: gateway id, or what the certificate is of.
    """

    name: str
    kind: Kind
    ends_ms: int


class Key(msgspec.Struct, frozen=True):
    """What a gateway signs with, for what has no room for its certificate.

    Attributes:
        public: its point on P-256, compressed, in hex.
        ends_ms: of its certificate.
    """

    gateway: str
    public: Annotated[str, msgspec.Meta(pattern=r"^0[23][0-9a-f]{64}$")]
    ends_ms: int


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file.

    Attributes:
        written_ms: when, by the authority's clock. Its list of revoked certificates was issued then.
        list_ends_ms: when the first of the lists ends.
        revoked: gateways that were trusted once and are no more.
        endings: of every certificate that somebody works with now.
        keys: of trusted gateways, with those of certificates that a renewal has followed and that have not ended.
    """

    version: Literal[1] = 1
    written_ms: int
    list_ends_ms: int
    revoked: tuple[str, ...] = ()
    endings: tuple[Ending, ...] = ()
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one thing stands.

    Attributes:
        name, condition: of the alarm that this is about; for a gateway the name is its id.
        severity: 0..3, None where all is well.
        ends_ms: when what it is about ends; of a clock, what the authority's said.
    """

    name: str
    condition: str
    severity: int | None
    ends_ms: int


def encode(trust: Trust) -> bytes:
    """As the file holds it."""
    return msgspec.json.format(msgspec.json.encode(trust), indent=1) + b"\n"


def decode(text: bytes) -> Trust:
    """Read the file.

    Raises:
        DecodeError: it is something else.
    """
    try:
        return msgspec.json.decode(text, type=Trust)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError("trust", str(error)) from error


def judge(trust: Trust, own: Iterable[Ending], *, now_ms: int) -> Iterator[Verdict]:
    """How the list, the clock and every certificate stand.

    Args:
        own: the hub's own certificates.
    """
    yield Verdict(
        "broker", condition="revocation_list", severity=_of_list(trust, now_ms), ends_ms=trust.list_ends_ms
    )
    behind = 2 if trust.written_ms > now_ms + BEHIND_MS else None
    yield Verdict("hub", condition="clock_behind", severity=behind, ends_ms=trust.written_ms)
    for one in (*trust.endings, *own):
        yield judge_certificate(one, now_ms=now_ms)


def judge_certificate(one: Ending, *, now_ms: int) -> Verdict:
    """How near its end a certificate is."""
    soon, pressing = (days * DAY_MS for days in NEAR[one.kind])
    left_ms = one.ends_ms - now_ms
    severity = 2 if left_ms <= pressing else 1 if left_ms <= soon else None
    return Verdict(one.name, condition="certificate", severity=severity, ends_ms=one.ends_ms)


def _of_list(trust: Trust, now_ms: int) -> int | None:
    left_ms = trust.list_ends_ms - now_ms
    if left_ms <= 0:
        return 3
    if left_ms <= LAST_DAYS_MS:
        return 2
    return 1 if now_ms - trust.written_ms > LATE_MS else None
