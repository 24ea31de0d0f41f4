"""The same walls as files, for a Grafana that is provisioned at its start: the demo's, or one without an API token.

YAML is a superset of JSON, so the files are JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contract.whole_file import write_text
from grafana import alerts, folders
from grafana.wanted import Wanted

INI = """; What Siaga needs of Grafana. Nobody looks without a login, nobody makes accounts, nothing is told to others.
[auth.anonymous]
enabled = false

[users]
allow_sign_up = false
allow_org_create = false
default_language = id-ID

[auth]
disable_login_form = false

[security]
disable_gravatar = true
cookie_samesite = strict
content_security_policy = true
allow_embedding = false

[analytics]
reporting_enabled = false
check_for_updates = false
check_for_plugin_updates = false
feedback_links_enabled = false

[snapshots]
external_enabled = false

[public_dashboards]
enabled = false

[plugins]
preinstall_disabled = true
plugin_admin_enabled = false

[news]
news_feed_enabled = false

[date_formats]
default_timezone = {zone}

[dashboards]
min_refresh_interval = 5s
default_home_dashboard_path = {home}
"""


KINDS = ("alerting", "notifiers", "plugins")
"""Folders that Grafana looks into at its start, beside those with something in them."""


def write(into: Path, wanted: Wanted) -> int:
    """Write everything below a folder; how many files there are.

    Files with secrets are for their owner only.
    """
    boards = into / "dashboards"
    found: dict[Path, Any] = {
        into / "provisioning" / "datasources" / "siaga.yaml": {
            "apiVersion": 1,
            "datasources": [_source(one) for one in wanted.sources],
        },
        into / "provisioning" / "dashboards" / "siaga.yaml": {
            "apiVersion": 1,
            "providers": [_provider(folder, boards) for folder in folders.FOLDERS],
        },
    }
    if wanted.contact_points:
        found[into / "provisioning" / "alerting" / "siaga.yaml"] = _alerting(wanted)
    for uid, (folder, content) in wanted.dashboards.items():
        found[boards / folder / f"{uid}.json"] = content
    for place, content in found.items():
        _write(place, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    for kind in KINDS:  # Grafana tells as an error that one is not there
        (into / "provisioning" / kind).mkdir(parents=True, exist_ok=True)
    home = boards / wanted.dashboards[folders.HOME][0] / f"{folders.HOME}.json"
    _write(into / "siaga.ini", INI.format(zone=wanted.zone, home=home.resolve()))
    return len(found) + 1


def _write(place: Path, text: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    write_text(place, text, mode=0o600 if "secureJsonData" in text else 0o644)


def _source(source: Mapping[str, Any]) -> dict[str, Any]:
    return {**source, "orgId": 1, "editable": False}


def _provider(folder: folders.Folder, boards: Path) -> dict[str, Any]:
    return {
        "name": folder.title,
        "orgId": 1,
        "folder": folder.title,
        "folderUid": folder.uid,
        "type": "file",
        "disableDeletion": True,
        "allowUiUpdates": False,
        "updateIntervalSeconds": 30,
        "options": {"path": str((boards / folder.uid).resolve())},
    }


def _alerting(wanted: Wanted) -> dict[str, Any]:
    receivers = [{key: point[key] for key in ("uid", "type", "settings")} for point in wanted.contact_points]
    rules = [
        {key: value for key, value in rule.items() if key not in ("folderUID", "ruleGroup")}
        for rule in alerts.rules(wanted.city)
    ]
    group = {
        "orgId": 1,
        "name": alerts.GROUP,
        "folder": alerts.FILED,
        "interval": "1m",
        "rules": rules,
    }
    return {
        "apiVersion": 1,
        "groups": [group],
        "contactPoints": [{"orgId": 1, "name": alerts.CONTACT, "receivers": receivers}],
    }
