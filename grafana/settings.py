"""``[grafana]`` of hub.toml: where the walls are, and how they read InfluxDB."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from contract.strict_toml import Mistake


class GrafanaSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where ``siaga-hub grafana push`` pushes the walls. Nothing else of the hub reads it.

    Attributes:
        url: of Grafana; empty: there is none.
        token_file: token of a service account with the role Admin; no password of a person.
        influx_url: InfluxDB as Grafana reaches it; empty: as the hub does.
        auth: as in ``[influx]``; of an account that can only read.
        user, secret_file: that account.
        alert_mail: who is told by Grafana itself when the hub is silent; needs its SMTP.
        alert_url: a webhook that is told too.
        wall_token_file: where the token of the wall's account goes; empty: none is made.
    """

    url: str = ""
    token_file: str = ""
    influx_url: str = ""
    auth: Literal["none", "basic", "token", "bearer"] = "none"
    user: str = ""
    secret_file: str = ""
    alert_mail: tuple[str, ...] = ()
    alert_url: str = ""
    wall_token_file: str = ""


FILES = ("token_file", "secret_file", "wall_token_file")
"""Keys that are paths."""


def mistakes(section: GrafanaSection, *, has_influx: bool) -> Iterator[Mistake]:
    """What is wrong with the table."""
    if not section.url:
        return
    parts = urlsplit(section.url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        yield Mistake(
            f"{section.url!r} is no address", at=("grafana", "url"), instead='"https://dinding.kota.example"'
        )
    if not section.token_file:
        yield Mistake(
            "there is no token to push with",
            at=("grafana",),
            instead='token_file = "/etc/siaga/secrets/grafana-token"',
        )
    if not has_influx:
        yield Mistake("the walls show what is in InfluxDB", at=("grafana",), instead="[influx] beside it")
    if (section.auth != "none") != bool(section.secret_file):
        yield Mistake("auth and secret_file belong together", at=("grafana",), instead="both, or neither")
