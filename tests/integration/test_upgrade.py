"""What the last release left is brought to this one, and goes on: cases, log, keys and proof."""

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

import models.migrations
from events.contract.assignment import AssignmentAccepted, AssignmentConfirmed, AssignmentHandled
from events.contract.consultation import ConsultationConcluded, ConsultationOutcome
from events.contract.envelope import Acting
from events.contract.escalation import WhistleApproved
from events.contract.feedback import VisitAnswered, VisitChannel, VisitResult
from events.contract.reports import OutcomeEvidence
from flows.sealing import Sealer
from models.every_table import Table
from models.notices import ChannelName
from models.policy.people import Role
from models.policy.work import Satisfaction
from models.values import CaseState
from models.vault import SealedIdentity
from notifications.addresses import AddressBook
from notifications.render import Letterhead
from notifications.reporters import ReporterContacts
from notifications.sender import Outside, Sender
from partygrid import bootstrap
from partygrid.embedded.postgres import Postgres
from partygrid.keyring import Keyring
from partygrid.operations.audit import seal_file, verify_database
from partygrid.operations.rebuilding import rebuild_into
from tests.integration.test_migrations import opened
from tests.notifying import RULES, ScriptedChannel
from tests.release_play import END, MEMBER, SECRETARY, Playing, case_of
from tests.release_snapshot import IDENTITY, MAIL, NAME, Snapshot, load, write
from tests.world import GRID, TOWNSHIP, VILLAGE, acting, branch_of

FROZEN = sorted((Path(__file__).parents[1] / "released").glob("*/schema.sql"))
#: Today's own snapshot stands for the release that comes next.
TODAY = "today"
_numbers = count(1)


@pytest.fixture(scope="module")
def today(postgres: Postgres, migrated: str, server_folder: Path) -> Path:
    """The snapshot as the script writes it now."""
    postgres.create_database("played", template=migrated)
    folder = server_folder / "today"
    write(postgres, "played", server_folder / "played", folder)
    postgres.drop_database("played")
    return folder


class Upgraded(NamedTuple):
    """An installation of an older release on this release's program."""

    playing: Playing
    snapshot: Snapshot
    #: rows of each table before the upgrade
    before: dict[str, int]
    home: Path


def counts(url: str) -> dict[str, int]:
    with bootstrap.connected(url) as db:
        return {
            table: db.execute(f"SELECT count(*) FROM {table}".encode()).fetchall()[0][0]  # noqa: S608
            for table in Table.metadata.tables
            if db.execute("SELECT to_regclass(%s)", (table,)).fetchall()[0][0] is not None
        }


@pytest.fixture(
    scope="module",
    params=[TODAY, *(path.parent.name for path in FROZEN)],
)
def upgraded(
    request: pytest.FixtureRequest, postgres: Postgres, server_folder: Path, today: Path
) -> Iterator[Upgraded]:
    """A snapshot's database, brought to this release, before anything works on it."""
    frozen = {path.parent.name: path.parent for path in FROZEN}
    name = f"upgraded_{next(_numbers)}"
    postgres.create_database(name)
    url, home = postgres.url(name), server_folder / name
    snapshot = load(frozen.get(request.param, today), url, home)
    before = counts(url)
    bootstrap.migrate(url)
    with closing(Playing(url, home, name=NAME)) as playing:
        for record in (*snapshot.read, *snapshot.unread):
            playing._offsets[record.at.topic] = record.at.offset
        yield Upgraded(playing, snapshot, before, home)
    postgres.drop_database(name)


def test_no_row_is_lost_by_the_upgrade(upgraded: Upgraded) -> None:
    after = counts(upgraded.playing.settings.address("database_url"))
    # The program adds its own rules and lists when it starts.
    added = {"policy_packs", "calendars", "responsibility_items"}
    assert {table: after[table] for table in upgraded.before if table not in added} == {
        table: rows for table, rows in upgraded.before.items() if table not in added
    }
    assert upgraded.before["journal"] > 50


def test_its_journal_is_decided_the_same_by_this_release(
    upgraded: Upgraded, postgres: Postgres
) -> None:
    postgres.create_database("upgraded_again")
    url = postgres.url("upgraded_again")
    entries, differences = rebuild_into(upgraded.playing.settings, url, datetime.now(UTC))
    postgres.drop_database("upgraded_again")
    assert entries == upgraded.before["journal"]
    assert differences == []


