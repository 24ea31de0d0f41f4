"""Channels from the hub's configuration, by kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hub.clock import Clock
from hub.errors import ConfigError
from hub.notify.channels.base import Channel
from hub.notify.channels.by_apprise import AppriseChannel
from hub.notify.channels.recording import RecordingChannel
from hub.notify.channels.webhook import WebhookChannel
from hub.outbound import Outbound

LEAST_SECRET_BYTES = 16


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """One channel of the hub's configuration.

    Attributes:
        id: as in the region profile's agencies.
        kind: ``webhook``, ``apprise`` or ``recording``.
        url: where to; of an Apprise channel it holds secrets.
        secret: of a webhook: what its signature is made with, shared with the receiver.
    """

    id: str
    kind: str
    url: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)


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
            secret = spec.secret.encode()
            if not spec.url or len(secret) < LEAST_SECRET_BYTES:
                raise ConfigError(
                    f"webhook {spec.id} needs a URL and a secret of at least {LEAST_SECRET_BYTES} bytes"
                )
            return WebhookChannel(spec.url, secret, outbound, clock)
        case "apprise":
            return AppriseChannel(spec.url)
        case "recording":
            return RecordingChannel()
        case _:
            raise ConfigError(
                f"channel {spec.id} has the unknown kind {spec.kind!r}", "webhook, apprise or recording"
            )
