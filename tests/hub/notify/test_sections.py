"""What a configuration may not say of channels, answers, CAP and exercises."""

import pytest

from contract.strict_toml import TomlError
from hub.errors import ConfigError
from hub.notify.channels.build import ChannelSpec, check_apart
from hub.notify.channels.recording import RecordingChannel
from hub.notify.outbox import FenceError
from hub.notify.sides import Sides
from tests.hub.test_config import GOOD, read

WHOLE = (
    GOOD
    + """
[channels.cap-provinsi]
kind = "cap"
url = "https://cap.example/in"
secret_file = "cap.key"

[channels.sms]
kind = "sms"
by = "gammu_files"
folder = "gammu"

[channels.gerbang]
kind = "mqtt"
url = "mqtts://mqtt.example:8883"
topic = "kota/siaga"
user = "siaga"
secret_file = "mqtt.key"
ca = "mqtt.pem"

[answers]
address = "https://siaga.example"
key_file = "answers.key"

[cap]
sender = "siaga@kota.example"
push = ["cap-provinsi"]
exercise_push = ["latihan-cap"]

[outbound]
allow = ["desk.example", "cap.example"]

[exercise]
private = ["127.0.0.1:8090"]

[exercise.channels.latihan-cap]
kind = "cap"
url = "http://127.0.0.1:8090/cap"
secret_file = "latihan.key"

[exercise.channels.latihan-sms]
kind = "sms"
by = "gammu_files"
folder = "gammu-latihan"
only = ["0812000"]
"""
)


def test_a_whole_one_is_read_with_paths_from_its_folder(tmp_path):
    config = read(tmp_path, WHOLE)
    assert config.channels["desk"].what == "webhook"
    assert config.channels["cap-provinsi"].what == "cap"
    assert config.channels["sms"].folder == f"{tmp_path}/gammu"
    assert config.channels["gerbang"].ca == f"{tmp_path}/mqtt.pem"
    assert config.answers.key_file == f"{tmp_path}/answers.key"
    assert config.exercise.channels["latihan-cap"].secret_file == f"{tmp_path}/latihan.key"


@pytest.mark.parametrize(
    ("good", "wrong", "why"),
    [
        ("[channels.sms]", "[channels.latihan-sms2]", "is for exercises"),
        ("[exercise.channels.latihan-cap]", "[exercise.channels.cap]", "says so in its name"),
        ('only = ["0812000"]', "", "reaches everybody"),
        ('folder = "gammu-latihan"', 'folder = "gammu"', "in earnest"),
        ('private = ["127.0.0.1:8090"]', 'allow = ["desk.example"]', "in earnest too"),
        ('push = ["cap-provinsi"]', 'push = ["desk"]', "no channel of kind cap"),
        ('exercise_push = ["latihan-cap"]', 'exercise_push = ["cap-provinsi"]', "no channel of kind cap"),
        ('sender = "siaga@kota.example"', "", "who sends"),
        ('sender = "siaga@kota.example"', 'sender = "siaga kota"', "sender"),
        ('by = "gammu_files"\nfolder = "gammu"\n\n[chan', "[chan", "how SMS go out"),
        ('folder = "gammu"\n\n[channels.gerbang]', "[channels.gerbang]", "gammu-smsd"),
        (
            'by = "gammu_files"\nfolder = "gammu"\n\n[chan',
            'by = "http"\n[chan',
            "address and a token",
        ),
        ('kind = "cap"\nurl = "https://cap.example/in"', 'kind = "telegram"', "token and writes into a chat"),
        ('url = "https://cap.example/in"', 'url_file = "x"', "no url"),
        ('url = "mqtts:', 'url = "mqtt:', "spoken to by TLS"),
        ('topic = "kota/siaga"', "", "about a topic"),
        ('topic = "kota/siaga"', 'topic = "kota/#"', "topic"),
        ('user = "siaga"\n', "", "user and secret_file"),
        ('ca = "mqtt.pem"', 'certificate = "mqtt.pem"', "certificate and key"),
        ('address = "https://siaga.example"', 'address = "siaga.example"', "address"),
    ],
)
def test_each_mistake_is_told(tmp_path, good, wrong, why):
    assert good in WHOLE
    with pytest.raises(TomlError, match=why):
        read(tmp_path, WHOLE.replace(good, wrong, 1))


def test_no_two_sides_of_the_fence_share_an_address_or_a_channel():
    real, drill = (
        ChannelSpec("chat", "apprise", "json://x"),
        ChannelSpec("latihan-chat", "apprise", "json://x"),
    )
    with pytest.raises(ConfigError, match="leads to where chat leads"):
        check_apart([real], [drill])
    check_apart([real], [ChannelSpec("latihan-chat", "apprise", "json://y")])
    one = RecordingChannel()
    for channels, exercise in (({"latihan-a": one}, {}), ({}, {"a": one}), ({"a": one}, {"latihan-a": one})):
        with pytest.raises(FenceError):
            Sides(None, channels, exercise, None, None)
    Sides(None, {"a": one}, {"latihan-a": RecordingChannel()}, None, None)


def test_a_drill_has_no_database_of_a_modem_in_earnest(tmp_path):
    sql = WHOLE.replace('by = "gammu_files"\nfolder = "gammu"\n', 'by = "gammu_sql"\nurl_file = "smsd"\n')
    drill = sql.replace(
        'by = "gammu_files"\nfolder = "gammu-latihan"\n', 'by = "gammu_sql"\nurl_file = "smsd"\n'
    )
    assert read(tmp_path, sql).channels["sms"].url_file == f"{tmp_path}/smsd"
    with pytest.raises(TomlError, match="in earnest"):
        read(tmp_path, drill)
    with pytest.raises(TomlError, match="has its tables"):
        read(tmp_path, sql.replace('url_file = "smsd"\n', ""))
