"""What a release leaves behind, as text: a database, its keys, its log. Written before each one.

    python -m tests.release_snapshot tests/released/<version>

`schema.sql` makes the tables as the release had them, `rows.sql` holds their rows, `packs/` and
`calendars/` what is too long for a row, `log.jsonl` every record in its order, read or not, and
`keys.json` the keys of this played installation, which guards nothing.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import create_engine

from flows.batch import Coordinate, RawRecord
from flows.sealing import Sealer
from models.keys import write_secret
from models.notices import AddresseeKind, ChannelName
from notifications.addresses import AddressBook, Owner
from partygrid import bootstrap
from partygrid.embedded.account import open_to
from partygrid.embedded.child import running
from partygrid.embedded.postgres import Postgres, _binary
from partygrid.keyring import Keyring
from partygrid.operations.audit import seal_file
from partygrid.settings import Settings
from tests.release_play import END, MEMBER, Playing, left_unread, play

#: Name of the installation, which stands in the ids of what it read.
NAME = "release"
IDENTITY = {"name": "样例甲", "mobile": "13800000000"}
MAIL = "member@town.example"
#: Keys that are bytes, and those that are text.
_RAW, _TEXT = ("own.key", "text.key"), ("vault.key", "addresses.key")
#: Rows that stand in files of their own, so that they can be read.
_APART = {"policy_packs": ("packs", "pack"), "calendars": ("calendars", "days")}
_NOISE = re.compile(r"^(--|SET |SELECT pg_catalog\.set_config|\\(un)?restrict)")


class Snapshot(NamedTuple):
    """A snapshot that was read."""

    #: records that the release had read, and those that lay unread
    read: list[RawRecord]
    unread: list[RawRecord]
    reporter_ref: str


# --- writing -------------------------------------------------------------------------------------


def write(postgres: Postgres, database: str, home: Path, folder: Path) -> None:
    """Play the tiny installation in a migrated, empty database, and write what is left of it."""
    folder.mkdir(parents=True)
    url = postgres.url(database)
    with closing(Playing(url, home, name=NAME)) as playing:
        reporter_ref = _enter_secrets(playing.settings, url)
        play(playing, reporter_ref=reporter_ref)
        with bootstrap.connected(url) as connection:
            _seal(playing.settings, connection)
        log = [
            *((True, one) for one in playing.log),
            *((False, one) for one in left_unread(playing)),
        ]
    _write_database(url, folder)
    _write_apart(url, folder)
    lines = [json.dumps(_line(read, one), ensure_ascii=False, sort_keys=True) for read, one in log]
    (folder / "log.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    keys = _keys(home / "secrets") | {"reporter_ref": reporter_ref}
    (folder / "keys.json").write_text(json.dumps(keys, indent=1, sort_keys=True) + "\n")


def _enter_secrets(settings: Settings, url: str) -> str:
    """Enter a reporter's identity and a member's address; returns the reporter's pseudonym."""
    keyring = Keyring(settings)
    keyring.make_all()
    sealed = keyring.vault().seal(IDENTITY)
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as connection:
        AddressBook(keyring.addresses()).enter(
            connection,
            Owner(AddresseeKind.PERSON, MEMBER.actor),
            ChannelName.MAIL,
            MAIL,
            now=END - timedelta(hours=3),
        )
    engine.dispose()
    with bootstrap.connected(url) as db:
        db.execute(
            "INSERT INTO identities (reporter_ref, key_id, ciphertext, created_at)"
            " VALUES (%s, %s, %s, %s)",
            (*_fields(sealed), END - timedelta(hours=3)),
        )
        db.commit()
    return sealed.reporter_ref


def _fields(sealed: Any) -> tuple[Any, ...]:
    return sealed.reporter_ref, sealed.key_id, sealed.ciphertext


def _seal(settings: Settings, connection: psycopg.Connection[Any]) -> None:
    own_key = (settings.home / "secrets" / "own.key").read_bytes()
    sealer = Sealer(Keyring(settings).seal(), seal_file(settings), own_key=own_key)
    assert sealer.seal(connection, END)


def _write_database(url: str, folder: Path) -> None:
    whole = ("--no-owner", "--no-privileges", url)
    apart = [f"--exclude-table-data={table}" for table in _APART]
    schema = [_dumped("--section=pre-data", *whole), _dumped("--section=post-data", *whole)]
    (folder / "schema.sql").write_text("".join(schema), encoding="utf-8")
    rows = _dumped("--section=data", "--column-inserts", *apart, *whole)
    (folder / "rows.sql").write_text(rows, encoding="utf-8")


