"""The checks of the source catch what they are for: each rule has a planted violation, and a sound twin."""

import shutil
import subprocess
from pathlib import Path

import pytest

from checks import imports, tracked

ROOT = Path(__file__).resolve().parents[2]

# A small Siaga that breaks no rule, with the doors in use.
SOUND = {
    "contract/codec.py": "import json\nimport msgspec\n",
    "edge/mqtt.py": "import aiomqtt\nimport paho.mqtt.client\nfrom contract import codec\n",
    "edge/app.py": "from edge import mqtt\n",
    "hub/app.py": "import fastapi\nfrom contract import codec\nfrom hub.ingest import broker\n",
    "hub/ingest/broker.py": "import gmqtt\n",
    "provisioning/ca.py": "import cryptography.x509\n",
    "simulator/world.py": "import apsw\nimport aiomqtt\nimport edge.app\nimport hub.app\n",
}


@pytest.fixture
def siaga(tmp_path: Path):
    """Lay a tree of source files out, with the packages they need, and give its root."""

    def lay_out(files: dict[str, str]) -> Path:
        shutil.copy(ROOT / "pyproject.toml", tmp_path)
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            folder = path.parent
            while folder != tmp_path:
                (folder / "__init__.py").touch()
                folder = folder.parent
        return tmp_path

    return lay_out


def test_sound_imports_pass(siaga, capfd):
    assert imports.check(siaga(SOUND)) == 0
    assert "0 broken" in capfd.readouterr().out


def test_a_folder_not_begun_is_no_fault(siaga):
    assert imports.check(siaga({"contract/codec.py": "import msgspec\n"})) == 0


@pytest.mark.parametrize(
    ("file", "line", "broken"),
    [
        ("contract/topics.py", "import edge.link", "contract imports of ours only: nothing"),
        ("contract/topics.py", "import fastapi", "contract imports only libraries"),
        ("edge/spool.py", "import hub.app", "edge imports of ours only: contract"),
        ("edge/spool.py", "from simulator import world", "edge imports of ours only: contract"),
        ("edge/spool.py", "def late():\n    import sqlalchemy", "edge imports only libraries"),
        ("edge/spool.py", "import aiomqtt", "aiomqtt is imported only by edge.mqtt, watch.link"),
        ("edge/drivers/mqtt.py", "from paho.mqtt import client", "paho is imported only by edge.mqtt"),
        ("edge/spool.py", "from tests.edge import fakes", "edge imports of ours only: contract"),
        ("edge/spool.py", "from benchmarks import ceiling", "edge imports of ours only: contract"),
        ("hub/rules.py", "import edge.link", "hub imports of ours only"),
        ("hub/rules.py", "import pymodbus", "hub imports only libraries"),
        ("hub/rules.py", "import pytest", "hub imports only libraries"),
        ("hub/ingest/accept.py", "import gmqtt", "gmqtt is imported only by hub.ingest.broker"),
        ("provisioning/card.py", "import edge.app", "provisioning imports of ours only"),
        ("hub/check.py", "import provisioning.ca", "hub imports of ours only"),
        ("watch/contacts.py", "import hub.notify.channels.webhook", "watch imports of ours only: contract"),
        ("simulator/city.py", "from tests import fakes", "simulator imports of ours only"),
    ],
)
def test_a_forbidden_import_is_caught(siaga, capfd, file, line, broken):
    assert imports.check(siaga({**SOUND, file: line + "\n"})) == 1
    printed = capfd.readouterr().out
    assert any(broken in text and "BROKEN" in text for text in printed.splitlines()), printed


def test_modules_outside_a_package_are_caught(siaga, capfd):
    """import-linter passes them over, so a rule would hold on paper only."""
    root = siaga(SOUND)
    (root / "hub" / "ingest" / "__init__.py").unlink()
    assert imports.check(root) == 1
    assert "hub/ingest: has modules but no __init__.py" in capfd.readouterr().out


# Each is put together here, so that this file holds none of them.
PLANTED = [
    ("-----BEGIN " + "PRIVATE KEY-----", "private key"),
    ("-----BEGIN RSA " + "PRIVATE KEY-----", "private key"),
    ("key = AKIA" + "ABCDEFGHIJKLMNOP", "access token"),
    ("bot 123456789:AA" + "b" * 33, "access token"),
    ("ghp_" + "a1" * 18, "access token"),
    ('influx_token = "' + "q8" * 16 + '"', "password or token in the source"),
    ('{"password": "' + "n0tForYou" * 3 + '"}', "password or token in the source"),
    ("url = postgresql://siaga:" + "rahasia@db.example", "password in an address"),
    ("see https://files.python" + "hosted" + ".org/x.whl", "address of a package host"),
    ("pip install --index" + "-url mirror", "address of a package host"),
    ('"resolved"' + ': "https://mirror.example/x.tgz"', "address of a package host"),
    ("wget http://ftp." + "debian.org/x", "address of a package host"),
    ("open('/" + "root/notes')", "folder of somebody's machine"),
    ("cd /" + "home/budi/siaga", "folder of somebody's machine"),
    ("# TO" + "DO: later", "unfinished work"),
]

SOUND_LINES = [
    "-----BEGIN CERTIFICATE-----",
    "token = os.environ['INFLUX_TOKEN']",
    'password = "{{ password }}"',
    'password_hash_scheme = "argon2id"',
    "postgresql://siaga@/siaga?host=/run/postgresql",
    "mqtts://hub.kota-contoh.example:8883",
    "https://docs.influxdata.com/influxdb/v1/",
    "cp card/* /home/pi/siaga",
    "edge/network/work/item",
    "# todo lists are for people",
]


@pytest.mark.parametrize(("line", "rule"), PLANTED)
def test_a_planted_line_is_found(tmp_path, line, rule):
    (tmp_path / "notes.md").write_text(f"sound\n{line}\n")
    found = list(tracked.findings_in(tmp_path, ["notes.md"]))
    assert [(finding.line, finding.rule) for finding in found] == [(2, rule)]


@pytest.mark.parametrize("line", SOUND_LINES)
def test_a_sound_line_is_left_alone(tmp_path, line):
    (tmp_path / "notes.md").write_text(line)
    assert list(tracked.findings_in(tmp_path, ["notes.md"])) == []


def test_a_line_may_be_allowed_in_words(tmp_path):
    (tmp_path / "notes.md").write_text(f"{PLANTED[0][0]} # {tracked.ALLOWED}, an example in the guide\n")
    assert list(tracked.findings_in(tmp_path, ["notes.md"])) == []


@pytest.mark.parametrize("name", ["hub.key", "city/.env", "hub.sqlite3", "id_ed25519"])
def test_a_file_that_holds_secrets_is_found_by_its_name(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"\xff\x00")
    assert [finding.line for finding in tracked.findings_in(tmp_path, [name])] == [0]


def test_only_what_git_tracks_is_looked_at(tmp_path, capsys):
    def git(*arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    (tmp_path / "mine.txt").write_text(PLANTED[0][0])
    assert tracked.check(tmp_path) == 0
    git("add", "mine.txt")
    assert tracked.check(tmp_path) == 1
    assert "mine.txt:1: private key" in capsys.readouterr().out


@pytest.mark.parametrize("lock", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda lock: lock.name)
def test_a_lock_has_hashes_and_names_no_host(lock):
    text = lock.read_text()
    assert "://" not in text
    pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert pins
    assert all("==" in pin for pin in pins)
    assert text.count("--hash=sha256:") >= len(pins)
