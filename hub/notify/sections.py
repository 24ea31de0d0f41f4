"""What the hub's configuration says of ways to reach people, of answers, of CAP, and of exercises."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Literal

import msgspec

from contract.strict_toml import Mistake
from hub.notify.fence import EXERCISE, is_exercise

Kind = Literal["webhook", "apprise", "cap", "sms", "telegram", "mqtt"]
SmsBy = Literal["gammu_files", "http", "modem_manager"]
Name = Annotated[str, msgspec.Meta(pattern=r"^[^\s,<&]{1,100}$")]


class ChannelSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Address and secret of a channel.

    Attributes:
        kind: where it is not given, ``webhook`` with a url and ``apprise`` with a url_file.
        url: of a webhook, of a receiver of CAP messages, of an SMS provider, or of a broker (``mqtts://host:port``).
        url_file: a file with an Apprise URL, or with that of gammu-smsd's database (they have secrets in them).
        secret_file: key that signs what a webhook or a receiver of CAP gets; token of an SMS provider; password of
            ``user`` at a broker.
        by: what an SMS channel has.
        folder: the spool of gammu-smsd, with its folders inbox, outbox, sent and error.
        modem: ModemManager's number or path of the modem; ``any`` is the first.
        chat: number of the Telegram chat that the bot of ``secret_file`` writes into.
        only: the telephone numbers that an SMS channel for exercises may send to.
        topic, user: that a broker is told about, and as whom.
        ca: of a broker: the authority that has signed its certificate; not given, those that the system trusts.
        certificate, key: the hub's own at a broker that asks for one.
    """

    kind: Literal["", "webhook", "apprise", "cap", "sms", "telegram", "mqtt"] = ""
    url: str = ""
    url_file: str = ""
    secret_file: str = ""
    by: Literal["", "gammu_files", "gammu_sql", "http", "modem_manager"] = ""
    folder: str = ""
    modem: Annotated[str, msgspec.Meta(pattern=r"^(any|\d{1,3}|/[A-Za-z0-9/_]{1,100})$")] = "any"
    chat: Annotated[str, msgspec.Meta(pattern=r"^(-?\d{1,20})?$")] = ""
    only: tuple[str, ...] = ()
    topic: Annotated[str, msgspec.Meta(pattern=r"^[^#+$\x00][^#+\x00]{0,199}$|^$")] = ""
    user: str = ""
    ca: str = ""
    certificate: str = ""
    key: str = ""

    @property
    def what(self) -> Kind:
        """The kind of channel that it is."""
        if self.kind:
            return self.kind
        return "webhook" if self.url else "apprise"


class AnswersSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Links by which contacts answer.

    Attributes:
        address: of the hub as contacts' telephones reach it.
        key_file: at least 32 random bytes; whoever has them can answer for every contact.
    """

    address: Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s/?#]+$")]
    key_file: Annotated[str, msgspec.Meta(min_length=1)]


class CapSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """CAP messages; without a sender none is made.

    Attributes:
        sender: name of this hub among all senders of CAP, as ``siaga@kota.go.id``; receivers know messages by it.
        push: ids of channels of kind ``cap`` that get every message in earnest.
        exercise_push: of those of ``[exercise.channels]`` that get the messages of exercises.
    """

    sender: Name | Literal[""] = ""
    push: tuple[str, ...] = ()
    exercise_push: tuple[str, ...] = ()


class ExerciseSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom exercises reach, and nothing else does: channels and places of their own."""

    channels: dict[str, ChannelSection] = {}
    allow: tuple[str, ...] = ()
    private: tuple[str, ...] = ()


def channel_mistakes(channels: Mapping[str, ChannelSection], *at: str) -> Iterator[Mistake]:
    """What is wrong with the channels of one table."""
    for name, channel in channels.items():
        place = (*at, name)
        if channel.what == "sms":
            yield from _sms_mistakes(channel, place)
        elif channel.what == "telegram":
            if not (channel.chat and channel.secret_file):
                yield Mistake(
                    "a bot has a token and writes into a chat", at=place, instead="secret_file and chat"
                )
        elif channel.what == "mqtt":
            yield from _mqtt_mistakes(channel, place)
        elif bool(channel.url) == bool(channel.url_file):
            yield Mistake(
                "one of url and url_file must be given",
                at=place,
                instead="url with secret_file for a webhook, url_file for Apprise",
            )
        elif channel.url and channel.what == "apprise":
            yield Mistake("Apprise URLs have secrets in them", at=place, instead="url_file")
        elif channel.url_file and channel.what != "apprise":
            yield Mistake(f"a channel of kind {channel.what} has no url", at=place, instead="url")
        elif channel.url and not channel.secret_file:
            yield Mistake("a webhook is always signed", at=place, instead="secret_file with its key")


