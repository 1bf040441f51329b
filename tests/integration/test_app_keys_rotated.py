"""An app gets a new key: both count while the old one is not ended, and then by the log's time."""

import base64
from datetime import datetime, timedelta
from itertools import count

from msgspec.structs import replace

from events.admission import ENGINE_KEY, ENGINE_SOURCE
from events.codec import attributes_of, data_of, headers_of
from events.contract.directory import AppKeySet
from events.contract.reports import ReportFiled, ReportSource
from events.signing import sign_event
from models.keys import SigningKey
from models.policy.people import Role
from tests.one_shard import OneShard
from tests.rigged import FOUNDER
from tests.world import COUNTY, GRID, NOW, SINCE, TOWNSHIP, acting

APP = "app/rotating"
OLD, NEW = SigningKey.generate(), SigningKey.generate()
HOUR = timedelta(hours=1)
_ids = count(1)


def enter(shard: OneShard, key: SigningKey, now: datetime, *, until: datetime | None) -> None:
    data = AppKeySet(
        source=APP,
        name=APP,
        public_key=base64.b64encode(key.public.raw).decode(),
        territories=(TOWNSHIP,),
        event_types=("grid.report.*",),
        valid_from=SINCE,
        valid_to=until,
    )
    said = shard.event(data, FOUNDER, township=COUNTY, time=now, source=ENGINE_SOURCE)
    shard.say(now, replace(said, key_id=ENGINE_KEY))


def fate(shard: OneShard, key: SigningKey, appended: datetime) -> str:
    """Let the app report, signed with a key, and return what became of it."""
    data = ReportFiled(grid=GRID, category="06-02", source=ReportSource.GRID_MEMBER, title="灯")
    event_id = f"rotated-{next(_ids)}"
    said = shard.event(
        data, acting(Role.GRID_MEMBER, GRID), time=appended, source=APP, event_id=event_id
    )
    said = replace(said, key_id=key.key_id)
    attributes, content = attributes_of(said), data_of(data)
    headers = headers_of({**attributes, "signature": sign_event(key, attributes, content)})
    shard.hear([shard.record("grid.reports", headers, content, appended)])
    shard.settle(appended)
    query = "SELECT fate || ' ' || reason FROM records WHERE event_id = %s"
    return str(shard.rows(query, event_id)[0][0])


def test_both_keys_count_until_the_old_one_ends(shard: OneShard) -> None:
    enter(shard, OLD, NOW, until=None)
    assert fate(shard, OLD, NOW) == "applied ok"
    assert fate(shard, NEW, NOW) == "dead-lettered unknown_key"
    enter(shard, NEW, NOW + HOUR, until=None)
    assert fate(shard, NEW, NOW + HOUR) == "applied ok"
    assert fate(shard, OLD, NOW + HOUR) == "applied ok"
    enter(shard, OLD, NOW + 2 * HOUR, until=NOW + 3 * HOUR)
    assert fate(shard, OLD, NOW + 4 * HOUR) == "dead-lettered unknown_key"
    assert fate(shard, NEW, NOW + 4 * HOUR) == "applied ok"
    # What the log took before the end is decided, however late it is read.
    assert fate(shard, OLD, NOW + 2 * HOUR) == "applied ok"
