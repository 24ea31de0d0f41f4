"""``siaga-hub grafana push``: all is brought, twice changes nothing, refusals are told."""

import asyncio
import json
import shutil
import stat
from dataclasses import replace

import pytest

from grafana import alerts, build, commands, folders
from grafana.api import understood
from grafana.errors import GrafanaError
from grafana.push import Push
from hub.cli import main
from hub.config import load_config
from hub.outbound import Response
from tests.grafana.fake import TOKEN, FakeGrafana

HUB = """
profile = "{profile}"
[database]
file = "hub.sqlite"
[broker]
host = "127.0.0.1"
ca = "ca.pem"
certificate = "hub.pem"
key = "hub.key"
telemetry_certificate = "t.pem"
telemetry_key = "t.key"
[influx]
url = "http://127.0.0.1:8086"
[grafana]
url = "{url}"
token_file = "token"
alert_mail = ["teknisi@kota.example", "piket@kota.example"]
alert_url = "https://pager.example/siaga"
wall_token_file = "wall-token"
"""


@pytest.fixture
def fake():
    with FakeGrafana() as running:
        yield running


class Direct:
    """The fake without a socket between."""

    def __init__(self, fake):
        self.fake = fake

    async def get(self, path):
        return await self.send("GET", path, None)

    async def send(self, method, path, content):
        status, body = self.fake.answer(method, path, f"Bearer {TOKEN}", json.loads(json.dumps(content)))
        return understood(method, path, Response(status, {}, json.dumps(body).encode()))


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    """All that Kota Contoh wants."""
    place = tmp_path_factory.mktemp("city") / "hub.toml"
    place.write_text(HUB.format(profile=build.PROFILE, url="http://127.0.0.1:1"))
    config = load_config(place)
    return commands.wanted(config, commands.reader_of(config))


@pytest.fixture
def bring(fake, city, tmp_path):
    """Push the city without a socket; what was done, or the error."""
    wanted = replace(city, wall_token_file=tmp_path / "wall-token")

    async def run():
        return [done async for done in Push(Direct(fake), wanted).run()]

    return lambda: asyncio.run(run())


@pytest.fixture
def push(tmp_path, fake, capsys):
    """Push the city by the command, over HTTP; (exit status, what was said)."""
    (tmp_path / "token").write_text(TOKEN + "\n")
    shutil.copytree(build.PROFILE, tmp_path / "kota")
    (tmp_path / "hub.toml").write_text(HUB.format(profile=tmp_path / "kota", url=fake.url))

    def run(*options):
        status = main(["grafana", "push", "--config", str(tmp_path / "hub.toml"), *options])
        said = capsys.readouterr()
        return status, said.out + said.err

    return run


def test_everything_is_there_afterwards(push, fake, tmp_path):
    status, said = push()
    assert status == 0, said
    assert {one["name"] for one in fake.store["datasources"].values()} == {
        "Siaga",
        "Siaga menit",
        "Siaga panjang",
    }
    assert set(fake.store["folders"]) == {folder.uid for folder in folders.FOLDERS}
    assert set(fake.store["dashboards"]) == {one.uid for one in build.SUBJECTS}
    for one in build.SUBJECTS:
        assert fake.store["dashboards"][one.uid]["folderUid"] == one.folder
    assert fake.preferences["homeDashboardUID"] == "siaga-ringkasan"
    (playlist,) = fake.store["playlists"].values()
    shown = [one["value"] for one in playlist["items"]]
    assert shown == ["siaga-ringkasan", "siaga-sungai", "siaga-tempat-tidur"]
    assert {one["type"] for one in fake.store["points"].values()} == {"email", "webhook"}


def test_a_second_push_changes_nothing(push, fake):
    push()
    before = list(fake.writes)
    status, said = push()
    assert (status, fake.writes) == (0, before)
    assert said.startswith("0 baru / new, 0 diubah / changed, ")


def test_a_dry_run_says_what_would_be_and_changes_nothing(push, fake, tmp_path):
    status, said = push("--dry-run")
    assert (status, fake.writes) == (0, [])
    assert "dashboard: Kota Contoh: Sungai dan banjir: akan dibuat / would be new" in said
    assert not (tmp_path / "wall-token").exists()
    push()
    writes = len(fake.writes)
    fake.store["playlists"].clear()
    assert "playlist: Siaga: dinding: akan dibuat" in push("--dry-run")[1]
    assert len(fake.writes) == writes


