"""The guides are true: what they show loads, runs and exists, and what exists is in them."""

import argparse
import ast
import asyncio
import json
import re
import shutil
import time
import typing
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

import edge.cli
import edge.config
import hub.cli
import hub.config
import provisioning.cli
import provisioning.network
import provisioning.settings
import simulator.cli
import watch.cli
import watch.config
from contract import codec, messages
from contract.kinds import EVENT_KINDS, KINDS, PANIC_KINDS, Quality
from contract.topics import DOWN_LEAVES, LANES, UP_LEAVES
from edge.drivers.instruments import SHIPPED, Instrument, Library
from edge.drivers.modbus import EXCEPTIONS
from hub.alarms import machine as alarm_machine
from hub.api.access import Route, only
from hub.api.auth import roles
from hub.api.errors import CODES
from hub.api.routes.table import ROUTES
from hub.clock import SystemClock
from hub.console.routes.table import ROUTES as PAGES
from hub.incidents import machine as incident_machine
from hub.incidents import technical
from hub.install import units
from hub.install.units import Places
from hub.notify import policy
from hub.notify.channels.base import Message
from hub.notify.channels.webhook import WebhookChannel
from hub.outbound import Response
from hub.region import files as region_files
from hub.region import load as load_region
from provisioning.certificates import LEAF_DAYS
from tests.docs import pages
from tests.docs.pages import DOCS, GUIDES, ROOT

OPERATOR, TECHNICIAN, INTEGRATOR, ADMINISTRATOR = GUIDES

PARSERS = {
    "siaga-edge": edge.cli._parser(),
    "siaga-hub": hub.cli._parser(),
    "siaga-provision": provisioning.cli._parser(),
    "siaga-watch": watch.cli._parser(),
    "siaga-demo": simulator.cli._parser(),
}

GATEWAY_HEAD = """
[gateway]
id = "gw-uji"
cell = 1
site = "uji"
"""
BROKER_HEAD = """
[broker]
host = "hub.kota.example"
ca_file = "ca.pem"
cert_file = "gateway.pem"
key_file = "gateway.key"
"""


# Configuration files


def gateway_file(part: str) -> str:
    """A part of a gateway's file with the tables that every file needs."""
    heads = [head for head in (GATEWAY_HEAD, BROKER_HEAD) if head.split()[0] not in part.split()]
    return part + "".join(heads)


@pytest.mark.parametrize("block", pages.marked("toml gateway-part", TECHNICIAN), ids=str)
def test_a_part_of_a_gateways_file_loads(block, tmp_path):
    (tmp_path / "gateway.toml").write_text(gateway_file(block.text))
    assert edge.config.load(tmp_path / "gateway.toml").gateway.id


def test_a_wrong_part_of_a_gateways_file_does_not_load(tmp_path):
    (block, *_) = pages.marked("toml gateway-part", TECHNICIAN)
    (tmp_path / "gateway.toml").write_text(gateway_file(block.text.replace("beat_s", "beat")))
    with pytest.raises(Exception, match="unknown key 'beat'"):
        edge.config.load(tmp_path / "gateway.toml")


def sections(cls: type) -> typing.Iterator[tuple[str, type]]:
    """The tables of a configuration: the key's name and its structure."""
    for field in msgspec.structs.fields(cls):
        pending = [field.type]
        while pending:
            kind = pending.pop()
            if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
                yield field.name, kind
            pending += typing.get_args(kind)


def keys_of(cls: type) -> set[str]:
    """Every key of a configuration, in its tables too."""
    names = {field.encode_name for field in msgspec.structs.fields(cls)}
    return names.union(*(keys_of(section) for _, section in sections(cls)))


def keys_shown(page: str, mark: str) -> set[str]:
    shown = "\n".join(block.text for block in pages.marked(mark, page))
    return set(re.findall(r"([a-z0-9_]+) = ", shown)) | set(re.findall(r"[a-z0-9_]+", " ".join(
        re.findall(r"^\[+([^\]]+)\]", shown, re.MULTILINE)
    )))  # fmt: skip


