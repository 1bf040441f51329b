"""The embedded servers start, answer, keep what they must and end."""

import os
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import httpx
import psycopg
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from partygrid.embedded.child import Child, ServerDidNotStart, running
from partygrid.embedded.postgres import Postgres
from partygrid.embedded.prefect_server import PrefectServer
from partygrid.embedded.tansu import Tansu


def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement).fetchall()


def test_postgres_keeps_its_data_over_a_restart(server_folder: Path) -> None:
    server = Postgres(server_folder / "kept", databases=("partygrid", "prefect"))
    with running(server.child()), psycopg.connect(server.url("partygrid")) as connection:
        connection.execute("CREATE TABLE t AS SELECT '保留' AS word")
    with running(server.child()):
        assert rows(server.url("partygrid"), "SELECT word FROM t") == [("保留",)]
        version = rows(server.url(), "SHOW server_version")[0][0]
        assert str(version).startswith("18.")


def test_postgres_comes_back_after_kill_9(server_folder: Path) -> None:
    server = Postgres(server_folder / "killed", databases=("partygrid",))
    with running(server.child()) as process:
        with psycopg.connect(server.url("partygrid"), autocommit=True) as connection:
            connection.execute("CREATE TABLE t AS SELECT 1 AS n")
        os.killpg(process.pid, 9)
    with running(server.child()):
        assert rows(server.url("partygrid"), "SELECT n FROM t") == [(1,)]


def test_only_its_owner_can_reach_the_socket(postgres: Postgres) -> None:
    assert postgres.socket_folder.stat().st_mode & 0o077 == 0
    assert rows(postgres.url(), "SHOW listen_addresses") == [("",)]


def test_a_long_path_moves_the_socket_to_a_short_one(server_folder: Path) -> None:
    server = Postgres(server_folder / ("x" * 100), durable=False)
    assert server.socket_folder != server.data
    with running(server.child()):
        assert rows(server.url(), "SELECT 1") == [(1,)]
        assert server.socket_folder.stat().st_mode & 0o077 == 0
    server.socket_folder.rmdir()


def test_every_test_has_a_database_of_its_own(database_url: str, postgres: Postgres) -> None:
    name = rows(database_url, "SELECT current_database()")[0][0]
    assert str(name).startswith("test_")
    assert postgres.url(str(name)) == database_url


def test_broker_hands_over_what_it_was_given(fresh_broker: str) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=fresh_broker)) as admin:
        admin.create_topics([NewTopic("words", 2, 1)])
    producer = KafkaProducer(bootstrap_servers=fresh_broker)
    producer.send("words", "民情".encode(), partition=1).get(timeout=10)
    producer.close()
    consumer = KafkaConsumer(bootstrap_servers=fresh_broker, auto_offset_reset="earliest")
    consumer.assign([TopicPartition("words", 1)])
    assert next(consumer).value.decode() == "民情"
    consumer.close()


def test_a_taken_port_is_an_error_that_shows_the_log(broker: str, server_folder: Path) -> None:
    taken = Tansu(server_folder / "second", int(broker.rsplit(":", 1)[1]))
    with pytest.raises(ServerDidNotStart, match="in use"), running(taken.child()):
        pass


def test_a_child_that_ignores_the_polite_signal_is_killed(server_folder: Path) -> None:
    script = "trap '' TERM; echo up; while true; do sleep 0.05; done"
    log = server_folder / "deaf.log"
    deaf = Child(
        name="deaf",
        argv=("/bin/sh", "-c", script),
        folder=server_folder / "deaf",
        log=log,
        ready=lambda _: "up" in log.read_text(),
        stop_limit=timedelta(seconds=0.2),
        env={"PATH": os.defpath},
    )
    with running(deaf) as process:
        pass
    assert process.exit_code() == -9


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_prefect_runs_on_the_embedded_postgres_and_asks_for_its_password(
    prefect_server: PrefectServer, postgres: Postgres
) -> None:
    flows = f"{prefect_server.api_url}/flows/filter"
    assert httpx.post(flows, json={}, timeout=30).status_code == httpx.codes.UNAUTHORIZED
    user, _, password = prefect_server.auth.partition(":")
    assert httpx.post(flows, json={}, auth=(user, password), timeout=30).is_success
    tables = "SELECT count(*) FROM pg_tables WHERE tablename = 'flow_run'"
    assert rows(postgres.url("prefect"), tables) == [(1,)]
    assert (prefect_server.folder / "auth").stat().st_mode & 0o077 == 0
