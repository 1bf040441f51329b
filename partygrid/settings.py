"""Every setting of an installation, read once and passed down."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from partygrid.errors import Invalid, Unavailable

Positive = Annotated[int, Field(gt=0)]
Port = Annotated[int, Field(ge=0, le=65535)]


class BadSettings(Invalid):
    """A setting cannot be what its variable says. See docs/settings.md."""


class Settings(BaseSettings):
    """What differs between installations; what differs between counties is policy.

    Each field is read from `PARTYGRID_<NAME>`; durations are seconds or ISO 8601 (`PT5M`).
    Made once, by `read_settings`; nothing else reads the environment.
    """

    model_config = SettingsConfigDict(
        env_prefix="PARTYGRID_",
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        validate_default=True,
    )

    # Where things are
    home: Path = Field(
        default=Path(".partygrid"),
        description="Folder of everything this installation keeps on this machine.",
    )
    policy_dir: Path | None = Field(
        default=None, description="Folder of the policy pack; empty: the pack that is shipped."
    )
    calendar_file: Path | None = Field(
        default=None,
        description="Days off and make-up days that no library knows yet; see docs/policy.md.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL 15 or newer, `postgresql://…`; empty: the embedded one.",
    )
    database_pool: Positive = Field(
        default=5, description="Connections that one process keeps to the database."
    )
    kafka_bootstrap: str | None = Field(
        default=None, description="Kafka addresses, `host:port,host:port`; empty: the embedded one."
    )
    prefect_api_url: str | None = Field(
        default=None,
        validation_alias=AliasChoices("PARTYGRID_PREFECT_API_URL", "PREFECT_API_URL"),
        description="Prefect's API, `http://host:port/api`; empty: the embedded one.",
    )
    prefect_api_auth: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("PARTYGRID_PREFECT_API_AUTH", "PREFECT_API_AUTH_STRING"),
        description="`user:password` of Prefect's API, where it asks for one.",
    )
    kafka_port: Port = Field(default=0, description="Port of the embedded broker; 0: any free one.")
    prefect_port: Port = Field(
        default=0, description="Port of the embedded Prefect server; 0: any free one."
    )

    # Kafka: how it is reached and laid out
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="How the brokers are spoken to."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        default=None, description="How this program identifies itself to the brokers."
    )
    kafka_username: str | None = Field(default=None, description="Name for the brokers.")
    kafka_password: SecretStr | None = Field(default=None, description="Password for the brokers.")
    kafka_admin_username: str | None = Field(
        default=None,
        description="Name of the brokers' administrator, for `migrate` and `kafka` alone; empty: "
        "the name above.",
    )
    kafka_admin_password: SecretStr | None = Field(
        default=None, description="The administrator's password."
    )
    kafka_ca_file: Path | None = Field(
        default=None, description="PEM file of the authority that signed the brokers' certificates."
    )
    kafka_cert_file: Path | None = Field(
        default=None, description="PEM file of a certificate to show to brokers that ask for one."
    )
    kafka_key_file: Path | None = Field(
        default=None, description="PEM file of that certificate's private key."
    )
    kafka_key_password: SecretStr | None = Field(
        default=None, description="Password of that private key, where it has one."
    )
    kafka_check_hostname: bool = Field(
        default=True,
        description="Whether a broker's certificate must be made for the address at which the "
        "broker is reached. Without that anybody whom the authority knows may answer.",
    )
    kafka_replication: Positive = Field(
        default=3,
        description="Copies of every topic, each on another broker. The embedded broker has one.",
    )
    kafka_min_insync: Positive = Field(
        default=2,
        description="Copies that must have a record before its writer is told that it is there; "
        "fewer than there are, or the loss of one broker stops everything.",
    )
    kafka_retention: Annotated[timedelta, Field(ge=timedelta(days=30))] = Field(
        default=timedelta(days=40),
        description="How long Kafka keeps a record: longer than the longest outage, 30 days at "
        "least, and as long as the policy lets apps send what they recorded offline.",
    )
    partitions: Positive = Field(
        default=6,
        description="Shards of the installation. Chosen once: later it means moving every case.",
    )

    # The engine
    engines: Positive | None = Field(
        default=None, description="Engine processes on this machine; empty: one for each core."
    )
    batch_max: Positive = Field(
        default=500,
        description="Events that one transaction takes at most when there is a backlog.",
    )
    poll_wait: timedelta = Field(
        default=timedelta(milliseconds=100),
        description="Longest time a poll waits for the first event.",
    )
    shift_length: timedelta = Field(
        default=timedelta(minutes=5), description="How long one rolling flow run stays open."
    )
    task_runs_per_second: Positive = Field(
        default=4,
        description="Batches that an engine shows as task runs in a second; "
        "all others stand in the table of their shift only.",
    )

    # The doors
    http_host: str = Field(default="127.0.0.1", description="Address the HTTP door listens on.")
    http_port: Port = Field(
        default=8765, description="Port the HTTP door listens on; 0: any free one."
    )
    http_proxies: str = Field(
        default="127.0.0.1",
        description="Addresses or networks of the proxies in front of the HTTP door, by commas: "
        "theirs alone is believed what `X-Forwarded-For` says of the caller.",
    )
    public_url: str | None = Field(
        default=None,
        description="Address of the county's own pages for people; notices link to "
        "`<it>/cases/<id>` and `<it>/e/<code>`. Empty: no links.",
    )

    # Secrets of the installation
    secrets_dir: Path | None = Field(
        default=None,
        description="Folder of the keys (seal, vault, own events …), outside the database; "
        "empty: `secrets` in the home folder, made at the first start.",
    )

    # Reaching people
    smtp_host: str | None = Field(default=None, description="Mail server; empty: no mail is sent.")
    smtp_port: Port = Field(default=25, description="Port of the mail server.")
    smtp_user: str | None = Field(default=None, description="Name for the mail server.")
    smtp_password: SecretStr | None = Field(
        default=None, description="Password for the mail server."
    )
    smtp_from: str = Field(
        default="partygrid@localhost", description="Sender's address on every mail."
    )
    smtp_security: Literal["none", "starttls", "ssl"] = Field(
        default="none", description="How the connection to the mail server is protected."
    )
    sms_gateway_url: SecretStr | None = Field(
        default=None, description="The county's SMS gateway; empty: no SMS is sent."
    )
    sms_token: SecretStr | None = Field(default=None, description="Token for the SMS gateway.")
    sms_signature: str = Field(
        default="", description="Registered signature (短信签名) in front of every SMS."
    )

    notice_sender: str = Field(
        default="综治中心", description="Name that stands under every notice to people."
    )

    # Telling the operator
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="From which level on log lines are written."
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="Log lines for people (`text`) or for programs (`json`)."
    )
    metrics_host: str = Field(
        default="127.0.0.1", description="Address at which each process tells its metrics."
    )
    metrics_port: Port | None = Field(
        default=None,
        description="Port of a process's metrics (Prometheus), 0: any free one. `up` gives the "
        "first process this one and each further the next; empty: `up` gives each a free one, "
        "and a process that is started alone tells none.",
    )

    @field_validator(
        *("home", "policy_dir", "calendar_file", "secrets_dir"),
        *("kafka_ca_file", "kafka_cert_file", "kafka_key_file"),
    )
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        """Child processes start in other folders, so a relative path would move with them."""
        return path and path.expanduser().absolute()

    @field_validator("poll_wait", "shift_length", "kafka_retention", mode="before")
    @classmethod
    def _seconds(cls, value: object) -> object:
        """Take a bare number as seconds: from a variable it comes as text."""
        if isinstance(value, str) and value.replace(".", "", 1).isdigit():
            return float(value)
        return value

    @model_validator(mode="after")
    def _enough_copies(self) -> Self:
        if self.kafka_min_insync > self.kafka_replication:
            raise ValueError(
                f"PARTYGRID_KAFKA_MIN_INSYNC is {self.kafka_min_insync}, and there are only"
                f" {self.kafka_replication} copies (PARTYGRID_KAFKA_REPLICATION): nothing could be"
                " written"
            )
        return self

    @field_validator("database_url")
    @classmethod
    def _is_database(cls, url: SecretStr | None) -> SecretStr | None:
        """What a library says of an address it cannot read repeats it, password and all."""
        if url is not None and not _is_postgresql(url.get_secret_value()):
            raise ValueError("no address of PostgreSQL, postgresql://user:password@host:port/name")
        return url

    @field_validator("prefect_api_url")
    @classmethod
    def _without_password(cls, url: str | None) -> str | None:
        """This address is shown to operators."""
        if url is not None and "@" in url:
            raise ValueError("user and password belong into PARTYGRID_PREFECT_API_AUTH")
        return url

    @model_validator(mode="after")
    def _account_is_whole(self) -> Self:
        """Refuse half an account: what is missing would only show as brokers that do not answer."""
        asks = self.kafka_security_protocol.startswith("SASL_")
        for name in ("kafka_sasl_mechanism", "kafka_username", "kafka_password"):
            given = getattr(self, name) is not None
            if asks and not given:
                protocol = self.kafka_security_protocol
                raise ValueError(f"PARTYGRID_{name.upper()} is missing: {protocol} needs it")
            if given and not asks:
                raise ValueError(
                    f"PARTYGRID_{name.upper()} is given, and PARTYGRID_KAFKA_SECURITY_PROTOCOL is"
                    " not SASL_SSL: nothing would be proved"
                )
        if (self.kafka_admin_username is None) != (self.kafka_admin_password is None):
            raise ValueError(
                "PARTYGRID_KAFKA_ADMIN_USERNAME and PARTYGRID_KAFKA_ADMIN_PASSWORD belong together"
            )
        if (self.kafka_cert_file is None) != (self.kafka_key_file is None):
            raise ValueError(
                "PARTYGRID_KAFKA_CERT_FILE and PARTYGRID_KAFKA_KEY_FILE belong together"
            )
        return self

    def address(self, name: str) -> str:
        """Return the address in this field; raise `Unavailable` where none is settled."""
        value = getattr(self, name)
        if value is None:
            raise Unavailable(f"No address: set PARTYGRID_{name.upper()} or run `partygrid up`.")
        return value.get_secret_value() if isinstance(value, SecretStr) else str(value)

    def changed(self, **fields: object) -> Self:
        """Return these settings with other values in some fields, validated."""
        kept = {name: getattr(self, name) for name in self.model_fields_set}
        return type(self).model_validate(kept | fields)

    def environment(self) -> dict[str, str]:
        """Return the variables from which another process reads these very settings."""
        values = {name: _written(value) for name, value in self}
        return {f"PARTYGRID_{name.upper()}": text for name, text in values.items() if text}


def read_settings() -> Settings:
    """Read the settings of this process from its environment. Raises `BadSettings`."""
    try:
        return Settings()
    except ValidationError as error:
        told = "; ".join(
            _told(fault["loc"], fault["msg"])
            for fault in error.errors(include_url=False, include_input=False)
        )
        raise BadSettings(f"{told}. See docs/settings.md.") from None


def _told(place: tuple[int | str, ...], message: str) -> str:
    if not place:  # of several variables, which it names
        return message.removeprefix("Value error, ")
    return f"PARTYGRID_{str(place[0]).removeprefix('PARTYGRID_').upper()}: {message}"


def _is_postgresql(url: str) -> bool:
    from psycopg import ProgrammingError  # noqa: PLC0415 - the help must not wait for it
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    try:
        port = str(conninfo_to_dict(url.replace("+psycopg", "", 1)).get("port") or "0")
    except ProgrammingError:
        return False
    return url.startswith(("postgresql://", "postgresql+psycopg://")) and port.isdigit()


def _written(value: object) -> str:
    """Write a value as its variable reads it; nothing for None."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, timedelta):
        return str(TypeAdapter(timedelta).dump_python(value, mode="json"))
    return "" if value is None else str(value)
