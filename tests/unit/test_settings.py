"""Settings: read from the environment, never printed, handed to other processes whole."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from partygrid.embedded.servers import embedded_servers
from partygrid.errors import Unavailable
from partygrid.settings import BadSettings, Settings, read_settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"PARTYGRID_{name.upper()}", raising=False)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.delenv("PREFECT_API_AUTH_STRING", raising=False)


def test_another_process_reads_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    given = Settings(
        home=Path("/srv/partygrid"),
        database_url=SecretStr("postgresql://user:geheim@db/partygrid"),
        prefect_api_url="http://prefect/api",
        partitions=12,
        poll_wait=timedelta(milliseconds=250),
        sms_signature="县社会工作部",
    )
    for name, value in given.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == given


def test_a_secret_shows_nowhere() -> None:
    url = "postgresql://user:geheim@db/p"
    settings = Settings(database_url=SecretStr(url), smtp_password=SecretStr("geheim"))
    assert "geheim" not in repr(settings) + settings.model_dump_json()
    assert settings.address("database_url") == url


def test_prefects_own_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://theirs/api")
    assert Settings().prefect_api_url == "http://theirs/api"
    monkeypatch.setenv("PARTYGRID_PREFECT_API_URL", "http://ours/api")
    assert Settings().prefect_api_url == "http://ours/api"


@pytest.mark.parametrize(
    ("name", "value"),
    [("partitions", 0), ("http_port", 70000), ("kafka_security_protocol", "TLS"), ("nonsense", 1)],
)
def test_nonsense_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({name: value})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"SECURITY_PROTOCOL": "SASL_SSL"}, "PARTYGRID_KAFKA_SASL_MECHANISM is missing"),
        (
            {"SECURITY_PROTOCOL": "SASL_SSL", "SASL_MECHANISM": "SCRAM-SHA-512", "USERNAME": "a"},
            "PARTYGRID_KAFKA_PASSWORD is missing",
        ),
        ({"USERNAME": "a", "PASSWORD": "geheim"}, "PARTYGRID_KAFKA_USERNAME is given"),
        ({"CERT_FILE": "a.pem"}, "PARTYGRID_KAFKA_KEY_FILE"),
        ({"RETENTION": "P29D"}, "PARTYGRID_KAFKA_RETENTION: Input should be greater than or equal"),
        ({"REPLICATION": "1"}, "PARTYGRID_KAFKA_MIN_INSYNC is 2, and there are only 1 copies"),
        ({"CHECK_HOSTNAME": "perhaps", "KEY_PASSWORD": "geheim"}, "PARTYGRID_KAFKA_CHECK_HOSTNAME"),
    ],
)
def test_settings_of_kafka_that_cannot_be_are_refused_by_name(
    given: dict[str, str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"PARTYGRID_KAFKA_{name}", value)
    with pytest.raises(BadSettings, match=told) as refused:
        read_settings()
    assert "geheim" not in str(refused.value)


def test_the_broker_that_comes_along_is_asked_openly_whoever_else_is_set_up(
    tmp_path: Path,
) -> None:
    elsewhere = Settings.model_validate(
        {
            "home": tmp_path,
            "kafka_security_protocol": "SASL_SSL",
            "kafka_sasl_mechanism": "SCRAM-SHA-512",
            "kafka_username": "a",
            "kafka_password": "b",
        }
    )
    settled, _ = embedded_servers(elsewhere, prefect=False)
    assert (settled.kafka_security_protocol, settled.kafka_username) == ("PLAINTEXT", None)
    assert elsewhere.kafka_bootstrap is None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:geheim@db:nope/p",
        "postgresql://u:geheim%zz@db/p",
        "postgresql://u@db/p?password=geheim&bogus=1",
        "mysql://u:geheim@db/p",
        "u:geheim@db/p",
        "host=db password=geheim",
    ],
)
def test_an_address_that_is_none_is_not_repeated(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARTYGRID_DATABASE_URL", url)
    monkeypatch.setenv("PREFECT_API_URL", "http://user:geheim@prefect/api")
    with pytest.raises(BadSettings) as caught:
        read_settings()
    told = f"{caught.value}{caught.value.__cause__}"
    assert "PARTYGRID_DATABASE_URL" in told
    assert "PARTYGRID_PREFECT_API_AUTH" in told
    assert "geheim" not in told


def test_changed_settings_keep_the_rest() -> None:
    settings = Settings(partitions=12).changed(http_port=1)
    assert (settings.partitions, settings.http_port) == (12, 1)
    with pytest.raises(ValidationError):
        settings.partitions = 3  # type: ignore[misc]


def test_a_missing_address_says_how_to_give_one() -> None:
    with pytest.raises(Unavailable, match="PARTYGRID_KAFKA_BOOTSTRAP"):
        Settings().address("kafka_bootstrap")


def test_relative_folders_are_settled_at_once() -> None:
    assert Settings(home=Path("x")).home == Path.cwd() / "x"


@pytest.mark.parametrize("text", ["90", "90.0", "PT1M30S", "00:01:30"])
def test_a_duration_is_seconds_or_iso_8601(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARTYGRID_SHIFT_LENGTH", text)
    assert Settings().shift_length == timedelta(seconds=90)
