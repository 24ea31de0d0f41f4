"""Mosquitto's configuration as Siaga wants it. Pure text, and one function that writes it down.

The broker keeps nothing: what it loses, the gateways send again. Every limit is written out, because the
defaults drop silently at a thousand queued messages and take packets of 256 MB.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from contract.messages import MAX_FRAME_BYTES
from contract.whole_file import write_bytes, write_text
from provisioning import acl
from provisioning.ca import Identity

ACL, CRL, CERTIFICATE = "acl", "crl.pem", "broker.pem"
"""Files of the broker's folder: who may say what, who is revoked, and the broker's own certificate."""

PACKET_HEAD_ROOM_BYTES = 4096
"""Room for topic and properties in a packet that carries the largest frame."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the broker holds at most.

    Attributes:
        inflight_messages: unacknowledged messages each way per connection, also told to MQTT 5 clients as
            receive maximum. A gateway has 32 telemetry frames out and four slots free for a panic.
        queued_messages, queued_bytes: waiting for one connection before the broker drops. A drop of a frame
            costs a resend; the hub's control connection never sees samples, so its queue holds nothing big.
        memory_bytes: of the whole broker: two full hub queues and as much again.
        connections: at once.
        keepalive_s: the longest silence that a client may ask for.
    """

    inflight_messages: int = 64
    queued_messages: int = 20_000
    queued_bytes: int = 64 * 1024 * 1024
    memory_bytes: int = 256 * 1024 * 1024
    connections: int = 4096
    keepalive_s: int = 120


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Listener:
    """Where the broker listens, and as whom it runs.

    Attributes:
        host, port: of the only listener.
        identity: the broker's certificate and the authority whose clients may come.
        user: the account to change to when started as root; None leaves Mosquitto's own choice.
    """

    host: str
    port: int
    identity: Identity
    user: str | None = None


def render(listener: Listener, acl_file: Path, crl_file: Path, limits: Limits = DEFAULT_LIMITS) -> str:
    """The text of mosquitto.conf."""
    identity = listener.identity
    settings: list[tuple[str, object]] = [
        ("per_listener_settings", "false"),
        ("allow_anonymous", "false"),
        ("acl_file", acl_file),
        ("persistence", "false"),
        ("max_inflight_messages", limits.inflight_messages),
        ("max_queued_messages", limits.queued_messages),
        ("max_queued_bytes", limits.queued_bytes),
        ("max_keepalive", limits.keepalive_s),
        # A larger payload is refused with its PUBACK and the connection lives; a larger packet ends the
        # connection.
        ("message_size_limit", MAX_FRAME_BYTES),
        ("max_packet_size", MAX_FRAME_BYTES + PACKET_HEAD_ROOM_BYTES),
        ("memory_limit", limits.memory_bytes),
        ("queue_qos0_messages", "false"),
        ("set_tcp_nodelay", "true"),
        ("sys_interval", 10),
        ("log_dest", "stderr"),
        ("log_type", "error"),
        ("log_type", "warning"),
        ("log_type", "notice"),
        ("connection_messages", "true"),
        ("listener", f"{listener.port} {listener.host}"),
        ("protocol", "mqtt"),
        ("max_connections", limits.connections),
        ("cafile", identity.authority),
        ("certfile", identity.certificate),
        ("keyfile", identity.key),
        ("crlfile", crl_file),
        ("tls_version", "tlsv1.2"),
        ("require_certificate", "true"),
        ("use_identity_as_username", "true"),
        # Without this a certificate could take over another's session by its client id.
        ("use_username_as_clientid", "true"),
    ]
    if listener.user:
        settings.insert(0, ("user", listener.user))
    head = "# Written by siaga-provision; changes are overwritten.\n"
    return head + "".join(f"{name} {value}\n" for name, value in settings)


def write(
    folder: Path,
    listener: Listener,
    gateways: Iterable[acl.Enrolled],
    crl: bytes,
    limits: Limits = DEFAULT_LIMITS,
) -> Path:
    """Write mosquitto.conf and what it names into the folder; return the path of mosquitto.conf. Idempotent.

    Args:
        crl: lists of revoked certificates in PEM, one of each issuing authority whose certificates are in use.
    """
    write_acl(folder, gateways)
    write_crl(folder, crl)
    return write_config(folder, listener, limits)


def write_config(folder: Path, listener: Listener, limits: Limits = DEFAULT_LIMITS) -> Path:
    """Write mosquitto.conf alone; its path. Idempotent."""
    config = folder / "mosquitto.conf"
    write_text(config, render(listener, folder / ACL, folder / CRL, limits), mode=0o600)
    return config


def write_acl(folder: Path, gateways: Iterable[acl.Enrolled]) -> None:
    """Write the ACL file; a running broker reads it again on SIGHUP. Idempotent."""
    write_text(folder / ACL, acl.render(gateways), mode=0o640)


def write_crl(folder: Path, crl: bytes) -> None:
    """Write the lists of revoked certificates; a running broker reads them again on SIGHUP. Idempotent."""
    write_bytes(folder / CRL, crl, mode=0o640)
