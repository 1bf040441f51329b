"""Questions that go to the database together.

Within a pipeline a question is sent, and its answer waited for only where it is looked at: ten
questions are then one round trip.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import psycopg

T = TypeVar("T")

Cursor = psycopg.Cursor[Any]
Row = tuple[Any, ...]
#: Waits for the answer to a question, and reads it; to be called once.
Answer = Callable[[], T]


def ask(
    cursor: Cursor, query: str | bytes, values: Any, read: Callable[[list[Row]], T]
) -> Answer[T]:
    """Send a question; returns what waits for its rows and reads them."""
    sent = cursor.connection.execute(query.encode() if isinstance(query, str) else query, values)
    return lambda: read(sent.fetchall())


def not_asked(answer: T) -> Answer[T]:
    """Return what is known without asking."""
    return lambda: answer
