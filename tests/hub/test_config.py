"""The hub's configuration file: a good one, and each mistake with its place and remedy."""

from pathlib import Path
from typing import get_args

import pytest

from contract.credentials import CredentialError
from contract.strict_toml import TomlError
from hub.api.auth.roles import Role
from hub.config import HubConfig, RoleName, load_config, read_secret

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


def test_a_secret_is_read_from_the_services_credentials(tmp_path, monkeypatch):
    given = tmp_path / "credentials"
    given.mkdir()
    (given / "desk").write_text("rahasia dari systemd\n")
    text = GOOD.replace('"desk.key"', '"credential:desk"').replace('"tls/hub.key"', '"credential:hub.key"')
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given))
    config = read(tmp_path, text)
    assert read_secret(config.channels["desk"].secret_file) == "rahasia dari systemd"
    assert config.broker.key == f"{given}/hub.key"
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    with pytest.raises(CredentialError, match=r"LoadCredential=hub\.key"):
        read(tmp_path, text)


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


OIDC = """
[oidc]
issuer = "https://sso.kota.example"
client_id = "siaga"
secret_file = "oidc"
redirect = "https://hub.kota.example/login/oidc/done"
[oidc.roles]
petugas = ["operator"]
"""


def test_an_issuer_of_logins_is_read_with_its_secret_s_place(tmp_path):
    config = read(tmp_path, GOOD + OIDC)
    assert config.oidc.roles == {"petugas": ("operator",)}
    assert config.oidc.secret_file == str(tmp_path / "oidc")
    assert read(tmp_path, GOOD).oidc is None
    assert set(get_args(RoleName)) == set(Role)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"https://sso', '"http://sso', "no address with TLS"),
        ('"https://hub', '"http://hub', "no address with TLS"),
        ('"https://sso.kota.example"', '"sso"', "no address with TLS"),
        ('["operator"]', "[]", "nobody could come in"),
        ('["operator"]', '["king"]', "king"),
        ('client_id = "siaga"', "", "client_id"),
    ],
)
def test_an_issuer_that_could_not_be_trusted(tmp_path, old, new, said):
    with pytest.raises(TomlError) as caught:
        read(tmp_path, GOOD + OIDC.replace(old, new, 1))
    assert said in str(caught.value)


def test_numbers_of_people_come_each_quarter_of_an_hour_unless_the_city_says_otherwise(tmp_path):
    assert read(tmp_path, GOOD).kpis.attendance_s == 900
    assert read(tmp_path, GOOD + "[kpis]\nattendance_s = 60\n").kpis.attendance_s == 60
    for wrong in (9, 901):
        with pytest.raises(TomlError, match="attendance_s"):
            read(tmp_path, GOOD + f"[kpis]\nattendance_s = {wrong}\n")