@pytest.mark.parametrize(
    ("page", "mark", "cls"),
    [
        (TECHNICIAN, "toml gateway-part", edge.config.Config),
        (OPERATOR, "toml hub", hub.config.HubConfig),
        (ADMINISTRATOR, "toml watch", watch.config.Config),
        (OPERATOR, "toml city", provisioning.settings.City),
        (OPERATOR, "toml network", provisioning.network.Network),
        (OPERATOR, "toml region", region_files.StationEntry),
        (TECHNICIAN, "toml instrument", Instrument),
    ],
    ids=["gateway", "hub", "watch", "city", "network", "station", "instrument"],
)
def test_every_key_of_a_configuration_is_shown(page, mark, cls):
    told = keys_shown(page, mark) | pages.words(page) | {word.strip("[]") for word in pages.words(page)}
    # Keys with a default that the example leaves to the reader may be in the text beside it.
    missing = keys_of(cls) - told - {"url_file", "file"} - {"quantity", "quantities"}
    assert not missing, f"{page} does not show {sorted(missing)}"


@pytest.mark.parametrize("block", pages.marked("toml city", OPERATOR), ids=str)
def test_a_citys_file_loads(block, tmp_path):
    path = tmp_path / "city.toml"
    path.write_text(block.text)
    assert provisioning.settings.load_city(tmp_path).broker.port == 8883
    path.write_text(block.text.replace("[broker]", "[brokers]"))
    with pytest.raises(Exception, match="brokers"):
        provisioning.settings.load_city(tmp_path)


def test_a_sites_network_loads(tmp_path):
    (block,) = pages.marked("toml network", OPERATOR)
    path = tmp_path / "pos.toml"
    path.write_text(block.text)
    path.chmod(0o600)
    network = provisioning.network.load_network(path)
    assert network.wired is not None
    assert network.wifi is not None


@pytest.mark.parametrize("block", pages.marked("toml hub", OPERATOR), ids=str)
def test_the_hubs_file_loads(block, tmp_path):
    path = tmp_path / "hub.toml"
    path.write_text(block.text)
    config = hub.config.load_config(path)
    assert {"piket-webhook", "piket-apprise"} <= set(config.channels)
    (part,) = pages.marked("toml backup", ADMINISTRATOR)
    path.write_text(block.text.partition("[backup]")[0] + part.text)
    assert hub.config.load_config(path).backup.recipients
    path.write_text(block.text.replace("[influx]", "[influxdb]"))
    with pytest.raises(Exception, match="influxdb"):
        hub.config.load_config(path)


def test_the_watchs_file_loads(tmp_path):
    (block,) = pages.marked("toml watch", ADMINISTRATOR)
    (tmp_path / "watch.toml").write_text(block.text)
    assert len(watch.config.load_config(tmp_path / "watch.toml").contact) == watch.config.CONTACTS
    (tmp_path / "watch.toml").write_text(block.text.replace("every_s", "every"))
    with pytest.raises(Exception, match="every"):
        watch.config.load_config(tmp_path / "watch.toml")


def test_a_station_loads_in_the_shipped_profile(tmp_path):
    (block,) = pages.marked("toml region", OPERATOR)
    shutil.copytree(ROOT / "profiles" / "kota-contoh", tmp_path / "kota")
    region = tmp_path / "kota" / "region.toml"
    (first, *others) = region.read_text().split("[[station]]\n")
    region.write_text(first + block.text + "\n[[station]]\n" + "[[station]]\n".join(others[1:]))
    station = load_region(tmp_path / "kota").stations["bendung-hulu"]
    assert station.thresholds_mm == (800, 1500, 2000)


