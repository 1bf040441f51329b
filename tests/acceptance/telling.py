"""Telling a running installation something, as its own commands do: through the outbox."""

from datetime import UTC, datetime
from pathlib import Path

from events.admission import ENGINE_KEY, ENGINE_SOURCE
from events.contract.directory import OrgSet
from events.outbox import keep, vouched
from events.outgoing_event import directory_event
from models.policy.people import OrgKind
from partygrid import bootstrap

COUNTY = "330281"
SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def tell_organisation(url: str, home: Path, code: str, kind: OrgKind, *, parent: str = "") -> None:
    """Enter an organisation into the directory; two shards."""
    data = OrgSet(org=code, kind=kind, name=str(kind), parent=parent, code=code, valid_from=SINCE)
    own_key = (home / "secrets" / "own.key").read_bytes()
    now = datetime.now(UTC)
    said = directory_event(data, county=COUNTY, source=ENGINE_SOURCE, at=now).event(ENGINE_KEY)
    with bootstrap.connected(url) as connection, connection.cursor() as cursor:
        keep(cursor, [vouched(said, own_key)], partitions=2, now=now)
        connection.commit()


def organisations(url: str) -> set[str]:
    """Return the codes that the directory holds."""
    with bootstrap.connected(url) as connection:
        return {row[0] for row in connection.execute("SELECT code FROM orgs").fetchall()}
