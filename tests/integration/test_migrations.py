"""The migrations make exactly the tables the models describe, and can be taken back."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, text

from models.append_only import APPEND_ONLY
from models.every_table import Table
from partygrid import bootstrap


@contextmanager
def opened(url: str) -> Iterator[Connection]:
    """Give a connection of SQLAlchemy's, and leave none behind."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def test_migrated_tables_are_the_models_tables(empty_database_url: str) -> None:
    bootstrap.migrate(empty_database_url)
    with opened(empty_database_url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []


def test_migrating_twice_changes_nothing(empty_database_url: str) -> None:
    bootstrap.migrate(empty_database_url)
    bootstrap.migrate(empty_database_url)


def test_what_must_not_change_is_protected(empty_database_url: str) -> None:
    bootstrap.migrate(empty_database_url)
    with opened(empty_database_url) as connection:
        rows = connection.execute(
            text("SELECT DISTINCT event_object_table FROM information_schema.triggers")
        )
        assert {name for (name,) in rows} == set(APPEND_ONLY)


def test_the_first_shape_can_be_taken_back(empty_database_url: str) -> None:
    bootstrap.migrate(empty_database_url)
    config = Config()
    config.set_main_option("script_location", "models:migrations")
    with opened(empty_database_url) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]