def test_what_lay_unread_in_its_log_is_decided(upgraded: Upgraded) -> None:
    playing = upgraded.playing
    playing.until(upgraded.snapshot.unread[-1].now)
    playing.hear(upgraded.snapshot.unread)
    playing.settle(END)
    assert playing.rows(
        "SELECT event_id, fate FROM outcomes WHERE event_id IN ('road', 'pump-registered')"
        " ORDER BY 1"
    ) == [("pump-registered", "applied"), ("road", "applied")]
    # What waited for the road's report was decided with it.
    assert playing.rows("SELECT count(*) FROM parked") == [(0,)]
    assert playing.case(case_of("road")).version > 1


def test_its_log_read_again_has_no_effect(upgraded: Upgraded) -> None:
    playing = upgraded.playing
    before = playing.rows("SELECT count(*) FROM journal")
    readable = [one for one in upgraded.snapshot.read if one.headers]
    playing.hear(
        [playing.record(one.at.topic, one.headers, one.value, one.now) for one in readable]
    )
    playing.settle(END)
    assert playing.rows("SELECT count(*) FROM journal") == before
    last = playing.rows('SELECT fate FROM records ORDER BY recorded_at, topic, "offset" DESC')
    assert ("duplicate",) in last


def test_its_cases_go_on_in_every_step(upgraded: Upgraded) -> None:
    playing = upgraded.playing
    visit = VisitAnswered(
        channel=VisitChannel.CALL,
        result=VisitResult.ANSWERED,
        contacted=True,
        solved=True,
        satisfaction=Satisfaction.SATISFIED,
    )
    playing.does(125, visit, acting(Role.VISITOR, TOWNSHIP), case="lamp")
    principal = acting(Role.TOWNSHIP_PRINCIPAL, TOWNSHIP)
    playing.does(126, WhistleApproved(), principal, case="river")
    agreed = ConsultationConcluded(outcome=ConsultationOutcome.AGREED)
    playing.does(127, agreed, acting(Role.VILLAGE_SECRETARY, VILLAGE), case="quarrel")
    work = playing.case(case_of("bridge")).assignment
    assert work is not None
    chosen = work.candidates[0].assignee
    member = Acting(actor=chosen, role=str(Role.PARTY_MEMBER), org=branch_of(GRID))
    playing.does(128, AssignmentConfirmed(assignee=chosen), SECRETARY, case="bridge")
    playing.does(130, AssignmentAccepted(), member, case="bridge")
    handled = AssignmentHandled(opinion="已修", shown_by=OutcomeEvidence.STATEMENT)
    playing.does(140, handled, member, case="bridge")
    refused = playing.rows("SELECT event_type, reason FROM outcomes WHERE fate <> 'applied'")
    assert [row for row in refused if row[1] != "role_may_not"] == []
    states = {name: playing.case(case_of(name)).state for name in ("lamp", "river", "bridge")}
    assert states["lamp"] is CaseState.CLOSED
    assert states["river"] is CaseState.WHISTLED
    assert states["bridge"] in (CaseState.FEEDBACK, CaseState.CHECKING)
    assert playing.case(case_of("quarrel")).state is not CaseState.CONSULTING


def test_its_timers_ring(upgraded: Upgraded) -> None:
    playing = upgraded.playing
    fired = "SELECT count(*) FROM journal WHERE kind = 'firing' AND decided_at > %s"
    playing.until(END + timedelta(days=20))
    assert playing.rows(fired, END)[0][0] > 5
    assert playing.rows("SELECT count(*) FROM dead_letters WHERE reason = 'poison'") == [(0,)]
    assert playing.rows("SELECT count(*) FROM timers WHERE due_at <= %s", END) == [(0,)]


def test_its_seals_hold_and_new_ones_follow(upgraded: Upgraded) -> None:
    settings = upgraded.playing.settings
    keyring = Keyring(settings)
    own_key = (upgraded.home / "secrets" / "own.key").read_bytes()
    with bootstrap.connected(settings.address("database_url")) as connection:
        sealer = Sealer(keyring.seal(), seal_file(settings), own_key=own_key)
        assert sealer.seal(connection, datetime.now(UTC))
        connection.commit()
        report = verify_database(connection, keys=keyring.seal_publics())
    assert report.is_sound, str(report)
    assert report.seals == 2


