"""Prefect's command on a PostgreSQL without the extension pg_trgm, as the embedded one is.

Prefect's migrations want trigram indexes on the names of flows, runs and the like. They only make
a search for a part of a name faster, so here they are left out.
"""

from typing import Any

from alembic import op

from partygrid.embedded.prefect_command import main

_execute = op.execute


def execute_but_trigrams(sqltext: Any, **options: Any) -> None:
    """Run a migration's statement unless it is about trigrams."""
    if "trgm" not in str(sqltext):
        _execute(sqltext, **options)


if __name__ == "__main__":
    op.execute = execute_but_trigrams
    main()
