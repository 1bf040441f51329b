"""Is everything as it should be? What `partygrid doctor` looks at, each finding with what to do."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

import httpx
import psycopg

from models.directory_store import load_directory
from models.policy.check import check_policy
from models.policy.checks.finding import Severity
from models.policy.people import Role
from models.policy.schema import Policy
from models.shard_store import directory_revision
from partygrid import bootstrap
from partygrid.adapters import RetentionTooShort, check_retention
from partygrid.check import Check, ill, look, well
from partygrid.checkup_broker import examine_broker
from partygrid.errors import PartygridError, Unavailable
from partygrid.initialise import fixed_partitions
from partygrid.keyring import Keyring
from partygrid.settings import Settings
from partygrid.status import Standing, Waiting, read_standing

_GIGABYTE = 1_000_000_000
_SCARCE, _LITTLE = _GIGABYTE // 4, 2 * _GIGABYTE
#: Seals are made each minute; after so long without one nobody makes them.
_SEAL_LATE = timedelta(minutes=3)
_OLDEST_POSTGRES = 15


def examine(settings: Settings, now: datetime) -> Iterator[Check]:
    """Look at everything at the settled addresses; a server that is away is a finding, no error."""
    yield well("versions", _versions())
    yield from _keys(settings)
    yield _disk(settings)
    policy = _policy(settings)
    yield policy if isinstance(policy, Check) else well("policy", f"{policy.version} loads")
    if isinstance(policy, Policy):
        yield _calendar(settings, now.astimezone(policy.calendar.zone).year)
        yield _retention(settings, policy)
    try:
        url = settings.address("database_url")
        with bootstrap.connected(url) as connection:
            yield from _database(connection, settings, now)
            if isinstance(policy, Policy):
                yield from _rules(connection, policy, now)
    except (Unavailable, psycopg.OperationalError) as fault:
        yield ill("database", str(fault).strip(), "Start PostgreSQL or correct its address.")
        return
    yield from examine_broker(settings)
    yield _prefect(settings)
    yield from _guarded("work", lambda: _work(read_standing(settings, now)))


def _guarded(what: str, looking: Callable[[], Iterable[Check]]) -> Iterator[Check]:
    try:
        yield from looking()
    except psycopg.errors.UndefinedTable:
        yield ill(what, "tables are missing", "Run `partygrid migrate`.")


def _versions() -> str:
    names = ("partygrid", "prefect", "kafka-python", "psycopg", "sqlmodel")
    return ", ".join(f"{name} {version(name)}" for name in names)


def _keys(settings: Settings) -> Iterator[Check]:
    folder = Keyring(settings).folder
    names = ("own.key", "text.key", "seal.key", "vault.key", "addresses.key")
    missing = [name for name in names if not (folder / name).exists()]
    if missing:
        told = f"{', '.join(missing)} not in {folder}"
        yield ill("keys", told, "Put your copy back; a new installation: `partygrid init`.")
        return
    open_ones = [name for name in names if (folder / name).stat().st_mode & 0o077]
    if open_ones:
        yield ill("keys", f"others can read {', '.join(open_ones)}", f"chmod 600 {folder}/*.key")
    else:
        yield well("keys", f"{len(names)} in {folder}, readable by their owner only")


def _disk(settings: Settings) -> Check:
    free = shutil.disk_usage(settings.home).free if settings.home.exists() else 0
    told = f"{free / _GIGABYTE:.1f} GB free in {settings.home}"
    if free < _SCARCE:
        return ill("disk", told, "Make room: the database stops when it cannot write.")
    if free < _LITTLE:
        return look("disk", told, "Make room soon.")
    return well("disk", told)


def _policy(settings: Settings) -> Policy | Check:
    try:
        return bootstrap.policy_of(settings)
    except PartygridError as fault:
        told = str(fault).splitlines()[0]
        return ill("policy", told, "Run `partygrid policy check` and correct what it names.")


def _retention(settings: Settings, policy: Policy) -> Check:
    try:
        check_retention(settings, policy)
    except RetentionTooShort as fault:
        return ill("retention", str(fault), "Correct the setting; no engine starts with it.")
    return well("retention", f"Kafka keeps records for {settings.kafka_retention.days} days")


def _calendar(settings: Settings, year: int) -> Check:
    try:
        guessed = bootstrap.calendar_of(settings).guessed_years(year, year + 1)
    except PartygridError as fault:
        return ill("calendar", str(fault), "Correct the calendar file; no engine starts with it.")
    if not guessed:
        return well("calendar", f"the working days of {year} and {year + 1} are published")
    told = f"the working days of {' and '.join(map(str, guessed))} are guessed"
    todo = (
        "When the year's notice is out: write a calendar file (PARTYGRID_CALENDAR_FILE,"
        " docs/policy.md) or install a newer chinesecalendar, and start the engines again."
    )
    return look("calendar", told, todo)


def _database(
    connection: psycopg.Connection[Any], settings: Settings, now: datetime
) -> Iterator[Check]:
    server = connection.info.server_version // 10000
    if server < _OLDEST_POSTGRES:
        yield ill("database", f"PostgreSQL {server}", f"Use {_OLDEST_POSTGRES} or newer.")
    else:
        yield well("database", f"PostgreSQL {server} answers")
    current, newest = bootstrap.migration_state(connection)
    if current != newest:
        told = f"tables are at {current or 'nothing'}, this release needs {newest}"
        yield ill("migrations", told, "Run `partygrid migrate`.")
        return
    yield well("migrations", f"current ({newest})")
    shards = fixed_partitions(connection)
    if shards is not None and shards != settings.partitions:
        told = f"made with {shards} shards, PARTYGRID_PARTITIONS says {settings.partitions}"
        yield ill("shards", told, f"Set it to {shards}; it cannot be changed afterwards.")
    (row,) = connection.execute("SELECT clock_timestamp()").fetchall()
    connection.commit()
    apart = abs(row[0] - now)
    if apart > timedelta(seconds=5):
        told = f"this machine and the database are {apart.total_seconds():.0f} s apart"
        yield look("clock", told, "Synchronise both with the same time server.")
    else:
        yield well("clock", "agrees with the database's")


def _rules(connection: psycopg.Connection[Any], policy: Policy, now: datetime) -> Iterator[Check]:
    with connection.transaction(), connection.cursor() as cursor:
        directory = load_directory(cursor, directory_revision(cursor))
    held = {
        role: sum(bool(directory.holders(str(role), org.id, now)) for org in directory.orgs(now))
        for role in Role
    }
    people = sum(held.values()) > 0
    findings = check_policy(policy, held=held if people else None)
    if not people:
        yield look("directory", "nobody holds a role", "Import organisations, people and roles.")
    errors = [one for one in findings if one.severity is Severity.ERROR]
    if errors:
        told = f"{len(errors)} errors, the first: {errors[0].place}: {errors[0].message}"
        yield ill("rules", told, "Run `partygrid policy check`; cases could rest.")
    elif findings:
        told = f"{len(findings)} warnings, the first: {findings[0].message}"
        yield look("rules", told, "Run `partygrid policy check`.")
    else:
        yield well("rules", "nothing that would let a case rest")


def _prefect(settings: Settings) -> Check:
    url = settings.prefect_api_url
    if url is None:
        return look("prefect", "not used", "Runs are shown nowhere; the work does not need them.")
    auth = settings.prefect_api_auth
    pair = tuple(auth.get_secret_value().split(":", 1)) if auth else None
    try:
        answer = httpx.get(f"{url}/admin/version", auth=pair, timeout=5)  # type: ignore[arg-type]
        answer.raise_for_status()
    except httpx.HTTPError as fault:
        told = f"{url} does not answer: {type(fault).__name__}"
        return look("prefect", told, "Start it, or correct its address; the work goes on.")
    return well("prefect", f"{answer.json()} answers at {url}")


def _work(standing: Standing) -> Iterator[Check]:
    """Look at what waits and should not."""
    unowned = [line.shard for line in standing.shards if not line.owner]
    if unowned:
        yield look("engines", f"shards {unowned} were never taken", "Start an engine.")
    minute = timedelta(minutes=1)
    for what, waiting, patience, todo in (
        ("timers", standing.timers_due, minute, "Does an engine run? See its log."),
        ("outbox", standing.outbox, minute, "Does an engine run, and the broker take records?"),
        ("digests", standing.digests_due, 5 * minute, "Does the office run? See its log."),
        ("notices", standing.notices, timedelta(hours=1), "Does the office run? See its log."),
    ):
        yield _late(what, waiting, standing.at, patience, todo)
    yield _sealed(standing)
    yield from _restored(standing)
    for what, count, todo in (
        ("dead letters", standing.dead_letters.count, "Look at each: `partygrid dead-letters`."),
        ("parked events", standing.parked.count, "They wait for their case: `partygrid parked`."),
        ("sends", standing.notices_unknown, "Perhaps delivered: a person settles each."),
    ):
        yield look(what, f"{count} wait", todo) if count else well(what, "none wait")


def _restored(standing: Standing) -> Iterator[Check]:
    """Tell what a restore has left to do; nothing where there is nothing."""
    since = standing.catching_up_since
    if since is not None:
        told = f"since {since:%Y-%m-%d %H:%M} UTC what happened after the backup is decided again"
        todo = "Wait; unread records and timers that are due are told above. Notices are held."
        yield look("restore", told, todo)
    if standing.notices_held.count:
        told = f"{standing.notices_held.count} held after the restore"
        yield look("held notices", told, "Release or drop them: `partygrid notices held`.")


def _late(what: str, waiting: Waiting, now: datetime, patience: timedelta, todo: str) -> Check:
    if waiting.since is None or now - waiting.since <= patience:
        return well(what, f"{waiting.count} wait, none too long")
    passed = timedelta(seconds=int((now - waiting.since).total_seconds()))
    return ill(what, f"{waiting.count} wait, the first for {passed}", todo)


def _sealed(standing: Standing) -> Check:
    waiting = standing.unsealed
    told = f"{waiting.count} records after seal {standing.seal}"
    if waiting.since is None or standing.at - waiting.since < _SEAL_LATE:
        return well("seals", told)
    return ill("seals", told, "Does the office run? It seals each minute; see its log.")
