"""Marked cases leave no trace outside their circle: topics, answers, Prefect, digests, notices.

After a mixed week every record, name, table line and notice is searched for their numbers, ids,
reporters and the words for where they are; the restricted topics show that the search finds.
"""

import json
import re
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import pytest

from events.admission import ENGINE_SOURCE
from events.contract.registry import RESTRICTED_PREFIX, Topic
from events.topics import app_topic
from models.directory import Directory
from models.directory_store import load_directory
from models.policy.people import Role
from models.values import Mark, case_id_of
from partygrid import bootstrap
from partygrid.sample import apps
from partygrid.simulation.stories import Story
from tests.integration.mixed_week import WHISPERED, MixedWeek, Record
from tests.integration.story_week import MARKED_PLACE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

#: The report whose app did not know that its category is marked: its own record lies open.
UNAWARE = "gambling"
_OUTCOMES, _UPDATES = f"{Topic.APP_OUTCOMES}.", f"{Topic.CASE_UPDATES}."


class Marked(NamedTuple):
    """A marked case, and what betrays it."""

    id: str
    mark: Mark
    needles: tuple[str, ...]
    circle: tuple[str, ...]
    reporter: str
    #: when it became known that few may know of it
    since: datetime
    #: apps that told of it while nobody knew
    told_openly: frozenset[str]

    def shows(self, text: str) -> bool:
        """Does a text betray it?"""
        return any(needle in text for needle in self.needles)


@pytest.fixture(scope="module")
def marked(mixed: MixedWeek) -> tuple[Marked, ...]:
    """Every marked case of the week."""
    rows = mixed.rows(
        "SELECT c.id::text, c.number, c.mark, c.reporter_ref, c.circle, c.origin, c.grid,"
        " coalesce((SELECT min(j.decided_at) FROM journal j WHERE j.subject = c.id::text"
        "  AND j.event_type LIKE 'grid.report.marked%%'), c.reported_at)"
        " FROM cases c WHERE c.mark <> 'none'"
    )
    unaware = case_id_of(apps.branch_app(mixed.sample.townships[0].code), UNAWARE)
    told_later = {mixed.ids[Story.MARKED], unaware}
    whispered = {data.reporter_ref: data.title for data in WHISPERED.values()}
    return tuple(
        Marked(
            id=case_id,
            mark=Mark(mark),
            needles=(case_id, number, reporter, *_place(reporter, grid, whispered)),
            circle=tuple(circle),
            reporter=reporter,
            since=since,
            told_openly=frozenset({origin} if case_id in told_later else ()),
        )
        for case_id, number, mark, reporter, circle, origin, grid, since in rows
    )


def _place(reporter: str, grid: str, whispered: dict[str, str]) -> tuple[str, ...]:
    """Words for where it is; its grid as a payload tells it, where no other case lies in it."""
    if reporter in whispered:
        return whispered[reporter], f'"{grid}"'
    return (f"{MARKED_PLACE}情况反映",) if reporter == "ref-bypassed" else ()


@pytest.fixture(scope="module")
def directory(mixed: MixedWeek) -> Directory:
    (revision,) = mixed.rows("SELECT revision FROM directory_clock")[0]
    with bootstrap.connected(mixed.url) as connection, connection.cursor() as cursor:
        return load_directory(cursor, revision)


def header(record: Record, name: str) -> str:
    return dict(record.headers).get(name, b"").decode()


def is_plain(record: Record) -> bool:
    """Can anybody who may read the topic see it? The directory names every place there is."""
    name = record.topic
    return not name.startswith((RESTRICTED_PREFIX, _OUTCOMES)) and name != Topic.DIRECTORY


def betraying(records: Iterable[Record], one: Marked) -> list[Record]:
    return [record for record in records if one.shows(record.whole)]


def from_before(record: Record, one: Marked) -> bool:
    """Was it said while nobody knew that few may know of it? What was sent then is sent."""
    happened = datetime.fromisoformat(header(record, "ce_time"))
    if header(record, "ce_source") == ENGINE_SOURCE:
        return happened < one.since
    return header(record, "ce_source") in one.told_openly and happened <= one.since


def overheard(record: Record) -> bool:
    """The word of somebody outside, who had the id from elsewhere and names it himself."""
    return header(record, "ce_id") == "overheard"


def test_the_week_has_each_kind_of_marked_case(marked: tuple[Marked, ...]) -> None:
    assert sorted(one.mark for one in marked) == ["bypass", *["confidential"] * 3]
    assert all(len(one.needles) >= 3 for one in marked)
    assert all(one.reporter for one in marked)


def test_the_search_finds_them_where_they_may_be(
    mixed: MixedWeek, marked: tuple[Marked, ...]
) -> None:
    restricted = [one for one in mixed.records if one.topic.startswith(RESTRICTED_PREFIX)]
    for one in marked:
        topics = {record.topic for record in betraying(restricted, one)}
        steps = {"grid.reports", "grid.assignment", "grid.feedback"}
        assert {f"{RESTRICTED_PREFIX}{step}" for step in steps} <= topics
        assert any(topic.startswith(RESTRICTED_PREFIX + _UPDATES) for topic in topics)


def test_no_record_of_a_plain_topic_shows_them(
    mixed: MixedWeek, marked: tuple[Marked, ...]
) -> None:
    plain = [record for record in mixed.records if is_plain(record) and not overheard(record)]
    assert {record.topic for record in plain} > {"grid.reports", "grid.dead-letters"}
    assert any(record.topic.startswith(_UPDATES) for record in plain)
    for one in marked:
        shown = [record for record in betraying(plain, one) if not from_before(record, one)]
        assert [(record.topic, header(record, "ce_type")) for record in shown] == []


