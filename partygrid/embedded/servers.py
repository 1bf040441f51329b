"""Which servers must come along: those whose address nobody gave."""

import os

from partygrid.embedded.child import Child
from partygrid.embedded.ports import free_port
from partygrid.embedded.postgres import Postgres
from partygrid.embedded.prefect_server import PrefectServer, client_environment
from partygrid.embedded.tansu import Tansu
from partygrid.settings import Settings

DATABASE = "partygrid"
PREFECT_DATABASE = "prefect"
#: The broker that comes along lets everybody on this machine in, whoever else is set up.
_OPEN: dict[str, object] = {
    "kafka_security_protocol": "PLAINTEXT",
    "kafka_sasl_mechanism": None,
    "kafka_username": None,
    "kafka_password": None,
}


def embedded_servers(
    settings: Settings, *, prefect: bool = True, durable: bool = True
) -> tuple[Settings, tuple[Child, ...]]:
    """Return settings in which every address is settled, and the children that will answer there.

    The children are named `postgres`, `kafka` and `prefect`. Nothing is started. A port of 0
    becomes a free one. Without `prefect` its address stays as it is, given or not. What is not
    `durable` is quicker and lost with a power cut: for rehearsals only.
    """
    children: list[Child] = []
    if settings.http_port == 0:
        settings = settings.changed(http_port=free_port())
    database = Postgres(
        settings.home / "postgres", databases=(DATABASE, PREFECT_DATABASE), durable=durable
    )
    brings_prefect = prefect and settings.prefect_api_url is None
    if settings.database_url is None or brings_prefect:
        children.append(database.child("postgres"))
    if settings.database_url is None:
        settings = settings.changed(database_url=database.url(DATABASE))
    if settings.kafka_bootstrap is None:
        broker = Tansu(settings.home / "kafka", settings.kafka_port or free_port())
        children.append(broker.child("kafka"))
        settings = settings.changed(kafka_bootstrap=broker.bootstrap, **_OPEN)
    if brings_prefect:
        server = PrefectServer(
            settings.home / "prefect",
            settings.prefect_port or free_port(),
            database.asyncpg_url(PREFECT_DATABASE),
        )
        children.append(server.child("prefect", needs=("postgres",)))
        settings = settings.changed(prefect_api_url=server.api_url, prefect_api_auth=server.auth)
    return settings, tuple(children)


def environment_for(settings: Settings) -> dict[str, str]:
    """Return the environment of a process of ours: this one's, and these very settings in it.

    It makes the process a client of the settled Prefect server, or of none.
    """
    if settings.prefect_api_url is None:
        return _without_prefect(_inherited()) | settings.environment()
    auth = settings.prefect_api_auth
    prefect = client_environment(
        api_url=settings.address("prefect_api_url"),
        auth=auth.get_secret_value() if auth else None,
        home=settings.home / "prefect-client",
    )
    return _inherited() | settings.environment() | prefect


def _inherited() -> dict[str, str]:
    """Return this process's environment but for our settings: those that count are handed over."""
    ours = {f"PARTYGRID_{name.upper()}" for name in Settings.model_fields}
    return {name: text for name, text in os.environ.items() if name not in ours}


def _without_prefect(environment: dict[str, str]) -> dict[str, str]:
    """Take out the variables that name a server."""
    ours = {f"PARTYGRID_{name}" for name in ("PREFECT_API_URL", "PREFECT_API_AUTH")}
    named = {"PREFECT_API_URL", "PREFECT_API_AUTH_STRING", *ours}
    return {name: text for name, text in environment.items() if name not in named}
