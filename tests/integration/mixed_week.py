"""A played week in which much goes wrong besides: decided once, then only looked at.

Every story, and on top of them: records that come twice, acts before their report, acts that wait
in vain or still wait, people who may not, spoilt records, ids given twice, work that departments
put on villages, digests each day.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from msgspec.structs import replace

from events.contract.envelope import Acting
from events.contract.reports import ReportFiled, ReportSource, ReportSupplemented
from events.outgoing_event import Outgoing
from events.topics import says_marked
from flows.batch import Batch, Line, Result
from flows.digest_issues import send_due
from flows.runner import Work
from models.policy.people import Role
from models.policy.schema import Policy
from models.setting import Setting
from models.values import case_id_of
from partygrid import bootstrap
from partygrid.embedded.child import running
from partygrid.embedded.ports import free_port
from partygrid.embedded.postgres import Postgres
from partygrid.embedded.tansu import Tansu
from partygrid.processes.batch_names import BatchNames
from partygrid.sample import apps
from partygrid.sample.county import Sample
from partygrid.settings import Settings
from partygrid.simulation.agenda import Entry, Said, Unsendable
from partygrid.simulation.everybody import PEOPLE
from partygrid.simulation.mischief import Mischief
from partygrid.simulation.stories import Story
from partygrid.simulation.village_tasks import VillageTasks
from partygrid.simulation.week import Cues, Planned
from tests.integration.story_week import END, START, play
from tests.rig import Rig
from tests.rigged import working

#: One in so many records is sent again, and one in so many reports is added to before it comes.
_AGAIN, _EARLY = 20, 6
_HOUR = timedelta(hours=1)


#: Reports of marked matters, by id: the words in their titles stand nowhere else.
WHISPERED = {
    "minor": ReportFiled(
        grid="",
        category="08-04",
        source=ReportSource.GRID_MEMBER,
        title="老磨坊旁的孩子无人照看",
        reporter_ref="ref-minor",
        concerns_minor=True,
    ),
    "gambling": ReportFiled(
        grid="",
        category="04-05",
        source=ReportSource.GRID_MEMBER,
        title="废砖窑里有人聚赌",
        reporter_ref="ref-gambling",
    ),
}


class Record(NamedTuple):
    """A record as it lies in a topic."""

    topic: str
    key: bytes
    headers: tuple[tuple[str, bytes], ...]
    value: bytes

    @property
    def whole(self) -> str:
        """Everything that can be read of it."""
        parts = [self.key, self.value, *(part for _, part in self.headers)]
        return "\n".join(part.decode(errors="replace") for part in parts)


class MixedWeek(NamedTuple):
    """What is left of it: a database and what lay in the topics; nothing runs any more."""

    url: str
    settings: Settings
    setting: Setting
    sample: Sample
    ids: dict[Story, str]
    records: tuple[Record, ...]
    #: what Prefect would have been shown
    names: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def policy(self) -> Policy:
        """The pack in force."""
        return self.setting.shelf.current

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return what the database says."""
        with bootstrap.connected(self.url) as connection:
            return connection.execute(query.encode(), values).fetchall()


class Noting:
    """Carries batches out, and notes what each would be called in Prefect, and its table."""

    def __init__(self, url: str) -> None:
        self._name_of = BatchNames(lambda: bootstrap.connect(url))
        self.names: list[str] = []
        self.lines: list[Line] = []

    def run(self, batch: Batch, work: Work) -> list[Result]:
        self.names.append(self._name_of(batch))
        results = work()
        self.lines += [line for result in results for line in result.lines]
        return results

    def close(self) -> None:
        self._name_of.close()


class Clumsy:
    """Clients that miss the broker's answer and send again."""

    def __init__(self) -> None:
        self._count = 0

    def again(self, made: Outgoing) -> Sequence[timedelta]:
        self._count += 1
        return () if self._count % _AGAIN else (_HOUR / 12, 2 * _HOUR)

    def strays(self, made: Outgoing) -> bool:
        return False


class Daily:
    """Sends the digests of each day that is over."""

    def __init__(self, rig: Rig) -> None:
        self._rig, self._sent = rig, START

    def __call__(self, instant: datetime) -> None:
        if instant - self._sent >= timedelta(days=1):
            with bootstrap.connected(self._rig.url) as connection:
                send_due(connection, self._rig.policy, partitions=1, now=instant)
            self._sent = instant


def _early(reports: Sequence[Planned]) -> Iterator[tuple[datetime, str, Entry]]:
    """More is told of a matter before its report has come, or though none ever comes."""
    plain = [one for one in reports if isinstance(one.made.data, ReportFiled)]
    marked = [one for one in plain if one.restricted]
    for planned in dict.fromkeys([*marked, *plain[::_EARLY]]):
        made = planned.made
        yield _told(made, planned.at - _HOUR, case_id_of(made.source, made.id), planned.restricted)
    for name, at in (("in vain", START + _HOUR), ("still waiting", END - _HOUR)):
        last = plain[-1].made
        yield _told(last, at, case_id_of(last.source, name), restricted=False)