def test_a_case_marked_from_the_start_is_in_no_plain_topic_at_all(
    mixed: MixedWeek, marked: tuple[Marked, ...]
) -> None:
    plain = [record for record in mixed.records if is_plain(record) and not overheard(record)]
    from_the_start = [one for one in marked if not one.told_openly]
    assert len(from_the_start) == 2
    assert [betraying(plain, one) for one in from_the_start] == [[], []]


def test_only_apps_that_speak_of_a_case_hear_of_it(
    mixed: MixedWeek, marked: tuple[Marked, ...]
) -> None:
    answers = [record for record in mixed.records if record.topic.startswith(_OUTCOMES)]
    for one in marked:
        spoke = mixed.rows(
            "SELECT DISTINCT j.source FROM journal j JOIN outcomes o"
            " ON o.source = j.source AND o.event_id = j.event_id AND o.fate <> 'refused'"
            " WHERE j.subject = %s AND j.kind = 'external'",
            one.id,
        )
        inside = {app_topic(source) for (source,) in spoke}
        heard = {record.topic for record in betraying(answers, one)}
        assert heard
        assert heard <= inside


def test_no_answer_tells_an_app_the_number_or_the_place(
    mixed: MixedWeek, marked: tuple[Marked, ...]
) -> None:
    answers = [record for record in mixed.records if record.topic.startswith(_OUTCOMES)]
    for one in marked:
        but_its_id = one._replace(needles=one.needles[1:])
        shown = betraying(answers, but_its_id)
        assert [record for record in shown if not from_before(record, one)] == []


def test_who_is_refused_learns_nothing(mixed: MixedWeek, marked: tuple[Marked, ...]) -> None:
    (bypass,) = [one for one in marked if one.mark is Mark.BYPASS]
    answers = [
        json.loads(record.value) for record in mixed.records if record.topic.startswith(_OUTCOMES)
    ]
    (answer,) = [one for one in answers if one["event_id"] == "overheard"]
    assert (answer["fate"], answer["reason"]) == ("refused", "outside_circle")
    assert not bypass.shows(json.dumps(answer, ensure_ascii=False))


def test_prefect_is_shown_none(mixed: MixedWeek, marked: tuple[Marked, ...]) -> None:
    """Names of task runs, and the lines of the shifts' tables."""
    assert "restricted" in mixed.names
    assert "restricted" in {line.number for line in mixed.lines}
    assert any(re.match(r"\d{15}", line.number) for line in mixed.lines), "others are named"
    for one in marked:
        assert [name for name in mixed.names if one.shows(name)] == []
        lines = [line for line in mixed.lines if one.shows(" ".join(_words(line)))]
        assert len(lines) <= _inputs_before(mixed, one)


def _words(line: object) -> list[str]:
    return [str(getattr(line, name)) for name in ("number", "event", "fate", "reason")]


def _inputs_before(mixed: MixedWeek, one: Marked) -> int:
    """How often something was decided on it, or came again, before it was marked."""
    query = "SELECT count(*) FROM journal WHERE subject = %s AND decided_at < %s"
    return int(mixed.rows(query, one.id, one.since)[0][0])


def test_digests_show_none(mixed: MixedWeek, marked: tuple[Marked, ...]) -> None:
    digests = mixed.rows("SELECT digest::text FROM digests WHERE sent_at IS NOT NULL")
    told = mixed.rows("SELECT params::text FROM notices WHERE starts_with(kind, 'digest')")
    assert len(digests) >= 7
    assert told
    for one in marked:
        assert not any(one.shows(text) for (text,) in (*digests, *told))


def test_no_notice_of_another_case_speaks_of_them(
    mixed: MixedWeek, marked: tuple[Marked, ...]
) -> None:
    for one in marked:
        others = mixed.rows(
            "SELECT to_jsonb(n)::text FROM notices n WHERE n.case_id IS DISTINCT FROM %s::uuid",
            one.id,
        )
        assert others
        assert not any(one.shows(text) for (text,) in others)


def test_notices_go_to_the_circle_and_say_only_that_there_is_news(
    mixed: MixedWeek, marked: tuple[Marked, ...], directory: Directory
) -> None:
    for one in marked:
        told = mixed.rows(
            "SELECT addressee, discreet, created_at FROM notices"
            " WHERE case_id = %s AND created_at >= %s",
            one.id,
            one.since,
        )
        assert told
        assert all(discreet for _, discreet, _ in told)
        inside = {one.reporter, *_named(mixed, one)}
        outside = [
            addressee
            for addressee, _, at in told
            if addressee not in inside and not _may_know(mixed, directory, one, addressee, at)
        ]
        assert outside == []


def _named(mixed: MixedWeek, one: Marked) -> set[str]:
    """Persons it was given to by name, as nobody of the circle may: who then did what was due."""
    rows = mixed.rows(
        "SELECT DISTINCT act::json->>'actor' FROM audit WHERE case_id = %s"
        " AND act::json->>'action' = 'feedback.visit' AND act::json->>'reason' = 'answered'",
        one.id,
    )
    return {row[0] for row in rows}


def _may_know(
    mixed: MixedWeek, directory: Directory, one: Marked, person: str, at: datetime
) -> bool:
    rules = mixed.policy.roles.roles
    held = directory.roles_of(person, at)
    if one.mark is Mark.BYPASS:
        return any(rules[Role(role.role)].sees_bypass for role in held)
    return any(role.org in one.circle or rules[Role(role.role)].sees_confidential for role in held)
