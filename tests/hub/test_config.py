"""The hub's configuration file: a good one, and each mistake with its place and remedy."""

from pathlib import Path

import pytest

from contract.strict_toml import TomlError
from hub.config import HubConfig, load_config

GOOD = """\
profile = "profile"

[database]
file = "hub.sqlite"

[broker]
host = "127.0.0.1"
port = 8883
ca = "tls/ca.pem"
certificate = "/etc/siaga/hub.pem"
key = "tls/hub.key"
telemetry_certificate = "tls/t.pem"
telemetry_key = "tls/t.key"

[influx]
url = "http://127.0.0.1:8086"

[channels.desk]
url = "https://desk.example/notice"
secret_file = "desk.key"
"""


def read(folder: Path, text: str) -> HubConfig:
    path = folder / "hub.toml"
    path.write_text(text)
    return load_config(path)


def test_a_good_file_is_read_with_paths_from_its_folder(tmp_path):
    config = read(tmp_path, GOOD)

    assert config.database_url == f"sqlite:///{tmp_path}/hub.sqlite"
    assert config.broker.ca == f"{tmp_path}/tls/ca.pem"
    assert config.broker.certificate == "/etc/siaga/hub.pem"
    assert config.channels["desk"].secret_file == f"{tmp_path}/desk.key"
    assert config.api.listen == "127.0.0.1"
    assert config.api.certificate == ""


def test_the_url_of_a_database_server_comes_from_a_file(tmp_path):
    secret = "s3cret"
    (tmp_path / "url").write_text(f"postgresql+pg8000://siaga:{secret}@db/siaga\n")
    config = read(tmp_path, GOOD.replace('file = "hub.sqlite"', 'url_file = "url"'))

    assert config.database_url == f"postgresql+pg8000://siaga:{secret}@db/siaga"


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ('file = "hub.sqlite"', 'fiel = "hub.sqlite"', 4, "fiel"),
        ('file = "hub.sqlite"', "", 3, "one of file and url_file"),
        ("port = 8883", "port = 88830", 8, "88830"),
        ('url = "http', 'auth = "token"\nurl = "http', 15, "secret_file"),
        ('secret_file = "desk.key"', "", 18, "signed"),
        ("[influx]", '[api]\nlisten = "0.0.0.0"\n[influx]', 16, "TLS"),
        ("[influx]", '[api]\ncertificate = "c.pem"\n[influx]', 15, "belong together"),
    ],
)
def test_a_mistake_says_its_line_and_what_to_write(tmp_path, old, new, line, said):
    assert old in GOOD
    with pytest.raises(TomlError) as caught:
        read(tmp_path, GOOD.replace(old, new, 1))

    assert f"hub.toml:{line}:" in str(caught.value)
    assert said in str(caught.value)
    assert "write instead" in str(caught.value)
