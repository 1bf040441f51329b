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


def embedded_servers(settings: Settings) -> tuple[Settings, tuple[Child, ...]]:
    """Return settings in which every address is settled, and the children that will answer there.

    The children are named `postgres`, `kafka` and `prefect`. Nothing is started. A port of 0
    becomes a free one.
    """
    children: list[Child] = []
    if settings.http_port == 0:
        settings = settings.changed(http_port=free_port())
    database = Postgres(settings.home / "postgres", databases=(DATABASE, PREFECT_DATABASE))
    needs_postgres = settings.database_url is None or settings.prefect_api_url is None
    if needs_postgres:
        children.append(database.child("postgres"))
    if settings.database_url is None:
        settings = settings.changed(database_url=database.url(DATABASE))
    if settings.kafka_bootstrap is None:
        broker = Tansu(settings.home / "kafka", settings.kafka_port or free_port())
        children.append(broker.child("kafka"))
        settings = settings.changed(kafka_bootstrap=broker.bootstrap)
    if settings.prefect_api_url is None:
        prefect = PrefectServer(
            settings.home / "prefect",
            settings.prefect_port or free_port(),
            database.asyncpg_url(PREFECT_DATABASE),
        )
        children.append(prefect.child("prefect", needs=("postgres",)))
        settings = settings.changed(prefect_api_url=prefect.api_url, prefect_api_auth=prefect.auth)
    return settings, tuple(children)


def environment_for(settings: Settings) -> dict[str, str]:
    """Return the environment of a process of ours: this one's, and these very settings in it.

    The addresses must be settled. It makes the process a client of the settled Prefect server.
    """
    auth = settings.prefect_api_auth
    prefect = client_environment(
        api_url=settings.address("prefect_api_url"),
        auth=auth.get_secret_value() if auth else None,
        home=settings.home / "prefect-client",
    )
    return dict(os.environ) | settings.environment() | prefect
