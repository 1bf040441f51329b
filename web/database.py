"""The doors' transactions: short ones, from a pool, that say `Unavailable` where they cannot be."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.errors import InterfaceError, OperationalError
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from partygrid.errors import Unavailable

Cursor = psycopg.Cursor[Any]

#: A request that waits longer for a lock or an answer is better told to come again.
_PATIENCE = "SET LOCAL statement_timeout = '5s'"


class Database:
    """Gives out transactions."""

    def __init__(self, pool: Engine) -> None:
        self._pool = pool

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """Begin one; committed at the end, rolled back by an exception. Raises `Unavailable`."""
        try:
            held = self._pool.raw_connection()
        except (SQLAlchemyError, psycopg.Error) as fault:
            raise Unavailable("the database cannot be reached") from fault
        try:
            connection: Any = held.driver_connection
            with connection.transaction(), connection.cursor() as cursor:
                cursor.execute(_PATIENCE)
                yield cursor
        except (OperationalError, InterfaceError) as fault:
            held.invalidate()
            raise Unavailable("the database went away or took too long") from fault
        finally:
            held.close()