def _mqtt_mistakes(channel: ChannelSection, place: tuple[str, ...]) -> Iterator[Mistake]:
    if not channel.url.startswith("mqtts://") or not channel.topic:
        yield Mistake(
            "a broker is spoken to by TLS, about a topic",
            at=place,
            instead='url = "mqtts://broker.example:8883" and topic',
        )
    if bool(channel.user) != bool(channel.secret_file):
        yield Mistake("user and secret_file belong together", at=place, instead="both, or neither")
    if bool(channel.certificate) != bool(channel.key):
        yield Mistake("certificate and key belong together", at=place, instead="both, or neither")


def _sms_mistakes(channel: ChannelSection, place: tuple[str, ...]) -> Iterator[Mistake]:
    if not channel.by:
        yield Mistake("nothing says how SMS go out", at=place, instead='by = "gammu_files"')
    elif channel.by == "gammu_files" and not channel.folder:
        yield Mistake("where gammu-smsd has its files", at=place, instead='folder = "/var/spool/gammu"')
    elif channel.by == "gammu_sql" and not channel.url_file:
        yield Mistake("where gammu-smsd has its tables", at=place, instead="url_file with the database's URL")
    elif channel.by == "http" and not (channel.url and channel.secret_file):
        yield Mistake("a provider has an address and a token", at=place, instead="url and secret_file")


def exercise_mistakes(
    exercise: ExerciseSection, channels: Mapping[str, ChannelSection], places: Collection[str]
) -> Iterator[Mistake]:
    """What would let an exercise out, or reality in.

    Args:
        channels, places: the channels in earnest, and the hosts that they may call.
    """
    modems = {_modem(channel): name for name, channel in channels.items() if channel.what == "sms"}
    for name in channels:
        if is_exercise(name):
            yield Mistake(
                f"{EXERCISE}… is for exercises", at=("channels", name), instead="[exercise.channels]"
            )
    for name, channel in exercise.channels.items():
        if not is_exercise(name):
            yield Mistake(
                "a channel for exercises says so in its name",
                at=("exercise", "channels", name),
                instead=f"{EXERCISE}{name}",
            )
        if channel.what == "sms" and not channel.only:
            yield Mistake(
                "a modem reaches everybody",
                at=("exercise", "channels", name),
                instead="only = [the numbers of those who take part]",
            )
        if channel.what == "sms" and _modem(channel) in modems:
            yield Mistake(
                f"{modems[_modem(channel)]} sends by this modem in earnest",
                at=("exercise", "channels", name),
                instead="a modem of its own, so that what comes back is of an exercise too",
            )
    for key in ("allow", "private"):
        both = sorted(set(getattr(exercise, key)) & set(places))
        if both:
            yield Mistake(
                f"{both[0]} is called in earnest too",
                at=("exercise", key),
                instead="a host or port of its own, so that no exercise can arrive there",
            )


def _modem(channel: ChannelSection) -> tuple[str, ...]:
    number = channel.modem if channel.by == "modem_manager" else ""
    return (channel.by, channel.folder, channel.url, channel.url_file, number)


def cap_mistakes(
    cap: CapSection, channels: Mapping[str, ChannelSection], exercise: Mapping[str, ChannelSection]
) -> Iterator[Mistake]:
    """Channels to push CAP messages to that are not there or of another kind."""
    for key, named, there in (("push", cap.push, channels), ("exercise_push", cap.exercise_push, exercise)):
        for name in named:
            if name not in there or there[name].what != "cap":
                yield Mistake(f"{name!r} is no channel of kind cap", at=("cap", key), instead='kind = "cap"')
    if (cap.push or cap.exercise_push) and not cap.sender:
        yield Mistake("who sends them", at=("cap",), instead='sender = "siaga@kota.example"')
