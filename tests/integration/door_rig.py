"""The doors of a small county on a real database, asked as an app asks them."""

import asyncio
import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
from fastapi import FastAPI
from sqlalchemy import Engine, create_engine
from sqlmodel import Session

from events.codec import attributes_of, data_of, encode, type_name
from events.contract.envelope import Acting, Event, Payload
from events.contract.reports import ReportFiled, ReportSource
from events.evidence import EvidenceStore
from events.signing import sign_event
from models.directory import App, Org, Person, RoleHeld, Spell
from models.directory_store import lock_directory, save_entries
from models.keys import SigningKey
from models.policy.load import default_pack_folder, load_policy
from models.policy.reach import EvidenceKind, EvidenceLimits
from models.policy.schema import Policy
from models.table import Table
from models.tokens import Door, issue_token
from models.vault import Vault
from partygrid.bootstrap import connect
from partygrid.clock import Clock, SetClock
from web.door import Installation, create_app

NOON = datetime(2026, 3, 10, 4, tzinfo=UTC)
SINCE = datetime(2024, 1, 1, tzinfo=UTC)
EXPIRY = datetime(2100, 1, 1, tzinfo=UTC)
COUNTY, TOWNSHIP, VILLAGE = "330281", "330281101", "330281101201"
GRID = f"{VILLAGE}001"
PARTITIONS = 4
OWN_KEY, VAULT_KEY = b"o" * 32, b"v" * 32
KEY = SigningKey.generate()
SOURCE, SIGNING_SOURCE = "app/page", "app/branch-1"
ACTING = Acting(actor="p-1", role="grid_member", org=GRID)
REPORT = ReportFiled(grid=GRID, source=ReportSource.GRID_MEMBER, title="路灯不亮")
LIMITS = EvidenceLimits(
    kinds=frozenset(EvidenceKind),
    picture_bytes=200_000,
    document_bytes=50_000,
    picture_pixels=500_000,
    picture_side=400,
)
_DEFAULT = load_policy(default_pack_folder())
#: The default pack, with evidence small enough to bring more, and patience with what fails.
POLICY = _DEFAULT.model_copy(
    update={
        "limits": _DEFAULT.limits.model_copy(
            update={"evidence": LIMITS, "failures_a_minute": 100_000}
        )
    }
)
DOORS = (Door.EVENTS, Door.EVIDENCE, Door.IDENTITIES)

Json = dict[str, Any]


def entries() -> list[Spell]:
    """Return the county: one grid, its member, and an app that signs."""
    places = (
        (COUNTY, "county", ""),
        (TOWNSHIP, "township", COUNTY),
        (VILLAGE, "village", TOWNSHIP),
        (GRID, "grid", VILLAGE),
    )
    orgs = [
        Org(id=code, kind=kind, name=kind, parent=parent, code=code, valid_from=SINCE)
        for code, kind, parent in places
    ]
    app = App(
        source=SIGNING_SOURCE,
        key_id=KEY.key_id,
        name="支部应用",
        public_key=base64.b64encode(KEY.public.raw).decode(),
        territories=(TOWNSHIP,),
        event_types=("grid.report.*",),
        valid_from=SINCE,
    )
    member = [
        Person(id=ACTING.actor, grid=GRID, valid_from=SINCE),
        RoleHeld(person=ACTING.actor, role=ACTING.role, org=GRID, valid_from=SINCE),
    ]
    return [*orgs, *member, app]