def test_only_what_changed_in_the_profile_is_pushed(push, fake, tmp_path):
    push()
    before = len(fake.writes)
    place = tmp_path / "kota" / "region.toml"
    place.write_text(place.read_text().replace("siaga_1_m = 2.00", "siaga_1_m = 2.25"))
    push()
    assert fake.writes[before:] == [("POST", "/api/dashboards/db")]
    assert fake.store["dashboards"]["siaga-sungai"]["dashboard"]["version"] == 2


@pytest.mark.parametrize(
    ("spoil", "mended"),
    [
        (
            lambda fake: fake.store["dashboards"]["siaga-gateway"]["dashboard"]["panels"].pop(),
            "/api/dashboards/db",
        ),
        (
            lambda fake: fake.store["datasources"]["siaga"].update(url="http://elsewhere"),
            "/api/datasources/uid/siaga",
        ),
        (lambda fake: fake.permissions.pop("siaga-teknis"), "/api/folders/siaga-teknis/permissions"),
        (lambda fake: fake.preferences.update(homeDashboardUID="x"), "/api/org/preferences"),
        (
            lambda fake: fake.store["rules"]["siaga-pusat-diam"].update(isPaused=True),
            "/api/v1/provisioning/alert-rules/siaga-pusat-diam",
        ),
        (
            lambda fake: fake.store["rules"]["siaga-tanpa-data"].update(notification_settings=None),
            "/api/v1/provisioning/alert-rules/siaga-tanpa-data",
        ),
    ],
)
def test_what_somebody_changed_by_hand_is_brought_back_and_nothing_else(bring, fake, spoil, mended):
    bring()
    before = len(fake.writes)
    spoil(fake)
    bring()
    assert [path for _, path in fake.writes[before:]] == [mended]


def test_an_old_grafana_that_does_not_know_all_of_a_rule_is_not_told_it_again(bring, fake):
    fake.old = True
    assert "new" in {done.outcome for done in bring() if done.kind == "alert rule"}
    before = len(fake.writes)
    bring()
    assert len(fake.writes) == before
    fake.store["rules"]["siaga-tanpa-data"]["condition"] = "B"
    assert [done.outcome for done in bring() if done.kind == "alert rule"] == ["same", "changed"]


def test_a_grafana_that_rewrites_dashboards_to_its_own_version_is_left_alone(bring, fake):
    bring()
    before = len(fake.writes)
    fake.migrates = True
    bring()
    assert len(fake.writes) == before


@pytest.mark.parametrize(
    ("status", "path", "said"),
    [
        (401, "/api/datasources", "service account with the role Admin"),
        (403, "/api/folders", "service account with the role Admin"),
        (409, "/api/datasources", "somebody else has it"),
        (412, "/api/dashboards/db", "push again"),
        (500, "/api/dashboards/db", "what was pushed before stays"),
    ],
)
def test_a_refusal_is_told_and_a_second_push_goes_on_from_there(bring, fake, status, path, said):
    fake.fails = (path, status)
    with pytest.raises(GrafanaError) as caught:
        bring()
    assert str(status) in str(caught.value)
    assert said in str(caught.value)
    bring()
    assert set(fake.store["dashboards"]) == {one.uid for one in build.SUBJECTS}


def test_a_wrong_token_pushes_nothing(push, fake, tmp_path):
    (tmp_path / "token").write_text("glsa_of_another")  # tracked: allowed, refused on purpose
    status, said = push()
    assert (status, fake.writes) == (2, [])
    assert "401" in said
    assert "glsa_of_another" not in said


def test_a_dead_grafana_is_told(push, fake):
    fake.__exit__()
    status, said = push()
    assert status != 0
    assert "does it run" in said


def test_without_the_table_there_is_nothing_to_push(push, tmp_path):
    place = tmp_path / "hub.toml"
    place.write_text(place.read_text().partition("[grafana]")[0])
    status, said = push()
    assert status == 2
    assert "[grafana]" in said


