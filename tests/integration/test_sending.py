"""Sending many events while nobody decides them: kept once, never too many, told after a while."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from events.contract.directory import OrgSet
from events.outgoing_event import Outgoing, directory_event
from models.policy.people import OrgKind
from partygrid import bootstrap
from partygrid.clock import WallClock
from partygrid.errors import Unavailable
from partygrid.sending import KeysMissing, NothingDecided, Sender, sender_of
from partygrid.settings import Settings

COUNTY, SOURCE = "990202", "directory/test"
AT = datetime(2026, 3, 10, tzinfo=UTC)
SHORT = timedelta(milliseconds=300)


def event(number: int, *, name: str = "甲村") -> Outgoing:
    org = OrgSet(
        org=f"o-{number}",
        kind=OrgKind.VILLAGE,
        name=name,
        parent=COUNTY,
        code=COUNTY,
        valid_from=AT,
    )
    return directory_event(org, county=COUNTY, source=SOURCE, at=AT)


@pytest.fixture
def db(database_url: str, tmp_path: Path) -> Iterator[bootstrap.Connection]:
    settings = Settings(home=tmp_path, partitions=2)
    bootstrap.prepare(database_url, settings, bootstrap.policy_of(settings), datetime.now(UTC))
    connection = bootstrap.connect(database_url, autocommit=True)
    yield connection
    connection.close()


def sender(db: bootstrap.Connection) -> Sender:
    return Sender(db, own_key=b"o" * 32, partitions=2, clock=WallClock(), patience=SHORT)


def kept(db: bootstrap.Connection) -> list[str]:
    rows = db.execute("SELECT event_id FROM outbox ORDER BY id").fetchall()
    return [row[0] for row in rows]


def test_it_says_when_nothing_is_decided_and_keeps_what_it_sent_once(
    db: bootstrap.Connection,
) -> None:
    events = [event(number) for number in range(3)]
    for _ in range(2):
        with pytest.raises(NothingDecided, match="3 events wait"):
            sender(db).send(events)
        assert kept(db) == [one.id for one in events]
    with pytest.raises(NothingDecided, match="3 events wait"):
        sender(db).settle(SOURCE)
    assert sender(db).settle("directory/other") == 0


def test_it_puts_no_more_into_the_outbox_than_may_wait(db: bootstrap.Connection) -> None:
    with pytest.raises(NothingDecided):
        sender(db).send(event(number) for number in range(5000))
    assert len(kept(db)) == 2000


def test_another_content_under_a_known_id_is_not_sent(db: bootstrap.Connection) -> None:
    first = event(1)
    other = Outgoing(
        id=first.id,
        source=first.source,
        data=event(1, name="乙村").data,
        township=first.township,
        time=first.time,
        acting=first.acting,
    )
    with pytest.raises(NothingDecided):
        sender(db).send([first])
    sent = sender(db).send([other])
    assert [(one.fate, one.reason) for one in sent.denied] == [("dead-lettered", "id_conflict")]
    assert kept(db) == [first.id]


def test_a_database_that_goes_away_is_told(db: bootstrap.Connection) -> None:
    one = sender(db)
    db.close()
    with pytest.raises(Unavailable, match="What was sent is kept"):
        one.send([event(1)])


def test_without_the_installation_s_key_nothing_is_sent(tmp_path: Path) -> None:
    with pytest.raises(KeysMissing), sender_of(Settings(home=tmp_path)):
        pass
    assert not (tmp_path / "secrets").exists()
