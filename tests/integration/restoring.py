"""A live installation whose database is backed up and restored while its broker stays, or does not.

The clock is the wall's, the county the tests', and everybody in it is reached by a scripted mail.
"""

import json
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from msgspec.structs import replace
from sqlalchemy import create_engine

from events.admission import ENGINE_KEY, ENGINE_SOURCE
from events.contract.envelope import Event, Payload
from events.outbox import keep, vouched
from flows.sealing import Sealer
from models.notices import AddresseeKind, ChannelName
from models.policy.people import Role
from models.policy.reach import QuietHours
from notifications.addresses import AddressBook, Owner
from notifications.render import Letterhead
from notifications.reporters import ReporterContacts
from notifications.sender import Counts, Outside, Sender
from partygrid import bootstrap
from partygrid.clock import WallClock
from partygrid.embedded.child import Process, running
from partygrid.embedded.ports import free_port
from partygrid.embedded.postgres import Postgres, _binary
from partygrid.embedded.tansu import Tansu
from partygrid.keyring import Keyring
from partygrid.operations.audit import seal_file
from partygrid.operations.produce import Outcome, await_outcome, event_of, send
from partygrid.operations.restored import catch_up
from tests.notifying import RULES, ScriptedChannel
from tests.rig import Rig
from tests.rigged import FOUNDER, command, found_county, wait_until, working
from tests.world import COUNTY, GRID, person

#: No night, no repeats, no bundles: every notice is a mail of its own.
PLAIN = RULES.model_copy(
    update={
        "quiet": QuietHours(start=time(0), end=time(0)),
        "repeat_after": timedelta(0),
        "bundle_from": 1000,
        "channels": ("mail",),
    }
)

#: Nobody is proposed for older cases in a round that happens to come due while a test runs.
ROUNDLESS = {
    "pack.yaml": '{extends: default, version: "2027.1"}',
    "deadlines.yaml": "round_every: 24h\n",
}