def _dumped(*options: str) -> str:
    done = subprocess.run(
        (str(_binary("pg_dump")), *options), check=True, capture_output=True, text=True
    )
    # What changes from one server to the next, and means nothing here.
    lines = [line for line in done.stdout.splitlines() if line and not _NOISE.match(line)]
    return "".join(f"{line}\n" for line in lines)


def _write_apart(url: str, folder: Path) -> None:
    with bootstrap.connected(url) as db:
        for table, (inner, column) in _APART.items():
            (folder / inner).mkdir()
            rows = db.execute(f"SELECT to_jsonb(t) FROM {table} t ORDER BY version".encode())  # noqa: S608
            for (row,) in rows.fetchall():
                row[column] = json.loads(row[column])
                name = re.sub(r"\W+", "-", row["version"])
                text = json.dumps(row, ensure_ascii=False, indent=1, sort_keys=True)
                (folder / inner / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")


def _line(read: bool, record: RawRecord) -> dict[str, Any]:
    at = record.at
    return {
        "topic": at.topic,
        "offset": at.offset,
        "read": read,
        "time": record.now.isoformat(),
        "headers": [[name, text.decode()] for name, text in record.headers],
        "value": record.value.decode(),
    }


def _keys(secrets: Path) -> dict[str, str]:
    keys = {name: (secrets / name).read_bytes().hex() for name in _RAW}
    keys |= {name: (secrets / name).read_text() for name in _TEXT}
    # The private half of the seals' key stays out: the next release makes its own.
    return keys | {path.name: path.read_text() for path in secrets.glob("seal-*.pub")}


# --- reading -------------------------------------------------------------------------------------


def load(folder: Path, url: str, home: Path) -> Snapshot:
    """Make the database of a snapshot in an empty one, with its keys in `home`."""
    pre, post = _sections((folder / "schema.sql").read_text(encoding="utf-8"))
    with psycopg.connect(url, autocommit=True) as db:
        for part in (pre, (folder / "rows.sql").read_text(encoding="utf-8")):
            db.execute(part.encode())
        _load_apart(db, folder)
        db.execute(post.encode())
    keys = json.loads((folder / "keys.json").read_text())
    secrets = home / "secrets"
    secrets.mkdir(parents=True)
    for name, text in keys.items():
        if name in _RAW:
            write_secret(secrets / name, bytes.fromhex(text))
        elif name != "reporter_ref":
            write_secret(secrets / name, text.encode())
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    told = [json.loads(line) for line in lines]
    return Snapshot(
        read=[_record(one) for one in told if one["read"]],
        unread=[_record(one) for one in told if not one["read"]],
        reporter_ref=keys["reporter_ref"],
    )


def _sections(schema: str) -> tuple[str, str]:
    """Return what makes tables, and what binds them once their rows are there."""
    first = re.search(r"^ALTER TABLE ONLY .*\n +ADD CONSTRAINT", schema, re.MULTILINE)
    assert first
    return schema[: first.start()], schema[first.start() :]


def _load_apart(db: psycopg.Connection[Any], folder: Path) -> None:
    for table, (inner, column) in _APART.items():
        for path in sorted((folder / inner).glob("*.json")):
            row = json.loads(path.read_text(encoding="utf-8"))
            row[column] = json.dumps(row[column], ensure_ascii=False)
            db.execute(
                f"INSERT INTO public.{table} SELECT * FROM"  # noqa: S608
                f" jsonb_populate_record(NULL::public.{table}, %s)".encode(),
                (json.dumps(row),),
            )


def _record(told: dict[str, Any]) -> RawRecord:
    at = Coordinate(
        topic=told["topic"],
        topic_id=f"{NAME}|{told['topic']}",
        partition=0,
        offset=told["offset"],
    )
    return RawRecord(
        at=at,
        key=None,
        headers=[(name, text.encode()) for name, text in told["headers"]],
        value=told["value"].encode(),
        now=datetime.fromisoformat(told["time"]).astimezone(UTC),
    )


# --- the command ---------------------------------------------------------------------------------


@contextmanager
def server() -> Iterator[tuple[Postgres, Path]]:
    """Run a server for the moment."""
    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        postgres = Postgres(Path(folder) / "postgres", databases=(NAME,), durable=False)
        open_to(Path(folder))
        with running(postgres.child()):
            yield postgres, Path(folder)


def main(arguments: list[str]) -> int:
    """Write the snapshot of this release into the folder that is named."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m tests.release_snapshot tests/released/<version>\n")
        return 2
    with server() as (postgres, folder):
        bootstrap.migrate(postgres.url(NAME))
        write(postgres, NAME, folder / "home", Path(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