def _whispered(sample: Sample) -> Iterator[tuple[datetime, str, Entry]]:
    """Reports that few may know of: because they say so, or only because of what they are."""
    villages = sample.townships[0].villages
    for number, (name, data) in enumerate(WHISPERED.items()):
        grid = villages[-1].comprehensive[-1 - number]
        made = Outgoing(
            id=name,
            source=apps.branch_app(grid.township),
            data=replace(data, grid=grid.code),
            township=grid.township,
            time=START + 3 * _HOUR,
            acting=Acting(
                actor=sample.holders(Role.GRID_MEMBER, grid.code)[0],
                role=Role.GRID_MEMBER,
                org=grid.code,
            ),
        )
        yield made.time, name, Said(made=made, restricted=says_marked(data))
    yield _overheard(sample)


def _overheard(sample: Sample) -> tuple[datetime, str, Entry]:
    """Somebody outside the circle writes about a marked case under its id, as if it were none."""
    grid = sample.townships[0].villages[0].comprehensive[0]
    about = Outgoing(
        id="overheard",
        source=apps.branch_app(grid.township),
        data=ReportSupplemented(description="听说有人举报。"),
        township=grid.township,
        time=END - 2 * _HOUR,
        acting=Acting(
            actor=sample.holders(Role.GRID_MEMBER, grid.code)[0],
            role=Role.GRID_MEMBER,
            org=grid.code,
        ),
        subject=case_id_of(apps.VILLAGERS, str(Story.BYPASSED)),
    )
    return about.time, about.id, Said(made=about)


def _asked(sample: Sample, rig: Rig) -> Iterator[tuple[datetime, str, Entry]]:
    """What departments ask of the township's villages."""
    office = rig.setting.shelf.office(rig.policy.version)
    for made in VillageTasks(sample, rig.policy, office, START).events():
        if made.township == sample.townships[0].code:
            yield made.time, made.id, Said(made=made)


def _told(
    about: Outgoing, at: datetime, subject: str, restricted: bool
) -> tuple[datetime, str, Entry]:
    said = Outgoing(
        id=f"early-{subject}",
        source=about.source,
        data=ReportSupplemented(description="补充：情况同前。"),
        township=about.township,
        time=at,
        acting=about.acting,
        subject=subject,
    )
    return at, said.id, Said(made=said, restricted=restricted)


@contextmanager
def mixed_week(postgres: Postgres, template: str, folder: Path) -> Iterator[MixedWeek]:
    """Play the week; give what is left of it."""
    postgres.create_database("mixed_week", template=template)
    url, home = postgres.url("mixed_week"), folder / "mixed-week"
    server = Tansu(home / "kafka", free_port())
    noting = Noting(url)
    with running(server.child()):
        rig = Rig(url, server.bootstrap, home, partitions=1, runner=noting)
        mischief: list[Mischief] = []

        def more(
            sample: Sample, reports: Sequence[Planned]
        ) -> Iterator[tuple[datetime, str, Entry]]:
            made = Mischief(sample, rig.policy, start=START, end=END, partitions=1)
            mischief.append(made)
            yield from _early(reports)
            yield from _asked(sample, rig)
            yield from _whispered(sample)
            for entry in made.entries([one for one in reports if not one.restricted]):
                if not isinstance(entry[2], Unsendable):
                    yield entry

        def meddle(scene: Any) -> Iterator[Any]:
            yield from mischief[0].react(scene)

        try:
            with working(rig.engine):
                played = play(
                    rig,
                    trouble=Clumsy(),
                    reacts=(*PEOPLE, meddle),
                    cues=Cues(after=Daily(rig)),
                    more=more,
                )
            records = tuple(_read(server.bootstrap))
        finally:
            rig.conductor.close()
            rig.db.close()
    yield MixedWeek(
        url=url,
        settings=rig.settings.changed(database_url=url),
        setting=rig.setting,
        sample=played.sample,
        ids=played.ids,
        records=records,
        names=tuple(noting.names),
        lines=tuple(noting.lines),
    )
    postgres.drop_database("mixed_week")


def _read(address: str) -> Iterator[Record]:
    """Read every topic from its beginning to its end."""
    consumer = KafkaConsumer(bootstrap_servers=address, enable_auto_commit=False)
    try:
        for topic in sorted(consumer.topics()):
            found = consumer.partitions_for_topic(topic) or ()
            for partition in (TopicPartition(topic, number) for number in sorted(found)):
                yield from _read_one(consumer, partition)
    finally:
        consumer.close()


def _read_one(consumer: KafkaConsumer, partition: TopicPartition) -> Iterator[Record]:
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    end = consumer.end_offsets([partition])[partition]
    while consumer.position(partition) < end:
        for record in consumer.poll(timeout_ms=1000).get(partition, ()):
            yield Record(
                record.topic, record.key or b"", tuple(record.headers), record.value or b""
            )
