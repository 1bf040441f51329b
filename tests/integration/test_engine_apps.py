"""What apps may say on Kafka: marked reports from every one, acts on marked cases from few."""

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from events.codec import attributes_of, data_of, headers_of
from events.contract.directory import AppKeySet
from events.contract.envelope import Acting, Event, Payload
from events.contract.registry import TYPE_OF_PAYLOAD
from events.contract.reports import ReportFiled, ReportMarked, ReportSource, ReportSupplemented
from events.signing import sign_event
from flows.conductor import Outbound
from models.keys import SigningKey
from models.policy.people import Role
from models.values import Mark, case_id_of
from partygrid.embedded.postgres import Postgres
from tests.rig import Rig
from tests.rigged import command, found_county, raw, rigged, working
from tests.world import COUNTY, GRID, GRIDS, NOW, SINCE, TOWNSHIP, VILLAGES, acting, person

MEMBER = acting(Role.GRID_MEMBER, GRID)
OTHER_MEMBER = acting(Role.GRID_MEMBER, GRIDS[2])
OPERATOR = person(Role.OPERATOR, COUNTY)
ACCEPTOR = acting(Role.ACCEPTOR, TOWNSHIP)
PLAIN, TRUSTED, VILLAGES_OWN = "app/plain", "app/trusted", "app/village"
KEYS = {source: SigningKey.generate() for source in (PLAIN, TRUSTED, VILLAGES_OWN)}
TWIN, OPEN = "restricted.grid.reports", "grid.reports"

_instants, _ids = count(1), count(1)


def registered(source: str, territory: str, *, restricted: bool) -> AppKeySet:
    return AppKeySet(
        source=source,
        name=source,
        public_key=base64.b64encode(KEYS[source].public.raw).decode(),
        territories=(territory,),
        event_types=("grid.report.*",),
        restricted=restricted,
        valid_from=SINCE,
    )


@pytest.fixture(scope="module")
def rig(postgres: Postgres, migrated: str, server_folder: Path) -> Iterator[Rig]:
    with rigged(postgres, migrated, server_folder) as rig, working(rig.engine):
        found_county(
            rig,
            registered(PLAIN, TOWNSHIP, restricted=False),
            registered(TRUSTED, TOWNSHIP, restricted=True),
            registered(VILLAGES_OWN, VILLAGES[0], restricted=False),
        )
        yield rig


def report(**fields: Any) -> ReportFiled:
    given = {"grid": GRID, "category": "05-02", "source": ReportSource.GRID_MEMBER, "title": "垃圾"}
    return ReportFiled(**{**given, **fields})


def said(
    source: str, data: Payload, *, by: Acting = MEMBER, subject: str = "", **fields: Any
) -> Event:
    """An event as an app makes it at the instant that comes next."""
    event = Event(
        id=f"a{next(_ids)}",
        source=source,
        type=TYPE_OF_PAYLOAD[type(data)].full_name,
        time=NOW,
        township=TOWNSHIP,
        subject=subject,
        acting=by,
        data=data,
        key_id=KEYS[source].key_id,
    )
    return replace(event, **fields)


def on(topic: str, event: Event, *, partition: int = -1) -> Outbound:
    """The event's record, signed by its app."""
    content, attributes = data_of(event.data), attributes_of(event)
    signature = sign_event(KEYS[event.source], attributes, content)
    record = raw(topic, content, dict(headers_of({**attributes, "signature": signature})))
    return replace(record, partition=partition)


def sent(rig: Rig, event: Event, topic: str = OPEN, *, partition: int = -1) -> tuple[str, str]:
    """Send it at the next instant; return its fate and reason."""
    rig.at(NOW + timedelta(minutes=next(_instants)), on(topic, event, partition=partition))
    rows = rig.rows(
        "SELECT fate, reason FROM outcomes WHERE source = %s AND event_id = %s",
        event.source,
        event.id,
    )
    return (rows[0][0], rows[0][1]) if rows else ("", "")


def opened(rig: Rig, source: str, topic: str = OPEN, **fields: Any) -> str:
    """File a report and return its case's id."""
    event = said(source, report(**fields))
    assert sent(rig, event, topic) == ("applied", "ok")
    return case_id_of(source, event.id)


def topics_about(rig: Rig, case: str) -> set[str]:
    """Where anything about the case was written, but for the answers to its app."""
    rows = rig.rows(
        "SELECT DISTINCT topic FROM outbox WHERE headers::text LIKE %s"
        " AND topic NOT LIKE 'app.outcomes.%%'",
        f"%{case}%",
    )
    return {row[0] for row in rows}


def restricted_only(topics: set[str]) -> bool:
    return bool(topics) and all(topic.startswith("restricted.") for topic in topics)


# --- reports -------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [PLAIN, TRUSTED])
@pytest.mark.parametrize("topic", [OPEN, TWIN])
@pytest.mark.parametrize(
    "fields",
    [{"mark": Mark.BYPASS}, {"concerns_minor": True}, {"category": "11-04"}],
    ids=["bypass", "minor", "category"],
)
def test_every_app_reports_what_few_may_know(
    rig: Rig, source: str, topic: str, fields: dict[str, Any]
) -> None:
    """A matter about a child or a cadre is not lost because of the way an app took."""
    case = opened(rig, source, topic, **fields)
    assert rig.case(case).mark is not Mark.NONE
    assert restricted_only(topics_about(rig, case))


