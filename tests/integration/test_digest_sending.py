"""Digests that are due are sent once, whoever comes and how often, and whoever was away before."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from flows.digest_issues import Sent, present_moment, send_due
from flows.sealing import Sealer
from models.directory import Org, RoleHeld, Spell
from models.directory_store import lock_directory, save_entries
from models.keys import SigningKey
from models.policy.load import default_pack_folder, load_policy
from models.policy.people import OrgKind, Role
from models.seal_file import SealFile
from models.seals import is_foot_of, read_feet
from models.values import PersonId
from notifications.daily import read_digest
from notifications.notice import Notice, NoticeKind, Person
from notifications.render import Letterhead, render
from notifications.wording import Language
from partygrid import bootstrap
from tests.integration.audit_writing import append_acts

POLICY = load_policy(default_pack_folder())
SINCE = datetime(2024, 1, 1, tzinfo=UTC)
TOWN, OTHER = "330281101", "330281102"
#: Half past nine in Shanghai; issues are at 12:00 and 18:00.
MORNING = datetime(2026, 3, 10, 1, 30, tzinfo=UTC)
NOON, EVENING = (datetime(2026, 3, 10, hour, tzinfo=UTC) for hour in (4, 10))


def org(code: str, kind: OrgKind, parent: str = "") -> Org:
    return Org(id=code, kind=kind, name=f"{code}镇", parent=parent, code=code, valid_from=SINCE)


def held(person: str, role: Role, at: str) -> RoleHeld:
    return RoleHeld(person=person, role=role, org=at, valid_from=SINCE)


COUNTY: tuple[Spell, ...] = (
    org("330281", OrgKind.COUNTY),
    org(TOWN, OrgKind.TOWNSHIP, "330281"),
    org(f"{TOWN}201", OrgKind.VILLAGE, TOWN),
    org(f"{TOWN}201001", OrgKind.GRID, f"{TOWN}201"),
    org(f"{TOWN}201002", OrgKind.GRID, f"{TOWN}201"),
    held("p-duty", Role.DUTY_SUPERVISOR, TOWN),
    held("p-head-1", Role.GRID_HEAD, f"{TOWN}201001"),
    held("p-head-2", Role.GRID_HEAD, f"{TOWN}201002"),
    # The same person heads a grid and supervises: one digest.
    held("p-duty", Role.GRID_HEAD, f"{TOWN}201002"),
    held("p-leader", Role.COUNTY_DUTY_LEADER, "330281"),
)


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with bootstrap.connected(database_url) as connection:
        record(connection, *COUNTY)
        yield connection


def record(connection: psycopg.Connection[Any], *entries: Spell) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        revision = lock_directory(cursor)
        numbered = list(enumerate(entries, revision + 1))
        save_entries(cursor, numbered, recorded_at=SINCE)


def send(
    connection: psycopg.Connection[Any], now: datetime, *, grace: timedelta = timedelta()
) -> list[Sent]:
    return send_due(connection, POLICY, partitions=3, now=now, grace=grace)


def periods(sent: list[Sent]) -> list[tuple[str, str]]:
    return [(one.issue.scope, one.issue.period) for one in sent]


def notices(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    rows = connection.execute(
        "SELECT addressee, params->>'digest', dedup_key FROM notices ORDER BY created_at, addressee"
    ).fetchall()
    connection.commit()
    return rows


def test_everybody_in_the_roles_hears_once(connection: psycopg.Connection[Any]) -> None:
    assert send(connection, MORNING) == []
    assert periods(send(connection, NOON)) == [(TOWN, "2026-03-10 12:00")]
    found = notices(connection)
    assert [row[0] for row in found] == ["p-duty", "p-head-1", "p-head-2"]
    digest = read_digest(found[0][1])
    assert (digest.township, digest.day) == (f"{TOWN}镇", "2026-03-10 12:00")


def test_sending_again_sends_nothing(connection: psycopg.Connection[Any]) -> None:
    send(connection, MORNING)
    send(connection, NOON)
    before = notices(connection)
    assert send(connection, NOON) == []
    assert send(connection, NOON + timedelta(hours=5)) == []
    assert notices(connection) == before


def test_a_row_that_was_taken_back_makes_the_same_notices(
    connection: psycopg.Connection[Any],
) -> None:
    """A crash between the notices and the row cannot be: but a restored row finds them there."""
    send(connection, MORNING)
    send(connection, NOON)
    before = notices(connection)
    connection.execute("UPDATE digests SET sent_at = NULL WHERE due_at = %s", (NOON,))
    connection.commit()
    assert periods(send(connection, NOON + timedelta(hours=1))) == [(TOWN, "2026-03-10 12:00")]
    assert notices(connection) == before


def test_what_became_due_while_nothing_ran_is_sent(connection: psycopg.Connection[Any]) -> None:
    send(connection, MORNING)
    sent = send(connection, EVENING + timedelta(days=1, hours=2))
    assert periods(sent) == [
        (TOWN, f"2026-03-{day} {hour}:00") for day in (10, 11) for hour in (12, 18)
    ]
    issues = [one.issue for one in sent]
    assert [one.from_at for one in issues[1:]] == [one.due_at for one in issues[:-1]]
    assert issues[0].from_at == EVENING - timedelta(days=1)


def test_a_new_township_begins_with_its_next_issue(connection: psycopg.Connection[Any]) -> None:
    send(connection, MORNING)
    send(connection, NOON)
    record(connection, org(OTHER, OrgKind.TOWNSHIP, "330281"))
    assert send(connection, NOON + timedelta(hours=1)) == []
    sent = send(connection, EVENING)
    assert periods(sent) == [(TOWN, "2026-03-10 18:00"), (OTHER, "2026-03-10 18:00")]


def test_a_role_that_nobody_holds_goes_to_the_duty_owner_above(
    connection: psycopg.Connection[Any],
) -> None:
    record(connection, org(OTHER, OrgKind.TOWNSHIP, "330281"))
    send(connection, MORNING)
    sent = send(connection, NOON)
    assert {one.issue.scope: one.addressees for one in sent}[OTHER] == 1
    query = "SELECT addressee_kind, addressee FROM notices WHERE township = %s"
    assert connection.execute(query, (OTHER,)).fetchall() == [("person", "p-leader")]
    connection.commit()


def test_a_scheduled_run_has_its_time_before_the_office_sends(
    connection: psycopg.Connection[Any],
) -> None:
    send(connection, MORNING)
    grace = timedelta(minutes=2)
    assert send(connection, NOON + timedelta(minutes=1), grace=grace) == []
    assert send(connection, NOON + timedelta(minutes=2), grace=grace) != []


def test_two_at_once_send_each_issue_once(
    connection: psycopg.Connection[Any], database_url: str
) -> None:
    send(connection, MORNING)
    late = EVENING + timedelta(days=4)
    together, sent = Barrier(2), list[Sent]()

    def run() -> None:
        with bootstrap.connected(database_url) as own:
            together.wait()
            sent.extend(send(own, late))

    threads = [Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(periods(sent)) == len(set(periods(sent))) == 10
    assert len(notices(connection)) == 10 * 3


@pytest.mark.parametrize("language", list(Language))
def test_the_seal_in_the_foot_is_found_again_in_what_people_keep(
    connection: psycopg.Connection[Any], tmp_path: Any, language: Language
) -> None:
    append_acts(connection, 3)
    sealer = Sealer(SigningKey.generate(), SealFile(tmp_path / "seals"), own_key=b"k" * 32)
    seal = sealer.seal(connection, MORNING)
    assert seal is not None
    send(connection, MORNING)
    send(connection, NOON)
    notice = Notice(
        kind=NoticeKind.DIGEST_DAILY,
        recipient=Person(PersonId("p-duty")),
        dedup_key="d",
        params={"digest": notices(connection)[0][1]},
    )
    kept = render(notice, language, letterhead=Letterhead(sender="综治中心"))
    for form in (kept.text, kept.html):
        (foot,) = read_feet(form)
        assert is_foot_of(foot, seal)
        assert not is_foot_of(foot, replace(seal, root="00"))
    row = connection.execute("SELECT seal FROM digests WHERE sent_at IS NOT NULL").fetchone()
    assert row == (seal.number,)


def test_in_a_time_lapse_it_is_when_the_conductor_says(
    connection: psycopg.Connection[Any],
) -> None:
    assert present_moment(connection, NOON) == NOON
    connection.execute(
        "INSERT INTO conductor (id, instant, handed_over) VALUES (1, %s, false)", (MORNING,)
    )
    connection.commit()
    assert present_moment(connection, NOON) == MORNING
    connection.execute("UPDATE conductor SET handed_over = true")
    connection.commit()
    assert present_moment(connection, NOON) == NOON