def test_the_instrument_file_loads(tmp_path):
    (block,) = pages.marked("toml instrument", TECHNICIAN)
    (tmp_path / "contoh.toml").write_text(block.text)
    instrument = Library([tmp_path]).load("contoh")
    assert {"level_m", "distance_m", "tips"} <= set(instrument.quantities)
    (tmp_path / "tanpa.toml").write_text(
        re.sub(r"^sources.*$", "sources = []", block.text, flags=re.MULTILINE)
    )
    with pytest.raises(Exception, match="sources"):
        Library([tmp_path]).load("tanpa")


def test_every_shipped_instrument_is_listed():
    shown = {
        row[0].strip("`") for row in pages.rows(pages.section(TECHNICIAN, "Choosing an instrument file"))
    }
    assert shown == {file.stem for file in SHIPPED.glob("*.toml")}


# Commands


def parser_of(program: str, arguments: list[str]) -> argparse.ArgumentParser:
    """The parser of the subcommand that the arguments begin with."""
    parser = PARSERS[program]
    for word in arguments:
        choices = next((a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction)), {})
        if word in choices:
            parser = choices[word]
    return parser


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    found = {option for action in parser._actions for option in action.option_strings} - {"-h", "--help"}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found = found.union(*(options_of(sub) for sub in action.choices.values()))
    return found


@pytest.mark.parametrize(
    ("program", "arguments"), [call for page in GUIDES for call in pages.commands(page)], ids=str
)
def test_a_command_in_a_code_block_is_understood(program, arguments):
    PARSERS[program].parse_args(arguments)


def test_there_are_commands_and_a_wrong_one_is_seen():
    calls = [call for page in GUIDES for call in pages.commands(page)]
    assert len(calls) > 10
    assert {program for program, _ in calls} >= {"siaga-edge", "siaga-hub", "siaga-provision"}
    with pytest.raises(SystemExit):
        PARSERS["siaga-hub"].parse_args(["users", "add", "--config", "x", "budi", "--rolle", "admin"])


@pytest.mark.parametrize("page", [*GUIDES, "README.md"])
def test_a_command_in_the_text_has_that_subcommand_and_those_options(page):
    for program, arguments in pages.inline_commands(page):
        parser = parser_of(program, arguments)
        known = options_of(parser)
        assert {word for word in arguments if word.startswith("--")} <= known, arguments
        if arguments and not arguments[0].startswith("-"):
            assert parser is not PARSERS[program], f"{program} has no {arguments[0]}"


def test_every_option_of_hub_gateway_and_provisioning_is_shown():
    shown = "\n".join(pages.text(page) for page in GUIDES)
    for program in ("siaga-edge", "siaga-hub", "siaga-provision", "siaga-watch"):
        for option in options_of(PARSERS[program]):
            assert re.search(rf"{option}\b", shown), f"{program} {option} is in no guide"


def test_the_service_files_start_programs_as_their_parsers_take_them():
    places = Places(*map(Path, ["/p", "/c", "/s", "/a", "/b", "/k", "/d", "/r", "/w"]))
    found = {path.name: text for path, text in units.files(places, []).items()}
    found |= {path.name: path.read_text() for path in (ROOT / "firmware_configs" / "units").glob("*.service")}
    started = set()
    for name, text in found.items():
        for line in re.findall(r"^ExecStart=(.*/siaga-.*)$", text, re.MULTILINE):
            program, *arguments = line.replace("%i", "8").split()
            if Path(program).name in PARSERS:
                PARSERS[Path(program).name].parse_args(arguments)
                started.add(Path(program).name)
        assert not name.endswith(".service") or re.search(r"^UMask=00[27][27]$", text, re.MULTILINE), name
    assert started >= {"siaga-hub", "siaga-provision", "siaga-edge"}


# Routes and errors


ALL_ROUTES = (*ROUTES, Route("GET", "/api/openapi.json", lambda: None, only(roles.EVERYONE), "api"))


