"""The composition root: settings to adapters. Nothing else builds a connection or reads a key."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.errors import OperationalError
from sqlalchemy import create_engine

from models.calendar import WorkCalendar
from models.calendar_file import load_override
from models.cases import ResponsibilityItems
from models.keys import PublicKey, write_secret
from models.pack_store import keep_calendar, keep_pack, load_calendars, load_packs
from models.policy.load import default_pack_folder, load_policy
from models.policy.schema import Policy
from models.rows import RowMap
from models.setting import Row, Setting, Shelf
from models.shard_store import make_shards
from partygrid.errors import Invalid, Unavailable
from partygrid.settings import Settings

if TYPE_CHECKING:
    from alembic.config import Config

Connection = psycopg.Connection[Any]

#: A server that vanished without a word is noticed, and not waited for as long as the kernel would.
_NOTICE: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20000,
}

#: Bytes of a secret of the installation.
KEY_BYTES = 32


class NotAKey(Invalid):
    """The file holds no key of the installation."""


RESPONSIBILITY_ITEMS = RowMap(ResponsibilityItems)


# Of alembic these functions alone know: it would be a tenth of the start of every process.


def migrate(url: str) -> None:
    """Bring a database to the newest shape. Harmless where it is there already."""
    from alembic import command  # noqa: PLC0415

    engine = create_engine(_sqlalchemy(url))
    config = _migrations()
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    finally:
        engine.dispose()


def migration_state(connection: Connection) -> tuple[str, str]:
    """Return the shape a database has (empty: none) and the newest one."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    newest = ScriptDirectory.from_config(_migrations()).get_current_head() or ""
    with connection.transaction():
        known = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
        if known is None or known[0] is None:
            return "", newest
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return (row[0] if row else ""), newest


def _migrations() -> "Config":
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "models:migrations")
    return config


def connect(url: str, *, autocommit: bool = False) -> Connection:
    """Open a connection for the hot path. Raises `Unavailable` where the server is away.

    Plans are made for the values at hand: a generic plan made while a table was new stays slow.
    """
    try:
        connection = psycopg.connect(_psycopg(url), autocommit=autocommit, **_NOTICE)
    except OperationalError as fault:
        raise Unavailable(f"PostgreSQL cannot be reached: {fault}") from fault
    connection.prepare_threshold = 5
    connection.execute("SET plan_cache_mode = force_custom_plan")
    connection.execute("SET timezone = 'UTC'")
    if not autocommit:
        connection.commit()
    return connection


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Open a connection for one piece of work and close it after."""
    connection = connect(url)
    try:
        yield connection
    finally:
        connection.close()


def _psycopg(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def _sqlalchemy(url: str) -> str:
    return _psycopg(url).replace("postgresql://", "postgresql+psycopg://", 1)


def installation_key(folder: Path, name: str) -> bytes:
    """Return a secret of the installation from its own file; made at the first asking."""
    return installation_keys(folder, name)[0]


def installation_keys(folder: Path, name: str) -> tuple[bytes, ...]:
    """Return a secret and those it took the place of, the newest first: one behind the other."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / name
    if not path.exists():
        write_secret(path, secrets.token_bytes(KEY_BYTES))
    content = path.read_bytes()
    if not content or len(content) % KEY_BYTES:
        raise NotAKey(f"{path} holds no keys of {KEY_BYTES} bytes. Put your copy back.")
    return tuple(content[start : start + KEY_BYTES] for start in range(0, len(content), KEY_BYTES))


def secrets_folder(settings: Settings) -> Path:
    """Return the folder of the installation's keys."""
    return settings.secrets_dir or settings.home / "secrets"


def policy_of(settings: Settings) -> Policy:
    """Return the pack in force. Raises `PolicyInvalid`."""
    return load_policy(settings.policy_dir or default_pack_folder())


def prepare(url: str, settings: Settings, policy: Policy, now: datetime) -> None:
    """Make what every installation has: tables, shards, the rules it runs with.

    Raises `CalendarFileInvalid`.
    """
    calendar = calendar_of(settings)
    migrate(url)
    with connected(url) as connection:
        with connection.cursor() as cursor:
            make_shards(cursor, settings.partitions)
        keep_rules(connection, policy, calendar, now)


def keep_rules(
    connection: Connection, policy: Policy, calendar: WorkCalendar, now: datetime
) -> None:
    """Keep pack and calendar whole, before anything is decided with them; commits."""
    with connection.cursor() as cursor:
        keep_pack(cursor, policy, now)
        keep_calendar(cursor, calendar, now)
        RESPONSIBILITY_ITEMS.insert_new(cursor, _responsibility_rows(policy))
    connection.commit()


def _responsibility_rows(policy: Policy) -> list[Row]:
    """Return the lists' items as rows: what routed a case is known for good."""
    return [
        {
            "policy_version": policy.version,
            "item": name,
            "kind": str(item.kind),
            "title": item.title.zh,
            "owner": str(item.owner),
            "categories": item.categories,
            "legal_basis": "; ".join(item.legal_basis),
        }
        for name, item in policy.responsibility.items.items()
    ]


def calendar_of(settings: Settings) -> WorkCalendar:
    """Return which days are worked. Raises `CalendarFileInvalid`."""
    file = settings.calendar_file
    return WorkCalendar(load_override(file) if file else None)


def shelf_of(connection: Connection, policy: Policy, calendar: WorkCalendar | None = None) -> Shelf:
    """Return packs and calendars: those in force, and those older cases were registered under.

    `calendar` is `calendar_of` the settings; without it no calendar file counts.
    """
    with connection.cursor() as cursor:
        older, calendars = load_packs(cursor), load_calendars(cursor)
    connection.commit()
    return Shelf(policy, older, calendar, calendars)


def setting_of(
    settings: Settings, shelf: Shelf, *, engine: str, time_lapse: bool = False
) -> Setting:
    """Return what an engine decides with."""
    folder = secrets_folder(settings)
    own = installation_keys(folder, "own.key")
    return Setting(
        shelf=shelf,
        partitions=settings.partitions,
        own_key=own[0],
        older_own_keys=own[1:],
        text_key=installation_key(folder, "text.key"),
        engine=engine,
        time_lapse=time_lapse,
        sign_ins=sign_in_keys(folder),
    )


def sign_in_keys(folder: Path) -> dict[str, PublicKey]:
    """Return the public keys of the sign-ins that may vouch for persons: `sign-ins/*.pem`."""
    keys = (PublicKey.from_pem(path.read_text()) for path in (folder / "sign-ins").glob("*.pem"))
    return {key.key_id: key for key in keys}