class DoorRig:
    """The application, its database, and an app with a token."""

    def __init__(
        self, app: FastAPI, pool: Engine, db: psycopg.Connection[Any], *, clock: SetClock
    ) -> None:
        self.app, self.pool, self.db, self.clock = app, pool, db, clock
        self._loop = asyncio.Runner()
        self.token = self.issue()

    def begin_anew(self) -> None:
        """Forget what earlier tests left, but not the directory."""
        self.db.execute("TRUNCATE outbox, journal, outcomes, cases, app_tokens, identities")
        self.clock.instant = NOON
        self.token = self.issue()

    def issue(self, **changes: Any) -> str:
        """Issue a token and return its text."""
        given: Json = {
            "source": SOURCE,
            "name": "举报页面",
            "doors": DOORS,
            "event_types": ("grid.report.*",),
            "territories": (COUNTY,),
            "roles": ("grid_*", "villager"),
            "expires_at": EXPIRY,
        }
        with self.db.cursor() as cursor:
            return issue_token(cursor, now=SINCE, **{**given, **changes}).text

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return what the database says."""
        return self.db.execute(query.encode(), values).fetchall()

    def add(self, row: Table) -> None:
        """Put a row into the database."""
        with Session(self.pool) as session:
            session.add(row)
            session.commit()

    def outbox(self) -> list[tuple[Any, ...]]:
        """Return the outbox: shard, topic, key, source, event id."""
        return self.rows("SELECT shard, topic, key, source, event_id FROM outbox ORDER BY id")

    def ask(self, method: str, path: str, *, token: str | None = "", **more: Any) -> httpx.Response:
        """Ask something as the app; `token` None: without one."""
        headers = dict(more.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token or self.token}"
        return self._loop.run(self._ask(method, path, headers=headers, **more))

    async def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
            return await client.request(method, path, **more)

    def at_once(self, body: Any, *, kind: str, times: int) -> list[httpx.Response]:
        """Post the same body several times at the same moment."""
        headers = {"Content-Type": kind, "Authorization": f"Bearer {self.token}"}
        content = json.dumps(body).encode()

        async def all_of_them() -> list[httpx.Response]:
            asked = (
                self._ask("POST", "/events", content=content, headers=headers) for _ in range(times)
            )
            return await asyncio.gather(*asked)

        return self._loop.run(all_of_them())

    def close(self) -> None:
        """End the loop."""
        self._loop.close()

    def post(
        self, body: Any, *, kind: str = "application/cloudevents+json", **more: Any
    ) -> httpx.Response:
        """Post events in structured mode, or a batch."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": kind, **more.pop("headers", {})}
        return self.ask("POST", "/events", content=content, headers=headers, **more)


@contextmanager
def door_rig(
    database_url: str,
    folder: Path,
    *,
    policy: Policy = POLICY,
    pool: Engine | None = None,
    own_key: bytes = OWN_KEY,
    partitions: int = PARTITIONS,
    clock: Clock | None = None,
) -> Iterator[DoorRig]:
    """Give the doors on a fresh database, with the county in the directory."""
    db = connect(database_url, autocommit=True)
    with db.transaction(), db.cursor() as cursor:
        first = lock_directory(cursor) + 1
        save_entries(cursor, list(enumerate(entries(), first)), recorded_at=SINCE)
    pool = pool or create_engine(database_url, pool_size=5, max_overflow=0, pool_pre_ping=True)
    at_noon = SetClock(NOON)
    app = create_app(
        Installation(
            pool=pool,
            policy=policy,
            own_key=own_key,
            partitions=partitions,
            vault=Vault(VAULT_KEY),
            evidence=EvidenceStore(folder / "evidence"),
            clock=clock or at_noon,
            within=timedelta(seconds=0.5),
        )
    )
    rig = DoorRig(app, pool, db, clock=at_noon)
    try:
        yield rig
    finally:
        rig.close()
        pool.dispose()
        db.close()


def told(payload: Payload = REPORT, event_id: str = "e1", **changes: Any) -> Json:
    """Return an event in structured mode, as an app with a token writes it."""
    every = {
        "specversion": "1.0",
        "id": event_id,
        "type": type_name(payload),
        "time": NOON.isoformat(),
        "township": TOWNSHIP,
        "actor": ACTING.actor,
        "actingrole": ACTING.role,
        "actingorg": ACTING.org,
        "data": json.loads(data_of(payload)),
        **changes,
    }
    return {name: value for name, value in every.items() if value is not None}


def signed(
    payload: Payload = REPORT, event_id: str = "s1", *, key: SigningKey = KEY, **fields: Any
) -> Json:
    """Return an event in structured mode, signed by the branch's app; `changed` comes after."""
    changed = fields.pop("changed", {})
    given: Json = {
        "id": event_id,
        "source": SIGNING_SOURCE,
        "type": type_name(payload),
        "time": NOON,
        "township": TOWNSHIP,
        "acting": ACTING,
        "data": payload,
        "key_id": key.key_id,
        "sequence": 7,
        **fields,
    }
    event = Event(**given)
    attributes = attributes_of(event)
    signature = sign_event(key, attributes, data_of(payload))
    return {
        **attributes,
        "signature": signature,
        "data": json.loads(encode(event).value),
        **changed,
    }