def test_the_groups_of_roles_are_the_products():
    shown = {
        row[0]: set(row[1].split(", "))
        for row in pages.rows(pages.section(INTEGRATOR, "Roles"))
        if row[0] != "anyone"
    }
    groups = (
        "EVERYONE",
        "PERSONS",
        "WATCHING",
        "PLANT",
        "WORKING",
        "DISPATCHING",
        "SERVICING",
        "AUDITING",
        "ADMINISTERING",
        "COMMISSIONING",
        "CALLING",
        "ROUTING",
        "REPORTING",
        "KEEPING",
    )
    assert shown == {name.lower(): set(map(str, getattr(roles, name))) for name in groups}


def test_every_route_is_documented_with_who_may_use_it_and_no_other():
    groups = {"anyone": frozenset()}
    for row in pages.rows(pages.section(INTEGRATOR, "Roles"))[1:]:
        groups[row[0]] = frozenset(map(roles.Role, row[1].split(", ")))
    shown = {
        (row[0], row[1].strip("`")): groups[row[2]] for row in pages.rows(pages.section(INTEGRATOR, "Routes"))
    }
    assert shown == {(route.method, route.path): route.access.roles for route in ALL_ROUTES}


def test_every_page_is_documented_with_who_may_open_it_and_no_other():
    groups = {"anyone": frozenset()}
    for row in pages.rows(pages.section(INTEGRATOR, "Roles"))[1:]:
        groups[row[0]] = frozenset(map(roles.Role, row[1].split(", ")))
    shown = {
        row[0].strip("`"): groups[row[1]] for row in pages.rows(pages.section(OPERATOR, "Pages / Halaman"))
    }
    # What a page itself asks for is no page.
    behind = {"/assets/{name}", "/live", "/pulse", "/rivers/{station_id}/points", "/alarms/{alarm_id}/points"}
    assert shown == {
        route.path: route.access.roles
        for route in PAGES
        if route.method == "GET" and route.path not in behind
    }


def test_routes_in_the_text_exist():
    paths = {route.path for route in ALL_ROUTES}
    for page in GUIDES:
        for method, path in re.findall(r"`(?:(GET|POST) )?(/api/[a-z0-9/_{}.-]+)[?`]", pages.prose(page)):
            assert path in paths, f"{page}: {path}"
            assert not method or any(r.path == path and r.method == method for r in ALL_ROUTES), (
                method,
                path,
            )


def test_every_error_code_is_documented_with_its_status():
    shown = {row[1].strip("`"): int(row[0]) for row in pages.rows(pages.section(INTEGRATOR, "Errors"))}
    assert shown == {code: status for code, (status, _, _) in CODES.items()}


def test_every_role_is_explained_to_operators_by_its_label():
    shown = {
        row[0].strip("`"): row[1]
        for row in pages.rows(pages.section(OPERATOR, "First administrator and users"))
    }
    assert shown == {str(role): labels[0] for role, labels in roles.ROLE_LABELS.items()}


# What happens, and why something was refused


