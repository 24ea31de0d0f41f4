"""The walls only read: nobody looks without a login, the wall is a viewer, and InfluxDB refuses its account a write."""

import configparser
import json
import stat
import sys
from pathlib import Path

import httpx
import pytest

from grafana import build, provisioning, sources, wanted
from hub.cli import main
from hub.series import tiers
from hub.series.influx import InfluxConfig
from simulator import walls
from simulator.servers import Influx
from simulator.walls import Walls
from tests.grafana.fake import TOKEN, FakeGrafana
from tests.grafana.test_push import HUB

real = pytest.mark.real


@pytest.fixture(scope="module")
def influx(tmp_path_factory):
    """An InfluxDB that asks for logins, with the hub's database in it."""
    server = Influx(tmp_path_factory.mktemp("influx"), login=True)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def reader(influx):
    """The walls' account, made once."""
    return walls.reader(influx)


def ini(tmp_path, reader):
    """What Grafana is configured with."""
    provisioning.write(tmp_path, wanted.of(build.PROFILE, reader))
    found = configparser.ConfigParser()
    found.read(tmp_path / "siaga.ini")
    return found


def test_nobody_looks_without_a_login_or_makes_one(tmp_path):
    found = ini(tmp_path, sources.Reader("http://127.0.0.1:8086", "siaga"))
    assert not found.getboolean("auth.anonymous", "enabled")
    assert not found.getboolean("users", "allow_sign_up")
    assert not found.getboolean("public_dashboards", "enabled")
    assert not found.getboolean("security", "allow_embedding")
    assert found.getboolean("security", "content_security_policy")


@real
def test_the_account_of_every_data_source_reads_and_cannot_write(influx, reader):
    admin = influx.login
    httpx.post(f"{influx.url}/write", params={"db": "siaga"}, content="kpi_pipeline hold=0i", auth=admin)
    for source in sources.data_sources(reader):
        login = (source["basicAuthUser"], source["secureJsonData"]["basicAuthPassword"])
        database = source["jsonData"]["dbName"]
        assert login != admin
        refused = httpx.post(
            f"{influx.url}/write", params={"db": database}, content="kpi_pipeline hold=1i", auth=login
        )
        assert refused.status_code == 403
        query = {"db": database, "q": 'SELECT * FROM "kpi_pipeline"'}
        assert httpx.post(f"{influx.url}/query", params=query, auth=login).status_code == 200
        for change in (f'DROP DATABASE "{database}"', 'DROP MEASUREMENT "kpi_pipeline"'):
            said = httpx.post(f"{influx.url}/query", params={"db": database, "q": change}, auth=login)
            assert said.status_code == 403 or "error" in said.json()["results"][0], said.text
    kept = httpx.post(
        f"{influx.url}/query", params={"db": "siaga", "q": "SELECT hold FROM kpi_pipeline"}, auth=admin
    )
    assert [row[1] for row in kept.json()["results"][0]["series"][0]["values"]] == [0]


def config_for(tmp_path, fake, influx, user, secret):
    """A hub.toml whose walls read by that account."""
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "reader").write_text(secret)
    text = HUB.format(profile=build.PROFILE, url=fake.url).replace("http://127.0.0.1:8086", influx.url)
    place = tmp_path / "hub.toml"
    place.write_text(text + f'auth = "basic"\nuser = "{user}"\nsecret_file = "reader"\n')
    return place


@real
def test_an_account_that_may_write_is_refused_before_anything_is_pushed(tmp_path, influx, reader, capsys):
    with FakeGrafana() as fake:
        writer = config_for(tmp_path, fake, influx, *influx.login)
        assert main(["grafana", "push", "--config", str(writer)]) == 2
        assert "may write to InfluxDB" in capsys.readouterr().err
        assert fake.writes == []
        only_reads = config_for(tmp_path, fake, influx, reader.user, reader.secret)
        assert main(["grafana", "push", "--config", str(only_reads)]) == 0
        stored = fake.store["datasources"]["siaga"]
        assert stored["secureJsonData"] == {"basicAuthPassword": reader.secret}
        told = {key: value for key, value in stored.items() if key != "secureJsonData"}
        assert reader.secret not in json.dumps(told)
        before = len(fake.writes)
        assert main(["grafana", "push", "--config", str(only_reads)]) == 0
        assert len(fake.writes) == before


