"""Names that may stand in a client certificate.

The broker takes a client's user name and client id from the common name of its certificate, and the ACL
binds topics to it. A name with ``+``, ``#`` or ``/`` could widen a topic, and two clients of one name would
take over each other's connection, so only two forms exist: a gateway id, and the names of the hub's
connections.
"""

from __future__ import annotations

from contract.errors import TopicError
from contract.topics import WATCH, check_gateway
from provisioning.errors import NameRefused

HUB_CONTROL = "hub"
"""The hub's connection for panic, event, beat, reply and state. It says everything that goes down."""

HUB_TELEMETRY = "hub-telemetry"
"""The hub's connection for samples: a name of its own, because one name is one connection at the broker."""

HUB_NAMES = (HUB_CONTROL, HUB_TELEMETRY, WATCH)


def check_gateway_name(name: str) -> str:
    """Return the name unchanged if a gateway may carry it.

    Raises:
        NameRefused: it is no gateway id, or it is ``hub`` or begins with ``hub-``, which are the hub's own.
    """
    try:
        check_gateway(name)
    except TopicError as error:
        raise NameRefused(error.message, error.hint) from error
    if name == HUB_CONTROL or name.startswith(HUB_CONTROL + "-"):
        raise NameRefused(f"{name!r} is a name of the hub", "call the gateway by its place")
    return name


def check_hub_name(name: str) -> str:
    """Return the name unchanged if it is one of the hub's connections.

    Raises:
        NameRefused: it is not.
    """
    if name not in HUB_NAMES:
        raise NameRefused(f"{name!r} is no connection of the hub", "the hub has " + ", ".join(HUB_NAMES))
    return name


def check_server_name(name: str) -> str:
    """Return the name unchanged if a server's certificate may carry it: letters, digits and ``-``, as a gateway's.

    Raises:
        NameRefused: it is something else.
    """
    try:
        check_gateway(name)
    except TopicError as error:
        raise NameRefused(f"{name!r} is no name of a server", "call it broker, hub or grafana") from error
    return name