def constants(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def first_texts(module: ast.Module, *names: str, at: int = 0) -> set[str]:
    """The constant text at a place of each call of these names."""
    found = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            given = node.args[at] if len(node.args) > at else None
            if isinstance(given, ast.Constant) and isinstance(given.value, str):
                found.add(given.value)
    return found


def constant_texts(nodes) -> set[str]:
    """The texts among expressions, but for the empty one."""
    found = (node.value for node in nodes if isinstance(node, ast.Constant))
    return {value for value in found if isinstance(value, str) and value}


def refusals() -> set[str]:
    """Why accept and the writer refuse a record."""
    accept = constants("hub/ingest/accept.py")
    found = first_texts(accept, "RefusedRecord", at=1)
    found |= first_texts(constants("hub/ingest/samples.py"), "RefusedRecord", at=1)
    for node in ast.walk(constants("hub/series/table.py")):
        if isinstance(node, ast.FunctionDef) and node.name == "_fault":
            found |= constant_texts(one.value for one in ast.walk(node) if isinstance(one, ast.Return))
    for node in ast.walk(accept):
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["fault"]:
            found |= constant_texts([node.value])
    return found


def deaths() -> set[str]:
    """Why a whole message becomes a dead letter."""
    found = first_texts(constants("contract/codec.py"), "DecodeError")
    found |= first_texts(constants("contract/topics.py"), "TopicError")
    return found | first_texts(constants("hub/ingest/accept.py"), "DecodeError", "Dead")


def test_every_reason_of_a_dead_letter_is_documented_and_no_other():
    part = pages.section(INTEGRATOR, "Dead letters and refusals")
    refused, dead = part.split("Messages that could not be read or trusted:")
    assert {"kind", "series", "type"} <= refusals(), "the search finds nothing any more"
    assert {"json", "unknown", "topic"} <= deaths(), "the search finds nothing any more"
    assert pages.first_words(refused) == refusals()
    assert pages.first_words(dead) == deaths()


def test_every_event_kind_is_documented_in_its_lane():
    shown = {row[0].strip("`"): row[1] for row in pages.rows(pages.section(INTEGRATOR, "Event kinds"))}
    assert shown == dict.fromkeys(PANIC_KINDS, "panic") | dict.fromkeys(EVENT_KINDS, "event")
    assert set(PANIC_KINDS + EVENT_KINDS) <= pages.words(TECHNICIAN)


def test_events_that_are_said_to_be_unsent_are_unsent():
    sent = "".join(path.read_text() for path in (ROOT / "edge").rglob("*.py"))
    rows = pages.rows(pages.section(INTEGRATOR, "Event kinds"))
    for kind, _, data in rows:
        assert (f'"{kind.strip("`")}"' in sent) != data.startswith("not sent"), kind


def test_every_device_kind_is_documented_with_its_quantities():
    shown = {row[0].strip("`"): row for row in pages.rows(pages.section(INTEGRATOR, "Samples in InfluxDB"))}
    for name, kind in KINDS.items():
        _, title, quantities = shown[name]
        assert title == kind.title_id
        if name != "bed_panel":
            assert re.findall(r"`([a-z0-9_]+)`", quantities) == list(kind.quantities)
    assert {str(int(code)) for code in Quality if code} <= set(shown)


def conditions() -> set[str]:
    """What an alarm can be about."""
    found = {fault.condition for fault in technical.FAULTS.values()} | {"level", "rise"}
    for path in (ROOT / "hub").rglob("*.py"):
        module = ast.parse(path.read_text(encoding="utf-8"))
        found |= first_texts(module, "Fingerprint", at=4)
        if path.match("hub/fleet/gateways.py"):
            found |= first_texts(module, "_fingerprint", at=1)
        for node in ast.walk(module):
            if (
                isinstance(node, ast.keyword)
                and node.arg == "condition"
                and isinstance(node.value, ast.Constant)
            ):
                found.add(node.value.value)
    return found


def test_every_alarm_is_documented_with_its_state():
    part = pages.section(OPERATOR, "Alarms / Alarm")
    assert {"panic", "silent", "ring", "panic_unreadable", "device_down"} <= conditions()
    states = set(alarm_machine.TRANSITIONS) - {"normal"}
    assert pages.first_words(part) == conditions() | states
    shown = {row[0].strip("`"): row[1] for row in pages.rows(part) if len(row) == 4}
    assert set(shown) == conditions()
    for fault in technical.FAULTS.values():
        assert fault.severity is None or shown[fault.condition] == str(fault.severity)


def test_every_incident_state_and_step_is_documented():
    part = pages.section(OPERATOR, "Incidents / Insiden")
    rows = pages.rows(part)
    labels = {}
    for row in rows:
        labels |= dict(zip(re.findall(r"`([^`]+)`", row[0]), row[1].split(", "), strict=True))
    assert labels == {state: label[0] for state, label in incident_machine.LABELS.items()}
    exits = set(incident_machine._EXITS)
    for row in rows:
        for state in re.findall(r"`([^`]+)`", row[0]):
            said = row[2].replace(" to another", "").replace("-", "_").replace(", or an exit", "")
            ways = set(said.split(", ")) | (exits if "or an exit" in row[2] else set())
            assert ways == set(incident_machine.TRANSITIONS[state]), state
    told = " ".join(re.findall(r"`([^`]+)` ?", part)).replace("-", "_")
    assert set(incident_machine.ACTIONS) <= set(re.findall(r"[a-z_]+", told))
    needing = re.search(r"and `cancel`\. (.*?) ask for a reason", part, re.DOTALL)
    assert needing
    assert set(re.findall(r"`([^`]+)`", needing[1].replace("-", "_"))) == set(incident_machine.NEEDS_NOTE)


def test_every_state_of_a_notice_is_documented():
    assert pages.first_words(pages.section(OPERATOR, "Notices / Pemberitahuan")) == set(policy.TRANSITIONS)


def test_every_reason_of_a_missed_poll_is_documented():
    found = set()
    for path in (ROOT / "edge" / "drivers").glob("*.py"):
        found |= first_texts(ast.parse(path.read_text()), "MissedPollError")
    found -= {"resting"}
    assert "no_answer" in found
    part = pages.section(TECHNICIAN, "What the gateway reports").split("| `reason`")[1]
    assert pages.first_words(part) == found
    assert EXCEPTIONS


def log_names(folder: str) -> set[str]:
    """The name of every line that a package logs: its first word, or two where the first is a part's."""
    found = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "log"):
                continue
            (form,) = constant_texts(node.args[:1]) or {""}
            assert form, f"{path}: a log line has a constant form"
            name, _, rest = form.partition(" ")
            second = rest.split("=")[0].split(" ")[0]
            found.add(f"{name} {second}" if name in ("notify", "api") else name.split("=")[0])
    return found


