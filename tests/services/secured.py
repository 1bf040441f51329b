"""The tests' county on a secured Kafka, with apps registered; nobody has an account yet."""

import base64
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import Struct
from typer.testing import CliRunner

from events.security import Security
from models.directory import App
from models.directory_store import lock_directory, save_entries
from models.keys import SigningKey
from partygrid import bootstrap
from partygrid.cli.main import app
from partygrid.initialise import make_ready
from partygrid.settings import Settings
from tests.one_shard import County
from tests.services.apache import Apache, Login
from tests.world import SINCE

#: That of the founded county.
PARTITIONS = 1


class Known(NamedTuple):
    """An app as it is registered, and its key."""

    registered: App
    key: SigningKey


def known_app(
    source: str, territories: tuple[str, ...], *event_types: str, restricted: bool = False
) -> Known:
    """Make an app's key and its entry."""
    key = SigningKey.generate()
    entry = App(
        source=source,
        key_id=key.key_id,
        name=source,
        public_key=base64.b64encode(key.public.raw).decode(),
        territories=territories,
        event_types=event_types,
        restricted=restricted,
        valid_from=SINCE,
    )
    return Known(entry, key)


def register(url: str, *entries: App) -> None:
    """Write apps into the directory, as its events do."""
    with bootstrap.connected(url) as db, db.cursor() as cursor:
        revision = lock_directory(cursor)
        numbered = list(enumerate(entries, revision + 1))
        save_entries(cursor, numbered, recorded_at=datetime.now(UTC))
        db.commit()


class Answer(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> Any:
        """What it printed for a program."""
        assert self.code == 0, self.err
        return json.loads(self.out)


class Installation(Struct, frozen=True):
    """Settings as operators have them, and as the processes have them."""

    kafka: Apache
    #: with the administrator's account
    operator: Settings
    #: with the engines' own
    engines: Settings

    def command(self, *words: str, settings: Settings | None = None) -> Answer:
        """Run `partygrid` as an operator, or with other settings."""
        terminal = {"COLUMNS": "200", "NO_COLOR": "1"}
        done = CliRunner().invoke(
            app, list(words), env=(settings or self.operator).environment() | terminal
        )
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Answer(done.exit_code, done.stdout, done.stderr)

    def granted(self, *words: str) -> dict[str, Login]:
        """Run `kafka grant`; return source → the account whose password it showed."""
        told = self.command("kafka", "grant", *words, "--json").told
        return {
            one["source"]: Login(one["account"], one["password"])
            for one in told["changes"]
            if "password" in one
        }

    def security(self, login: Login) -> Security:
        """Return what an app connects with."""
        return Security(
            username=login.user,
            password=login.password,
            ca_file=self.kafka.authority.ca_file,
        )


def installed(
    kafka: Apache, url: str, county: County, home: Path, apps: Iterable[App]
) -> Installation:
    """Prepare an installation: tables, topics, apps in the directory."""
    register(url, *apps)
    engines = kafka.settings(
        home,
        Login("partygrid", "what the engines' .env says"),
        database_url=url,
        partitions=PARTITIONS,
        secrets_dir=county.home / "secrets",
        poll_wait=0.05,
        log_level="INFO",
    )
    operator = engines.changed(
        kafka_admin_username=kafka.admin.user, kafka_admin_password=kafka.admin.password
    )
    make_ready(operator)
    return Installation(kafka, operator, engines)