def test_its_vault_and_its_addresses_open(upgraded: Upgraded) -> None:
    keyring = Keyring(upgraded.playing.settings)
    (row,) = upgraded.playing.rows("SELECT reporter_ref, key_id, ciphertext FROM identities")
    assert keyring.vault().open(SealedIdentity(row[0], row[1], bytes(row[2]))) == IDENTITY
    assert row[0] == upgraded.snapshot.reporter_ref
    ((sealed,),) = upgraded.playing.rows("SELECT sealed FROM channel_addresses")
    assert AddressBook(keyring.addresses()).open(bytes(sealed)) == MAIL


def test_its_notices_are_told(upgraded: Upgraded) -> None:
    """Each kind that it left has its words in this release."""
    playing = upgraded.playing
    url = playing.settings.address("database_url").replace("postgresql:", "postgresql+psycopg:", 1)
    engine, keyring = create_engine(url), Keyring(playing.settings)
    mails = ScriptedChannel()
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE notices SET addressee_kind = 'person', addressee = :one"),
            {"one": MEMBER.actor},
        )
    outside = Outside(
        channels={ChannelName.MAIL: mails},
        book=AddressBook(keyring.addresses()),
        vault=ReporterContacts(engine, keyring.vault()),
        letterhead=Letterhead(sender="综治中心"),
    )
    rules = RULES.model_copy(
        update={"repeat_after": timedelta(0), "bundle_from": 1000, "channels": ("mail",)}
    )
    noon = END.replace(hour=4) + timedelta(days=1)
    with closing(Sender(engine, outside, rules=rules, zone=playing.policy.calendar.zone)) as sender:
        sender.send_due(noon)
    engine.dispose()
    failed = playing.rows(
        "SELECT kind, reason FROM notices n JOIN notice_sends s"
        " ON s.notice_id = n.id WHERE s.state = 'failed'"
    )
    assert failed == []
    assert len(mails.taken) > 10


# --- a later shape -------------------------------------------------------------------------------

_NEXT = '''
"""A change as a later release might bring it: a column that is filled from what is there."""
import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("cases", sa.Column("district", sa.String()))
    op.execute("UPDATE cases SET district = left(grid, 6)")
    op.alter_column("cases", "district", nullable=False)


def downgrade() -> None:
    op.drop_column("cases", "district")
'''


def test_a_database_with_rows_is_brought_to_a_later_shape(
    today: Path, empty_database_url: str, tmp_path: Path
) -> None:
    load(today, empty_database_url, tmp_path / "home")
    config = Config()
    config.set_main_option("script_location", "models:migrations")
    with bootstrap.connected(empty_database_url) as db:
        _, head = bootstrap.migration_state(db)
    (tmp_path / "next.py").write_text(_NEXT.format(head=head))
    config.set_main_option("path_separator", "os")
    own = Path(models.migrations.__path__[0]) / "versions"
    config.set_main_option("version_locations", f"{own}:{tmp_path}")
    with opened(empty_database_url) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        found = connection.execute(text("SELECT DISTINCT district FROM cases WHERE version > 0"))
        assert [row[0] for row in found] == ["330281"]
        command.downgrade(config, head)
        connection.commit()
    with bootstrap.connected(empty_database_url) as db:
        assert bootstrap.migration_state(db) == (head, head)


def test_every_version_has_its_snapshot() -> None:
    changes = (Path(__file__).parents[2] / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", changes, re.MULTILINE)
    assert set(versions) == {path.parent.name for path in FROZEN}


def test_the_snapshot_is_text_that_a_person_can_read(today: Path) -> None:
    files = [path for path in today.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 1_000_000
    for path in files:
        assert "\0" not in path.read_text(encoding="utf-8")
    schema = (today / "schema.sql").read_text(encoding="utf-8")
    for table in (*Table.metadata.tables, "alembic_version"):
        assert f"CREATE TABLE public.{table} (" in schema


def every_row(today: Path) -> str:
    return (today / "rows.sql").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "table",
    sorted(
        set(Table.metadata.tables)
        - {"policy_packs", "calendars", "attempts", "conductor", "digests", "erasures"}
        - {"notice_sends", "notice_reads", "notice_holds", "app_tokens", "apps", "evidence_files"}
        - {"duties", "directory_clock"}
    ),
)
def test_something_lies_in_every_drawer(today: Path, table: str) -> None:
    assert f"INSERT INTO public.{table} " in every_row(today)
