"""A copy of the county for each test that decides on one shard, and a played week for some."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from partygrid.embedded.postgres import Postgres
from tests.integration.mixed_week import MixedWeek, mixed_week
from tests.one_shard import County, OneShard, copied


@pytest.fixture
def county_url(postgres: Postgres, county: County) -> Iterator[str]:
    """Address of a copy of that database."""
    with copied(postgres, county) as url:
        yield url


@pytest.fixture
def shard(county_url: str, county: County) -> Iterator[OneShard]:
    """The one engine of an installation of one shard, in that county."""
    with closing(OneShard(county_url, county.home)) as made:
        yield made


@pytest.fixture(scope="session")
def mixed(postgres: Postgres, migrated: str, server_folder: Path) -> Iterator[MixedWeek]:
    """A played week in which much went wrong besides. Takes half a minute: mark tests `slow`."""
    with mixed_week(postgres, migrated, server_folder) as week:
        yield week
