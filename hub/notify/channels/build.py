"""Channels from the hub's configuration, by kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hub.clock import Clock
from hub.errors import ConfigError
from hub.notify.asks import plain_number
from hub.notify.channels import telegram
from hub.notify.channels.base import Channel
from hub.notify.channels.by_apprise import AppriseChannel
from hub.notify.channels.by_cap import CapChannel
from hub.notify.channels.by_mqtt import Broker, MqttChannel
from hub.notify.channels.by_sms import SmsChannel
from hub.notify.channels.mqtt_session import Login
from hub.notify.channels.recording import RecordingChannel
from hub.notify.channels.webhook import WebhookChannel
from hub.notify.sections import ChannelSection
from hub.notify.sms.gammu_files import GammuFiles
from hub.notify.sms.gammu_sql import GammuSql
from hub.notify.sms.gateway import SmsGateway
from hub.notify.sms.http_provider import HttpProvider
from hub.notify.sms.modem_manager import ModemManager
from hub.outbound import Outbound

LEAST_SECRET_BYTES = 16


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """One channel of the hub's configuration, its secrets read.

    Attributes:
        id: as in the region profile's agencies and contacts.
        kind: ``webhook``, ``apprise``, ``cap``, ``sms``, ``telegram``, ``mqtt`` or ``recording``.
        url: where to; of an Apprise channel and of a database it holds secrets.
        secret: of a webhook and of CAP: what its signature is made with, shared with the receiver; of an SMS
            provider its token; of a broker its user's password.
        by, folder, modem: what an SMS channel has.
        only: the numbers that an SMS channel may send to; empty: any.
        chat: number of a Telegram chat.
        topic, user, ca, certificate, key: what a broker is told and shown; the last three are files.
    """

    id: str
    kind: str
    url: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    by: str = ""
    folder: str = ""
    modem: str = "any"
    only: tuple[str, ...] = ()
    chat: str = ""
    topic: str = ""
    user: str = ""
    ca: str = ""
    certificate: str = ""
    key: str = ""


def specs(channels: Mapping[str, ChannelSection]) -> list[ChannelSpec]:
    """The channels of a table of the configuration with their secrets, read from their files.

    Raises:
        OSError: a file cannot be read.
    """
    return [
        ChannelSpec(
            name,
            one.what,
            _content(one.url_file) if one.url_file else one.url,
            _content(one.secret_file) if one.secret_file else "",
            one.by,
            one.folder,
            one.modem,
            tuple(plain_number(number) for number in one.only),
            one.chat,
            one.topic,
            one.user,
            one.ca,
            one.certificate,
            one.key,
        )
        for name, one in channels.items()
    ]


def check_apart(earnest: Iterable[ChannelSpec], exercise: Iterable[ChannelSpec]) -> None:
    """No channel for exercises leads where one in earnest leads, whoever makes its connections.

    Raises:
        ConfigError: one does.
    """
    real = {spec.url: spec.id for spec in earnest if spec.url}
    for spec in exercise:
        if spec.url in real:
            raise ConfigError(f"channel {spec.id} for exercises leads to where {real[spec.url]} leads")


def _content(path: str) -> str:
    return Path(path).read_text(encoding="utf-8").strip()


def build(specs: Iterable[ChannelSpec], outbound: Outbound, clock: Clock) -> Mapping[str, Channel]:
    """The channels by id.

    Raises:
        ConfigError: an id twice, an unknown kind, a URL or secret that cannot be used.
    """
    channels: dict[str, Channel] = {}
    for spec in specs:
        if spec.id in channels:
            raise ConfigError(f"channel {spec.id} is configured twice")
        channels[spec.id] = _build(spec, outbound, clock)
    return channels


def _build(spec: ChannelSpec, outbound: Outbound, clock: Clock) -> Channel:
    match spec.kind:
        case "webhook":
            return WebhookChannel(spec.url, _key(spec), outbound, clock)
        case "cap":
            return CapChannel(spec.url, _key(spec), outbound, clock)
        case "apprise":
            return AppriseChannel(spec.url)
        case "sms":
            return SmsChannel(_gateway(spec, outbound), only=spec.only)
        case "telegram":
            address = spec.url or telegram.ADDRESS
            return telegram.TelegramChannel(spec.secret, spec.chat, outbound, address=address)
        case "mqtt":
            return MqttChannel(_broker(spec), outbound)
        case "recording":
            return RecordingChannel()
        case _:
            raise ConfigError(
                f"channel {spec.id} has the unknown kind {spec.kind!r}",
                "webhook, apprise, cap, sms, telegram or mqtt",
            )


def _key(spec: ChannelSpec) -> bytes:
    secret = spec.secret.encode()
    if not spec.url or len(secret) < LEAST_SECRET_BYTES:
        raise ConfigError(
            f"{spec.kind} {spec.id} needs a URL and a secret of at least {LEAST_SECRET_BYTES} bytes"
        )
    return secret


def _broker(spec: ChannelSpec) -> Broker:
    return Broker(
        url=spec.url,
        topic=spec.topic,
        login=Login(spec.user, spec.secret),
        ca=spec.ca,
        certificate=spec.certificate,
        key=spec.key,
    )


def _gateway(spec: ChannelSpec, outbound: Outbound) -> SmsGateway:
    match spec.by:
        case "gammu_files":
            return GammuFiles(Path(spec.folder))
        case "gammu_sql":
            return GammuSql(spec.url)
        case "http":
            return HttpProvider(spec.url, spec.secret, outbound)
        case "modem_manager":
            return ModemManager(spec.modem)
        case _:
            raise ConfigError(f"nothing says how channel {spec.id} sends SMS", 'by = "gammu_files"')
