"""Grafana's data sources: one for each of the three databases, in the three flavours of InfluxDB."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any, Literal

from grafana.asking import LEAST_MS, formatted
from grafana.influxql import TYPE
from hub.kpis.tiers import SOURCES

UIDS = {"raw": "siaga", "minute": "siaga-menit", "long": "siaga-panjang"}
"""By tier. Dashboards find them by name; alert rules, which have no variables, by these."""

SUFFIXES = {"raw": "", "minute": "_minute", "long": "_long"}
"""What the name of each database has behind that of ``[influx]``."""


@dataclass(frozen=True)
class Reader:
    """InfluxDB as Grafana reads it, by an account that cannot write.

    Attributes:
        auth: ``basic`` for 1.x with users (and 2.x with a v1 password); ``token`` for 2.x; ``bearer`` for 3;
            ``none`` where InfluxDB asks nobody.
    """

    url: str
    database: str
    auth: Literal["none", "basic", "token", "bearer"] = "none"
    user: str = ""
    secret: str = field(default="", repr=False)

    @property
    def header(self) -> str:
        """Value of Authorization for the flavours that take a token; else empty."""
        words = {"token": "Token", "bearer": "Bearer"}
        return f"{words[self.auth]} {self.secret}" if self.auth in words else ""


def data_sources(reader: Reader, *, sealed_with: str = "") -> list[dict[str, Any]]:
    """What Grafana is told of the three, secrets in ``secureJsonData``.

    Args:
        sealed_with: a secret of whoever pushes. Grafana never tells a secret again, so a mark that only who pushes can
            compute says whether it has changed; empty leaves the mark out.
    """
    return [_data_source(reader, tier, sealed_with) for tier in SOURCES]


def _data_source(reader: Reader, tier: str, sealed_with: str) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "dbName": reader.database + SUFFIXES[tier],
        "httpMode": "POST",
        "version": "InfluxQL",
        "timeInterval": formatted(LEAST_MS[tier]),
    }
    found: dict[str, Any] = {
        "uid": UIDS[tier],
        "name": SOURCES[tier],
        "type": TYPE,
        "access": "proxy",
        "url": reader.url,
        "basicAuth": reader.auth == "basic",
        "basicAuthUser": reader.user if reader.auth == "basic" else "",
        "isDefault": tier == "raw",
        "jsonData": settings,
    }
    if reader.auth == "basic":
        found["secureJsonData"] = {"basicAuthPassword": reader.secret}
    elif reader.header:
        settings["httpHeaderName1"] = "Authorization"
        found["secureJsonData"] = {"httpHeaderValue1": reader.header}
    if sealed_with and reader.secret:
        mark = hmac.new(sealed_with.encode(), reader.secret.encode(), hashlib.sha256)
        settings["siagaSecret"] = mark.hexdigest()[:16]
    return found
