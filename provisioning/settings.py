"""What the city's trust service is told: ``city.toml`` in the folder of the issuing authority.

Relative paths count from that folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from contract.credentials import placed
from contract.strict_toml import load
from hub.config import SYSLOG
from provisioning.errors import AuthorityError

FILE = "city.toml"
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all tables of the file."""


class EnrolmentSection(_Section, frozen=True, kw_only=True):
    """Where gateways enrol and renew their certificates.

    Attributes:
        url: as gateways reach it. Its host must stand in the certificate.
        certificate, key: of ``siaga-provision server``.
    """

    url: Annotated[str, msgspec.Meta(pattern=r"^https://[A-Za-z0-9.\[\]:-]+$")]
    listen: str = "0.0.0.0"  # noqa: S104 - the fleet comes from outside
    port: Port = 8443
    certificate: Path = Path("servers/enrolment/cert.pem")
    key: Path = Path("servers/enrolment/key.pem")


class BrokerSection(_Section, frozen=True, kw_only=True):
    """The broker of the city, on this machine.

    Attributes:
        folder: where its configuration and access list are written.
        trust: file in which the hub reads who is trusted; ``trust.json`` in the folder above where none is named.
        reload: command by which it reads them anew; empty where something watches the folder.
        listen, port: where it listens; an address.
        certificate, key: of ``siaga-provision server``.
    """

    folder: Path
    trust: Path = Path()
    reload: tuple[str, ...] = ()
    listen: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-fA-F.:]+$")] = "0.0.0.0"  # noqa: S104 - the fleet comes from outside
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 8883
    certificate: Path = Path("servers/broker/cert.pem")
    key: Path = Path("servers/broker/key.pem")


class AuditSection(_Section, frozen=True, kw_only=True):
    """Where the head of the trail is noted each hour, best on another machine.

    Attributes:
        file: a line of JSON is added to it; what it says is read back and held against the trail.
        syslog: ``/dev/log``, or ``host:port`` of a server that takes datagrams.
    """

    file: Path | None = None
    syslog: Annotated[str, msgspec.Meta(pattern=SYSLOG)] = ""


class CardSection(_Section, frozen=True, kw_only=True):
    """What the cards of new gateways are made of.

    Attributes:
        profile: folder of the region profile.
        gateways: folder with the equipment of each gateway, as ID.toml.
        networks: folder with the network of each site that is no plain cable, as SITE.toml.
        software: folder with Siaga's wheel and what it needs; None where the image has it.
        technicians: file of public keys that may log in at a gateway; None: nobody may.
        time_servers: whom gateways ask for the time; best one that answers without the hub.
        country: whose rules for radio count.
        broker: the broker's name or address as gateways reach it; empty: the enrolment's.
        console: address of the hub's pages as phones reach it, for the labels; empty: none.
    """

    profile: Path
    gateways: Path = Path("gateways")
    networks: Path = Path("networks")
    software: Path | None = None
    technicians: Path | None = None
    time_servers: tuple[str, ...] = ("0.id.pool.ntp.org", "1.id.pool.ntp.org")
    country: str = "ID"
    broker: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9.:-]*$")] = ""
    console: Annotated[str, msgspec.Meta(pattern=r"^(https://[A-Za-z0-9.\[\]:-]+)?$")] = ""


class City(_Section, frozen=True, kw_only=True):
    """The whole file, with every path absolute."""

    enrolment: EnrolmentSection
    broker: BrokerSection
    card: CardSection | None = None
    audit: AuditSection = AuditSection()


def load_city(folder: Path) -> City:
    """Read the settings of the city in that folder.

    Raises:
        AuthorityError: there is no such file.
        contract.strict_toml.TomlError: with file, line and what to write instead.
    """
    folder = folder.resolve()
    if not (folder / FILE).exists():
        raise AuthorityError(f"{folder / FILE} is not there", "write it as the operator guide shows")
    city = load(folder / FILE, City)
    replace, enrolment, broker = msgspec.structs.replace, city.enrolment, city.broker
    place = (folder / broker.folder).resolve()
    return replace(
        city,
        enrolment=replace(
            enrolment, certificate=folder / enrolment.certificate, key=placed(enrolment.key, folder)
        ),
        broker=replace(
            broker,
            folder=place,
            trust=place / "trust.json" if broker.trust == Path() else folder / broker.trust,
            certificate=folder / broker.certificate,
            key=placed(broker.key, folder),
        ),
        card=None if city.card is None else _card(city.card, folder),
        audit=replace(city.audit, file=None if city.audit.file is None else placed(city.audit.file, folder)),
    )


def _card(card: CardSection, folder: Path) -> CardSection:
    return msgspec.structs.replace(
        card,
        profile=folder / card.profile,
        gateways=folder / card.gateways,
        networks=folder / card.networks,
        software=None if card.software is None else folder / card.software,
        technicians=None if card.technicians is None else folder / card.technicians,
    )