@pytest.mark.parametrize(
    ("page", "heading", "folder"),
    [
        (OPERATOR, "What the hub logs", "hub"),
        (TECHNICIAN, "What the gateway logs", "edge"),
        (ADMINISTRATOR, "What the watch logs", "watch"),
    ],
)
def test_every_log_line_is_documented_and_no_other(page, heading, folder):
    assert pages.first_words(pages.section(page, heading)) == log_names(folder)


# Frames, and the webhook


LANE_OR_MESSAGE = [
    block
    for block in pages.blocks(INTEGRATOR)
    if block.mark.startswith("json ") and block.mark != "json webhook"
]


@pytest.mark.parametrize("block", LANE_OR_MESSAGE, ids=str)
def test_a_message_is_one_of_the_contract(block):
    kind = block.mark.removeprefix("json ")
    data = block.text.encode()
    read = codec.decode_frame(kind, data) if kind in LANES else codec.decode(getattr(messages, kind), data)
    # Nothing in it is ignored as unknown: written again it says the same.
    assert json.loads(codec.encode(read)) == json.loads(data)


def test_every_kind_of_message_is_shown():
    assert {"panic", "telemetry", "Receipt", "Hello", "Beat", "State"} == {
        block.mark.removeprefix("json ") for block in LANE_OR_MESSAGE
    }
    for leaf in UP_LEAVES + DOWN_LEAVES:
        assert f"{{gateway}}/{leaf} " in pages.text(INTEGRATOR)


class Caught:
    """Stands where the hub would post, and keeps what it is given."""

    async def post(self, url, *, content, headers):
        self.content, self.headers = content, dict(headers)
        return Response(200, {}, b"")