def run(program: str, *arguments: str) -> str:
    """Run one of PostgreSQL's own programs."""
    done = subprocess.run(
        (str(_binary(program)), *arguments), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Restorable:
    """The installation, and what its people got."""

    def __init__(self, postgres: Postgres, template: str, folder: Path, name: str) -> None:
        self.postgres, self.name, self.folder = postgres, name, folder / name
        self._dump = folder / f"{name}.dump"
        self._server = Tansu(folder / name / "kafka", free_port())
        self._broker: AbstractContextManager[Process] | None = None
        self.start_broker()
        postgres.create_database(name, template=template)
        pack = folder / name / "pack"
        pack.mkdir()
        for file, text in ROUNDLESS.items():
            (pack / file).write_text(text)
        self.rig = Rig(postgres.url(name), self._server.bootstrap, folder / name, policy_dir=pack)
        with working(self.rig.engine):
            found_county(self.rig)
        self.rig.conductor.hand_over()
        self.rig.conductor.close()
        self.rig.setting = replace(self.rig.setting, time_lapse=False)
        self.mails = ScriptedChannel()
        self._enter_addresses()
        self.send()

    def _enter_addresses(self) -> None:
        book = AddressBook(Keyring(self.rig.settings).addresses())
        persons = [row[0] for row in self.rig.rows("SELECT DISTINCT id FROM persons")]
        engine = create_engine(self._sqlalchemy())
        with engine.begin() as connection:
            for one in persons:
                book.enter(
                    connection,
                    Owner(AddresseeKind.PERSON, one),
                    ChannelName.MAIL,
                    f"{one}@town.example",
                    now=datetime.now(UTC),
                )
        engine.dispose()

    def _sqlalchemy(self) -> str:
        return self.rig.url.replace("postgresql://", "postgresql+psycopg://", 1)

    # --- servers -------------------------------------------------------------------------------

    def start_broker(self) -> None:
        self._broker = running(self._server.child())
        self._broker.__enter__()

    def stop_broker(self) -> None:
        """Its log is in memory: it is gone."""
        if self._broker is not None:
            self._broker.__exit__(None, None, None)
            self._broker = None

    def back_up(self) -> datetime:
        """Dump the database as it is, whatever works on it; returns when it was complete."""
        run("pg_dump", "--format=custom", f"--file={self._dump}", self.rig.url)
        return datetime.now(UTC)

    def restore(self) -> None:
        """Put what was dumped in the database's place."""
        self.rig.db.close()
        self.postgres.drop_database(self.name)
        self.postgres.create_database(self.name, template="template0")
        run("pg_restore", "--exit-on-error", f"--dbname={self.rig.url}", str(self._dump))
        self.rig.db = bootstrap.connect(self.rig.url, autocommit=True)

    def close(self) -> None:
        self.rig.db.close()
        self.stop_broker()
        self.postgres.drop_database(self.name)

    # --- work ----------------------------------------------------------------------------------

    @contextmanager
    def working(self) -> Iterator[None]:
        """Let an engine work."""
        with working(self.rig.build_engine()):
            yield

    def report(self, title: str, *, grid: str = GRID, by: str = "") -> Event:
        """Take a report in, as a door does."""
        data = {"grid": grid, "category": "06-02", "source": "grid_member", "title": title}
        attributes = {
            "township": grid[:9],
            "actor": by or person(Role.GRID_MEMBER, grid),
            "actingrole": str(Role.GRID_MEMBER),
            "actingorg": grid,
        }
        return self.say("grid.report.filed", data, attributes)

    def say(self, kind: str, data: Mapping[str, Any], attributes: Mapping[str, str]) -> Event:
        """Take an event in, as a door does."""
        now = datetime.now(UTC)
        content = json.dumps(data).encode()
        event = event_of(kind, content, dict(attributes), event_id=str(uuid4()), now=now)
        rig = self.rig
        send(rig.db, event, own_key=rig.setting.own_key, partitions=rig.partitions, now=now)
        return event

    def enter(self, *entries: Payload) -> None:
        """Enter something into the directory, as its founder does."""
        rig, now = self.rig, datetime.now(UTC)
        events = [
            replace(
                rig.event(data, FOUNDER, township=COUNTY, source=ENGINE_SOURCE, time=now),
                id=str(uuid4()),
                key_id=ENGINE_KEY,
            )
            for data in entries
        ]
        with bootstrap.connected(rig.url) as connection, connection.cursor() as cursor:
            ready = [vouched(event, rig.setting.own_key) for event in events]
            keep(cursor, ready, partitions=rig.partitions, now=now)
            connection.commit()

    def decided(self, event: Event) -> Outcome:
        """Wait for an event's outcome."""
        outcome = await_outcome(self.rig.db, event, timedelta(seconds=40))
        assert outcome.fate == "applied", outcome
        return outcome

    def settled(self) -> None:
        """Wait until nothing waits to be published or to be decided."""
        open_rows = (
            "SELECT count(*) FROM outbox o WHERE o.published_at IS NULL OR o.topic LIKE ANY"
            " (ARRAY['grid.%%', 'restricted.grid.%%']) AND o.topic <> 'grid.dead-letters'"
            " AND NOT EXISTS (SELECT FROM journal j"
            "  WHERE j.source = o.source AND j.event_id = o.event_id)"
        )
        wait_until(lambda: self.rig.rows(open_rows) == [(0,)])

    def send(self) -> Counts:
        """Let the office send what is due."""
        rig = self.rig
        engine = create_engine(self._sqlalchemy())
        outside = Outside(
            channels={ChannelName.MAIL: self.mails},
            book=AddressBook(Keyring(rig.settings).addresses()),
            vault=ReporterContacts(engine, Keyring(rig.settings).vault()),
            letterhead=Letterhead(sender="综治中心"),
        )
        zone = rig.policy.calendar.zone
        with closing(Sender(engine, outside, rules=PLAIN, zone=zone)) as sender:
            counts = sender.send_due(datetime.now(UTC))
        engine.dispose()
        return counts

    def seal(self) -> None:
        """Seal what is new, as the office does each minute."""
        settings = self.rig.settings
        own = Sealer(
            Keyring(settings).seal(), seal_file(settings), own_key=self.rig.setting.own_key
        )
        with bootstrap.connected(self.rig.url) as connection:
            assert own.seal(connection, datetime.now(UTC))

    def catch_up(self) -> None:
        """Do what the office does until all is decided again; meanwhile nothing may leave."""
        settings = self.rig.settings.changed(database_url=self.rig.url)

        def done() -> bool:
            self.send()
            return catch_up(settings, self.rig.policy, WallClock())

        wait_until(done, seconds=60)

    # --- looking -------------------------------------------------------------------------------

    def told(self, *arguments: str, code: int = 0) -> Any:
        """Run a command and read what it tells programs."""
        done = command(self.rig, *arguments, "--json")
        assert done.exit_code == code, (done.output, done.exception)
        return json.loads(done.stdout)

    def mailed(self) -> Counter[str]:
        """How often each mail was sent, by its key."""
        return Counter(self.mails.keys)


@contextmanager
def restorable(postgres: Postgres, template: str, folder: Path, name: str) -> Iterator[Restorable]:
    """Give a live installation."""
    one = Restorable(postgres, template, folder, name)
    try:
        yield one
    finally:
        one.close()