def test_a_change_by_somebody_else_meanwhile_is_not_overwritten(push, fake, tmp_path):
    push()
    theirs = fake.store["dashboards"]["siaga-sungai"]["dashboard"]
    get = fake.get_dashboard

    def changed_after_the_look(self, uid, **more):
        found = get(uid, **more)
        if uid == "siaga-sungai":
            theirs["version"] += 1
        return found

    fake.ROUTES = tuple(
        (pattern, changed_after_the_look if "GET /api/dashboards" in pattern else act)
        for pattern, act in fake.ROUTES
    )
    place = tmp_path / "kota" / "region.toml"
    place.write_text(place.read_text().replace("siaga_1_m = 2.00", "siaga_1_m = 2.25"))
    status, said = push()
    assert status != 0
    assert "412" in said


def test_folders_are_for_roles_and_the_wall_sees_one(bring, fake):
    bring()
    teams = {one["name"]: one["id"] for one in fake.teams}
    for folder in folders.FOLDERS:
        told = fake.get_permissions(folder.uid)
        looks = [(one["teamId"], one.get("role", "")) for one in told if one["permission"] == folders.VIEW]
        assert looks == [(teams[folder.team], "") if folder.team else (0, "Viewer")]


def test_the_walls_account_is_a_viewer_with_one_token_in_a_file_of_its_own(bring, fake, tmp_path):
    bring()
    (account,) = fake.accounts
    assert (account["name"], account["role"]) == (folders.WALL, "Viewer")
    place = tmp_path / "wall-token"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    (key,) = fake.tokens[str(account["id"])].values()
    assert place.read_text().strip() == key
    place.unlink()
    bring()
    (newer,) = fake.tokens[str(account["id"])].values()
    assert place.read_text().strip() == newer != key


def test_an_account_of_the_wall_that_somebody_made_an_editor_is_a_viewer_again(bring, fake):
    bring()
    fake.accounts[0]["role"] = "Editor"
    bring()
    assert fake.accounts[0]["role"] == "Viewer"


def test_alerts_are_of_the_systems_own_death_only_and_need_no_hub(bring, fake):
    bring()
    assert set(fake.store["rules"]) == {"siaga-pusat-diam", "siaga-tanpa-data"}
    for rule in fake.store["rules"].values():
        assert (rule["noDataState"], rule["execErrState"]) == ("Alerting", "Alerting")
        assert rule["notification_settings"] == {"receiver": alerts.CONTACT}


def test_without_anybody_to_tell_there_are_no_alerts(push, fake, tmp_path):
    place = tmp_path / "hub.toml"
    place.write_text(
        "\n".join(line for line in place.read_text().splitlines() if not line.startswith("alert_"))
    )
    assert push()[0] == 0
    assert not fake.store["rules"]
    assert not fake.store["points"]


def test_the_same_walls_come_as_files_for_a_grafana_without_a_token(tmp_path, capsys):
    place = tmp_path / "hub.toml"
    place.write_text(HUB.format(profile=build.PROFILE, url="http://127.0.0.1:1"))
    assert main(["grafana", "files", "--config", str(place), str(tmp_path / "files")]) == 0
    assert "14 berkas" in capsys.readouterr().out
    for one in build.SUBJECTS:
        written = json.loads((tmp_path / "files" / "dashboards" / one.folder / f"{one.uid}.json").read_text())
        assert written["title"].startswith("Kota Contoh: ")
    alerting = json.loads((tmp_path / "files" / "provisioning" / "alerting" / "siaga.yaml").read_text())
    assert [rule["uid"] for rule in alerting["groups"][0]["rules"]] == [
        "siaga-pusat-diam",
        "siaga-tanpa-data",
    ]
    assert {one["type"] for one in alerting["contactPoints"][0]["receivers"]} == {"email", "webhook"}
    provisioning = tmp_path / "files" / "provisioning"
    boards = json.loads((provisioning / "dashboards" / "siaga.yaml").read_text())
    assert alerting["groups"][0]["folder"] not in {one["folder"] for one in boards["providers"]}
    looked_into = {"alerting", "dashboards", "datasources", "notifiers", "plugins"}
    assert {one.name for one in provisioning.iterdir()} == looked_into