@pytest.mark.parametrize(
    ("auth", "header"), [("token", "Token baca"), ("bearer", "Bearer baca"), ("basic", ""), ("none", "")]
)
def test_every_flavour_of_influxdb_has_its_data_sources(auth, header):
    reader = sources.Reader("http://influx:8086", "kota", auth, "dinding" if auth == "basic" else "", "baca")
    found = sources.data_sources(reader)
    assert [one["jsonData"]["dbName"] for one in found] == ["kota", "kota_minute", "kota_long"]
    assert [one["jsonData"]["timeInterval"] for one in found] == ["10s", "1m", "1h"]
    for one in found:
        assert (one["type"], one["access"], one["jsonData"]["httpMode"]) == ("influxdb", "proxy", "POST")
        assert one["basicAuth"] == (auth == "basic")
        assert one.get("secureJsonData", {}).get("httpHeaderValue1", "") == header
        assert ("httpHeaderName1" in one["jsonData"]) == bool(header)


def test_the_data_sources_read_the_databases_that_the_hub_writes():
    found = sources.data_sources(sources.Reader("http://influx", "kota"))
    config = InfluxConfig(url="http://influx", database="kota")
    written = [tiers.of(config, tier).database for tier in ("raw", "minute", "long")]
    assert [one["jsonData"]["dbName"] for one in found] == written


def test_a_secret_that_changed_is_known_by_who_pushes_and_by_nobody_else():
    def mark(secret, sealed_with):
        reader = sources.Reader("http://influx:8086", "kota", "token", secret=secret)
        return sources.data_sources(reader, sealed_with=sealed_with)[0]["jsonData"]["siagaSecret"]

    assert mark("lama", "kunci") == mark("lama", "kunci") != mark("baru", "kunci")
    assert mark("lama", "kunci") != mark("lama", "kunci lain")


def test_files_with_secrets_are_their_owners_only(tmp_path):
    reader = sources.Reader("http://influx:8086", "kota", "basic", "dinding", "rahasia-baca")
    provisioning.write(tmp_path, wanted.of(build.PROFILE, reader))
    holders = [file for file in tmp_path.rglob("*") if file.is_file() and "rahasia-baca" in file.read_text()]
    assert [file.name for file in holders] == ["siaga.yaml"]
    assert stat.S_IMODE(holders[0].stat().st_mode) == 0o600
    provided = json.loads((tmp_path / "provisioning" / "dashboards" / "siaga.yaml").read_text())["providers"]
    for one in provided:
        assert list(Path(one["options"]["path"]).glob("*.json"))
        assert not one["allowUiUpdates"]


PROGRAM = """#!{python}
import configparser, http.server, json, pathlib, sys
place = sys.argv[sys.argv.index("--config") + 1]
ini = configparser.ConfigParser(strict=False)
ini.read(place)
sources = json.loads((pathlib.Path(ini["paths"]["provisioning"]) / "datasources" / "siaga.yaml").read_text())
assert [one["name"] for one in sources["datasources"]] == ["Siaga", "Siaga menit", "Siaga panjang"]
assert ini["auth.anonymous"]["enabled"] == "false" and len(ini["security"]["admin_password"]) > 10
assert pathlib.Path(ini["dashboards"]["default_home_dashboard_path"]).exists()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()
http.server.HTTPServer((ini["server"]["http_addr"], int(ini["server"]["http_port"])), Handler).serve_forever()
"""


@pytest.fixture
def grafana(tmp_path):
    """A program that starts as Grafana does, and looks at what it is given."""
    place = tmp_path / "grafana-12" / "bin" / "grafana"
    place.parent.mkdir(parents=True)
    (place.parent.parent / "conf").mkdir()
    (place.parent.parent / "conf" / "defaults.ini").touch()
    place.write_text(PROGRAM.format(python=sys.executable))
    place.chmod(0o755)
    return place


@real
def test_the_demo_starts_the_grafana_that_it_finds(tmp_path, grafana, influx, reader, monkeypatch):
    monkeypatch.setattr(walls, "reader", lambda _: reader)
    assert walls.program(str(grafana.parent)) == grafana
    running = Walls(tmp_path / "walls", grafana)
    running.start(build.PROFILE, influx)
    try:
        assert running.answers()
        assert httpx.get(running.url + "/api/health").status_code == 200
        assert stat.S_IMODE((tmp_path / "walls" / "demo.ini").stat().st_mode) == 0o600
    finally:
        running.stop()
    assert not running.answers()


def test_where_there_is_none_the_demo_says_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.setattr(walls, "PLACES", "")
    assert walls.program(str(tmp_path)) is None
    assert all("grafana.com" in text for text in walls.HOW_TO_GET)
