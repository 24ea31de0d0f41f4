"""Which file a path of a configuration means."""

from pathlib import Path

import pytest

from contract.credentials import CredentialError, placed

FOLDER = Path("/etc/siaga")
GIVEN = {"CREDENTIALS_DIRECTORY": "/run/credentials/siaga-hub.service"}


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("secrets/influx", "/etc/siaga/secrets/influx"),
        ("/srv/key", "/srv/key"),
        ("credential:influx", "/run/credentials/siaga-hub.service/influx"),
        ("credential:piket-webhook.key", "/run/credentials/siaga-hub.service/piket-webhook.key"),
    ],
)
def test_a_credential_lies_in_the_services_folder_and_all_else_where_it_did(path, file):
    assert placed(path, FOLDER, GIVEN) == Path(file)


@pytest.mark.parametrize(
    "path", ["credential:", "credential:../etc/shadow", "credential:a/b", "credential:.x"]
)
def test_a_name_that_leads_out_of_the_folder_is_refused(path):
    with pytest.raises(CredentialError):
        placed(path, FOLDER, GIVEN)


def test_a_service_without_credentials_says_what_its_unit_lacks():
    with pytest.raises(CredentialError, match="LoadCredential=influx"):
        placed("credential:influx", FOLDER, {})