def posted(secret: bytes) -> Caught:
    """A message as the product sends it."""
    (block,) = pages.marked("json webhook", INTEGRATOR)
    shown = json.loads(block.text)
    caught = Caught()
    fields = {name: value for name, value in shown.items() if name != "version"}
    message = Message(channel="piket-webhook", **fields)
    channel = WebhookChannel("https://piket.kota.example/siaga", secret, caught, SystemClock())
    assert asyncio.run(channel.send(message)).outcome == "delivered"
    assert json.loads(caught.content) == shown, "the message shown has the form of the product's"
    return caught


def snippet() -> typing.Callable[[bytes, dict[str, str], bytes], bool]:
    (block,) = pages.marked("python verify", INTEGRATOR)
    space: dict[str, typing.Callable[[bytes, dict[str, str], bytes], bool]] = {}
    exec(block.text, space)
    return space["verified"]


def test_the_receivers_code_verifies_what_the_product_signs(monkeypatch):
    secret = b"rahasia-bersama-piket"
    sent, verified = posted(secret), snippet()
    assert verified(secret, sent.headers, sent.content)
    assert not verified(b"another secret of theirs", sent.headers, sent.content)
    assert not verified(secret, sent.headers, sent.content + b" ")
    assert not verified(secret, {}, sent.content)
    assert not verified(secret, sent.headers | {"X-Siaga-Timestamp": "²"}, sent.content)
    later = time.time() + timedelta(minutes=6).total_seconds()
    monkeypatch.setattr(time, "time", lambda: later)
    assert not verified(secret, sent.headers, sent.content)


def test_the_headers_shown_are_those_that_are_sent():
    (block,) = [block for block in pages.blocks(INTEGRATOR) if block.mark == "http"]
    shown = {line.split(":")[0] for line in block.text.splitlines()[1:]}
    assert shown == set(posted(b"rahasia-bersama-piket").headers)


@pytest.mark.parametrize("page", GUIDES)
def test_python_and_json_in_the_guides_can_be_read(page):
    for block in pages.blocks(page):
        if block.mark.startswith("python"):
            compile(block.text, str(block), "exec")
        elif block.mark.startswith("json"):
            json.loads(block.text)


# Facts and links


@pytest.mark.parametrize(
    ("page", "sentence", "value"),
    [
        (OPERATOR, "valid for 90 days", LEAF_DAYS == 90),
        (TECHNICIAN, "valid for 90 days", LEAF_DAYS == 90),
        (OPERATOR, "for 24 hours", policy.Retry().give_up_s == 24 * 3600),
        (OPERATOR, "after three failures", policy.Retry().fallback_after == 3),
    ],
)
def test_a_number_is_still_so(page, sentence, value):
    assert sentence in pages.text(page)
    assert value


def slug(heading: str) -> str:
    """A heading as the address of its place, as repository pages make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", [*GUIDES, "README.md"])
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", pages.prose(page)):
        if "://" in target:
            continue
        name, _, place = target.partition("#")
        path = (DOCS / name).resolve() if name else DOCS / page
        assert path.exists(), f"{page}: {target}"
        if place:
            headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert place in {slug(heading) for heading in headings}, f"{page}: {target}"


@pytest.mark.parametrize("page", [*GUIDES, "README.md"])
def test_files_of_the_checkout_that_are_named_exist(page):
    folders = ("firmware_configs/", "profiles/", "contract/", "tests/", "requirements/")
    for word in pages.words(page):
        if word.startswith(folders):
            assert Path(ROOT / word).exists(), f"{page}: {word}"


def test_the_index_names_every_page():
    for page in DOCS.glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in pages.text("README.md")


def test_the_first_page_names_folders_and_commands_that_exist():
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    named = {word for row in pages.rows(page) for word in re.findall(r"`([^`]+/)`", row[0])}
    assert {"edge/", "hub/", "docs/"} <= named
    assert {word for word in named if not (ROOT / word).is_dir()} == set()
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:^    |`)make ([a-z]+)", page, re.MULTILINE):
        assert f"\n{target}:" in makefile or target == "bench", target