def test_what_everybody_may_know_is_not_sent_on_the_twin_by_just_any_app(rig: Rig) -> None:
    event = said(PLAIN, report())
    assert sent(rig, event, TWIN) == ("dead-lettered", "out_of_scope")
    case = opened(rig, TRUSTED, TWIN)
    assert rig.case(case).mark is Mark.NONE
    assert not any(topic.startswith("restricted.") for topic in topics_about(rig, case))


def test_a_marked_report_in_a_foreign_partition_is_sent_on_apart(rig: Rig) -> None:
    event = said(PLAIN, report(mark=Mark.CONFIDENTIAL))
    assert sent(rig, event, partition=1) == ("applied", "ok")
    rows = rig.rows("SELECT topic, fate FROM records WHERE event_id = %s ORDER BY topic", event.id)
    assert rows == [(OPEN, "forwarded"), (TWIN, "applied")]


# --- acts ----------------------------------------------------------------------------------------


def test_only_apps_that_are_let_act_on_marked_cases(rig: Rig) -> None:
    case = opened(rig, PLAIN, mark=Mark.CONFIDENTIAL)
    more = ReportSupplemented(description="补充")
    assert sent(rig, said(PLAIN, more, subject=case)) == ("refused", "app_not_restricted")
    act = said(PLAIN, more, subject=case)
    assert sent(rig, act, TWIN) == ("dead-lettered", "out_of_scope")
    for topic in (OPEN, TWIN):
        assert sent(rig, said(TRUSTED, more, subject=case), topic) == ("applied", "ok")
    assert restricted_only(topics_about(rig, case))


def test_only_apps_that_are_let_mark_a_case(rig: Rig) -> None:
    case = opened(rig, PLAIN)
    marks = ReportMarked(mark=Mark.CONFIDENTIAL, reason="涉及未成年人")
    for topic, answer in (
        (OPEN, ("refused", "app_not_restricted")),
        (TWIN, ("dead-lettered", "out_of_scope")),
    ):
        assert sent(rig, said(PLAIN, marks, by=ACCEPTOR, subject=case), topic) == answer
    event = said(TRUSTED, marks, by=ACCEPTOR, subject=case)
    assert sent(rig, event, TWIN) == ("applied", "ok")
    assert rig.case(case).mark is Mark.CONFIDENTIAL


def test_a_village_s_app_acts_in_its_village(rig: Rig) -> None:
    more = ReportSupplemented(description="补充")
    own = opened(rig, PLAIN)
    assert sent(rig, said(VILLAGES_OWN, more, subject=own)) == ("applied", "ok")
    elsewhere = said(PLAIN, report(grid=GRIDS[2]), by=OTHER_MEMBER)
    assert sent(rig, elsewhere) == ("applied", "ok")
    case = case_id_of(PLAIN, elsewhere.id)
    act = said(VILLAGES_OWN, more, by=OTHER_MEMBER, subject=case)
    assert sent(rig, act) == ("refused", "outside_app")
    filed = said(VILLAGES_OWN, report(grid=GRIDS[2]), by=OTHER_MEMBER)
    assert sent(rig, filed) == ("dead-lettered", "out_of_scope")
    assert sent(rig, said(VILLAGES_OWN, report()))[0] == "applied"


# --- dead letters --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [{"mark": Mark.BYPASS}, {"category": "11-04"}, {"concerns_minor": True}],
    ids=["bypass", "category", "minor"],
)
def test_the_letter_of_a_marked_report_is_for_few_whichever_way_it_came(
    rig: Rig, fields: dict[str, Any]
) -> None:
    event = said(PLAIN, report(grid=f"{VILLAGES[0]}999", **fields))
    assert sent(rig, event) == ("dead-lettered", "unknown_place")
    assert event.id not in listed(rig)
    assert event.id in listed(rig, "--unrestricted")
    (letter,) = rig.rows("SELECT id::text FROM dead_letters WHERE event_id = %s", event.id)
    again = command(rig, "dead-letters", "replay", letter[0], "--as", OPERATOR, "--json")
    assert again.exit_code == 0, again.output
    rows = rig.rows(
        "SELECT topic FROM outbox WHERE event_id = %s", json.loads(again.stdout)["event_id"]
    )
    assert rows == [(TWIN,)]


def test_so_is_that_of_an_act_on_a_marked_case_and_of_one_nobody_can_read(rig: Rig) -> None:
    case = opened(rig, TRUSTED, TWIN, mark=Mark.CONFIDENTIAL)
    late = said(
        TRUSTED, ReportSupplemented(description="x"), subject=case, time=NOW + timedelta(days=9)
    )
    assert sent(rig, late) == ("dead-lettered", "implausible_time")
    broken = said(TRUSTED, report(mark=Mark.BYPASS))
    record = on(OPEN, broken)
    spoilt = replace(record, value=record.value.replace(b'"title"', b'"words"'))
    rig.at(NOW + timedelta(minutes=next(_instants)), spoilt)
    open_to_all = said(TRUSTED, report(grid=f"{VILLAGES[0]}999"))
    sent(rig, open_to_all)
    shown = listed(rig)
    assert {late.id, broken.id} & shown == set()
    assert open_to_all.id in shown
    assert {late.id, broken.id} <= listed(rig, "--unrestricted")


def listed(rig: Rig, *options: str) -> set[str]:
    done = command(rig, "dead-letters", "list", "--json", *options)
    assert done.exit_code == 0, done.output
    return {letter["event_id"] for letter in json.loads(done.stdout)["letters"]}
