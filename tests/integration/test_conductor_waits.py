"""The conductor's patience: it ends where nothing is decided, and not while something is done."""

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from itertools import count
from pathlib import Path

import psycopg
import pytest

from flows.conductor import Conductor, Stalled
from partygrid import bootstrap
from partygrid.embedded.postgres import Postgres
from tests.rig import Rig
from tests.rigged import rigged
from tests.world import NOW

PATIENCE = timedelta(seconds=0.3)
DRAIN = "UPDATE shards SET drained_at = %s"


def conductor(rig: Rig, while_waiting: Callable[[], None]) -> Conductor:
    return Conductor(
        bootstrap.connect(rig.url),
        rig.client,
        partitions=rig.partitions,
        patience=PATIENCE,
        while_waiting=while_waiting,
    )


def test_an_instant_that_nobody_decides_ends_the_patience(
    postgres: Postgres, migrated: str, server_folder: Path
) -> None:
    with (
        rigged(postgres, migrated, server_folder) as rig,
        closing(rig.engine),
        closing(conductor(rig, lambda: None)) as waits,
        pytest.raises(Stalled),
    ):
        waits.release(NOW)


def test_what_is_done_meanwhile_is_no_waiting(
    postgres: Postgres, migrated: str, server_folder: Path
) -> None:
    with rigged(postgres, migrated, server_folder) as rig:
        faults = count(1)

        def long_fault() -> None:
            with psycopg.connect(rig.url) as connection:
                connection.execute("SELECT pg_sleep(%s)", (3 * PATIENCE.total_seconds(),))
                if next(faults) > 1:
                    connection.execute(DRAIN, (NOW,))

        with closing(rig.engine), closing(conductor(rig, long_fault)) as waits:
            waits.release(NOW)
