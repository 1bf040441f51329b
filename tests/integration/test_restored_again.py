"""What happened after a backup is decided again from the log: the same, given append times.

One shard, whose records are handed over with the times at which a log took them.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import NamedTuple

import pytest
from msgspec.structs import asdict, replace
from sqlalchemy import create_engine, text

from events.contract.assignment import (
    AssignmentAccepted,
    AssignmentConfirmed,
    AssignmentHandled,
    HandlingChecked,
)
from events.contract.envelope import Acting, Payload
from events.contract.feedback import VisitAnswered, VisitChannel, VisitResult
from events.contract.reports import (
    OutcomeEvidence,
    ReportFiled,
    ReportSource,
    ReportSupplemented,
)
from flows.batch import Batch, RawRecord, Result
from models.audit_chain import read_act, read_circumstance
from models.policy.people import Role
from models.policy.work import Satisfaction
from models.restores import OPEN_END
from models.values import CaseState, case_id_of
from notifications.holding import hold_back
from notifications.spreading import hold_new
from partygrid import bootstrap
from partygrid.embedded.postgres import Postgres
from partygrid.rebuild import compare
from tests.one_shard import County, OneShard
from tests.rig import SOURCE
from tests.world import GRID, NOW, TOWNSHIP, acting, branch_of

MINUTE = timedelta(minutes=1)
LAMP, NEGLECTED, LATER = (case_id_of(SOURCE, name) for name in ("lamp", "neglected", "later"))
MEMBER = acting(Role.GRID_MEMBER, GRID)


class Logged(OneShard):
    """Keeps what was read, as a broker does. While it catches up, what it says is not read yet."""

    log: list[RawRecord]
    catching_up = False
    #: by the wall clock
    recorded_at = NOW

    def _decide(self, batch: Batch) -> Result:
        return super()._decide(replace(batch, recorded_at=self.recorded_at))

    def hear(self, records: Sequence[RawRecord]) -> list[Result]:
        self.log = [*getattr(self, "log", []), *records]
        return super().hear(records)

    def settle(self, now: datetime) -> None:
        if not self.catching_up:
            super().settle(now)

    def files(self, name: str, category: str, now: datetime) -> None:
        data = ReportFiled(
            grid=GRID, category=category, source=ReportSource.GRID_MEMBER, title=name
        )
        self.until(now)
        self.say(now, self.event(data, MEMBER, event_id=name, time=now))

    def acts(self, now: datetime, data: Payload, by: Acting, *, case: str = LAMP) -> None:
        self.until(now)
        self.say(now, self.event(data, by, subject=case, time=now))


def begin(shard: Logged) -> datetime:
    """Two matters are reported; for one of them a member is found."""
    shard.files("lamp", "06-02", NOW)
    shard.files("neglected", "06-06", NOW + MINUTE)
    now = NOW + 11 * MINUTE
    shard.until(now)
    work = shard.case(LAMP).assignment
    assert work is not None
    return now


def go_on(shard: Logged, now: datetime) -> datetime:
    """The member mends the lamp, nobody cares for the other matter, a third one comes in."""
    work = shard.case(LAMP).assignment
    assert work is not None
    chosen = work.candidates[0].assignee
    member = Acting(actor=chosen, role=str(Role.PARTY_MEMBER), org=branch_of(GRID))
    secretary = acting(Role.BRANCH_SECRETARY, branch_of(GRID))
    visit = VisitAnswered(
        channel=VisitChannel.CALL,
        result=VisitResult.ANSWERED,
        contacted=True,
        solved=True,
        satisfaction=Satisfaction.SATISFIED,
    )
    steps: list[tuple[Payload, Acting]] = [
        (AssignmentConfirmed(assignee=chosen), secretary),
        (AssignmentAccepted(), member),
        (AssignmentHandled(opinion="已换好", shown_by=OutcomeEvidence.STATEMENT), member),
        (HandlingChecked(passed=True), acting(Role.CHECKER, TOWNSHIP)),
        (visit, acting(Role.VISITOR, TOWNSHIP)),
    ]
    for data, by in steps:
        now += 5 * MINUTE
        shard.acts(now, data, by)
    shard.files("later", "06-02", now + MINUTE)
    # An act that the rules refuse, and one that comes before its case.
    shard.acts(now + 2 * MINUTE, AssignmentAccepted(), member)
    early = case_id_of(SOURCE, "never")
    shard.acts(now + 3 * MINUTE, ReportSupplemented(description="早到"), MEMBER, case=early)
    now += timedelta(days=4)
    shard.until(now)
    return now


class Restored(NamedTuple):
    """The database that was lost, and the one in its place that has caught up."""

    lost: Logged
    again: Logged
    #: up to where the backup reaches, and when the database was restored
    taken_at: datetime
    restored_at: datetime


@pytest.fixture(scope="module")
def restored(postgres: Postgres, county: County) -> Iterator[Restored]:
    names = ("again_lost", "again_restored")
    for name in names[:1]:
        postgres.create_database(name, template=county.database)
    with closing(Logged(postgres.url(names[0]), county.home)) as first:
        taken_at = begin(first)
        read, offsets = len(first.log), dict(first._offsets)
    postgres.create_database(names[1], template=names[0])
    with (
        closing(Logged(postgres.url(names[0]), county.home)) as lost,
        closing(Logged(postgres.url(names[1]), county.home)) as again,
    ):
        lost._offsets.update(offsets)
        restored_at = go_on(lost, taken_at)
        hold(postgres.url(names[1]), restored_at)
        again.setting = replace(again.setting, engine="another")
        again.recorded_at = restored_at
        again.catching_up = True
        for record in lost.log:
            again.until(record.now)
            again.hear([record])
        again.until(restored_at)
        # Only now comes what the engine said a second time.
        again.catching_up = False
        again._offsets.update(lost._offsets)
        again.settle(restored_at)
        assert read > 0
        yield Restored(lost, again, taken_at, restored_at)
    for name in names:
        postgres.drop_database(name)


def hold(url: str, now: datetime) -> None:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as connection:
        hold_back(connection, until=OPEN_END, now=now)
    engine.dispose()


def test_enough_happened(restored: Restored) -> None:
    lost = restored.lost
    assert lost.case(LAMP).state is CaseState.CLOSED
    fired = (
        "SELECT count(*) FROM journal WHERE subject = %s AND kind = 'firing' AND decided_at > %s"
    )
    assert lost.rows(fired, NEGLECTED, restored.taken_at) > [(2,)]
    assert lost.case(LATER).version > 0
    fates = {row[0] for row in lost.rows("SELECT DISTINCT fate FROM records")}
    assert {"applied", "refused", "dead-lettered"} <= fates


def test_everything_comes_out_again(restored: Restored) -> None:
    """Cases, deadlines, timers, outcomes, notices, and what the audit says was done."""
    lost, again = restored.lost, restored.again
    urls = (shard.settings.address("database_url") for shard in (lost, again))
    with bootstrap.connected(next(urls)) as one, bootstrap.connected(next(urls)) as other:
        assert compare(one, other) == []


def test_what_is_told_twice_has_the_same_ids(restored: Restored) -> None:
    """Apps get updates and outcomes a second time and know them by their ids."""
    query = "SELECT event_id, topic, value FROM outbox ORDER BY 1"
    first, second = (shard.rows(query) for shard in (restored.lost, restored.again))
    assert any(topic.startswith("app.outcomes.") for _, topic, _ in first)
    assert any(topic.startswith("case.updates.") for _, topic, _ in first)
    assert first == second


def test_what_the_engine_says_again_has_no_effect(restored: Restored) -> None:
    """Its follow-ups lie in the log already, so those it sends again are duplicates."""
    query = "SELECT event_id, fate FROM records WHERE source = 'partygrid/engine' ORDER BY 1, 2"
    first, second = (shard.rows(query) for shard in (restored.lost, restored.again))
    more = {row[0] for row in second if row[1] == "duplicate"}
    assert more
    assert first == [row for row in second if row[1] != "duplicate"]


def test_every_notice_that_is_made_again_is_held(restored: Restored) -> None:
    lost, again = restored.lost, restored.again
    engine = create_engine(
        again.settings.address("database_url").replace("postgresql:", "postgresql+psycopg:", 1)
    )
    with engine.begin() as connection:
        hold_new(connection, now=restored.restored_at)
        free = connection.scalar(text("select count(*) from notices where held_at is null"))
    engine.dispose()
    assert free == 0
    made = "SELECT count(*) FROM notices WHERE created_at > %s"
    assert lost.rows(made, restored.taken_at) == again.rows(made, restored.taken_at)


def test_acts_are_equal_and_hashes_cannot_be(restored: Restored) -> None:
    """What differs is how this installation came to write it, and so every hash."""
    query = "SELECT shard, seq, act, circumstance, hash FROM audit ORDER BY 1, 2"
    pairs = list(zip(restored.lost.rows(query), restored.again.rows(query), strict=True))
    differing: set[str] = set()
    for one, other in pairs:
        assert read_act(one[2]) == read_act(other[2])
        first, second = (asdict(read_circumstance(row[3])) for row in (one, other))
        fields = {name for name in first if first[name] != second[name]}
        assert bool(fields) == (bytes(one[4]) != bytes(other[4]))
        differing |= fields
    assert differing == {"recorded_at", "engine"}
