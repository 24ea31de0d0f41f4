"""Who the gateway is, where its broker is, and what its spool may take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from contract.errors import ContractError
from contract.strict_toml import Mistake, MistakesError
from contract.topics import check_gateway
from edge.config.section import Name, Port, Section


class Gateway(Section, frozen=True, kw_only=True):
    """Who this gateway is: as enrolled, and as in the CN of its certificate."""

    id: str
    cell: Annotated[int, Meta(ge=0, le=63, description="the cell given at enrolment, 0 to 63")]
    site: Name
    beat_s: Annotated[float, Meta(ge=1, le=3600, description="seconds: 10, or 60 on a metered link")] = 10.0

    def __post_init__(self) -> None:
        try:
            check_gateway(self.id)
        except ContractError as error:
            raise MistakesError(Mistake(error.message, at=("id",), instead=error.hint)) from None


class Broker(Section, frozen=True, kw_only=True):
    """Where the broker is, and the certificates of mutual TLS. There is no other way in."""

    host: Annotated[str, Meta(min_length=1)]
    port: Port = 8883
    ca_file: Path
    cert_file: Path
    key_file: Path
    keepalive_s: Annotated[int, Meta(ge=5, le=1200)] = 30


class Enrolment(Section, frozen=True, kw_only=True):
    """Where the gateway gets its next certificate before the present one ends."""

    url: Annotated[
        str, Meta(pattern=r"^https://[A-Za-z0-9.\[\]:-]+$", description="https://host:port, as in the claim")
    ]


class Box(Section, frozen=True, kw_only=True):
    """The box itself as a device."""

    name: Name
    poll_s: Annotated[float, Meta(ge=5, le=3600)] = 60.0
    modem: Annotated[str, Meta(pattern=r"^(any|[0-9]+)$")] | None = None
    """As ModemManager counts them; its signal is sampled too."""


class Sms(Section, frozen=True, kw_only=True):
    """Whom a gateway with a modem texts."""

    numbers: Annotated[
        tuple[
            Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{6,14}$", description='a number, as "+62811…"')], ...
        ],
        Meta(min_length=1, max_length=5),
    ]
    hub: Annotated[str, Meta(pattern=r"^(\+[1-9][0-9]{6,14})?$", description='a number, as "+62811…"')] = ""
    """Number of the hub's own modem: a signed text to it is a press there too. Empty: people alone are texted."""
    modem: Annotated[str, Meta(pattern=r"^(any|[0-9]+)$")] = "any"
    """As ModemManager counts them."""


class SecondPath(Section, frozen=True, kw_only=True):
    """How a press is told when no receipt comes in 10 s. The first way that works is enough."""

    url: (
        Annotated[
            str,
            Meta(
                pattern=r"^https://[A-Za-z0-9.\[\]:-]+$", description="https://host:port of the hub's pages"
            ),
        ]
        | None
    ) = None
    sms: Sms | None = None
    """Only tried when `url` has failed."""

    def __post_init__(self) -> None:
        if self.url is None and self.sms is None:
            instead = 'url = "https://…", or a [second_path.sms]'
            raise MistakesError(Mistake("neither url nor sms", at=(), instead=instead))


class SpoolSettings(Section, frozen=True, kw_only=True):
    """The spool's file and what each lane may take of the card, in MB of 10^6 bytes."""

    path: Path = Path("spool.sqlite")
    telemetry_mb: Annotated[float, Meta(ge=1)] = 512.0
    event_mb: Annotated[float, Meta(ge=0.5)] = 32.0
    panic_mb: Annotated[float, Meta(ge=0.5)] = 8.0
