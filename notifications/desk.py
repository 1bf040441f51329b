"""What people do about sends: telephone, settle what is unknown, let go what was held."""

from datetime import datetime
from uuid import UUID, uuid4

from msgspec import Struct
from sqlalchemy import Connection, TextClause, text

from notifications.spreading import settle
from partygrid.errors import Refused


class NotWaiting(Refused):
    """This send does not wait for a person (any more)."""


class Trouble(Struct, frozen=True, kw_only=True):
    """One send that a person should look at. Shows no address and no text."""

    send_id: UUID
    notice_id: UUID
    case_number: str | None
    kind: str
    urgent: bool
    addressee_kind: str
    addressee: str | None
    role: str | None
    org: str | None
    channel: str | None
    state: str
    reason: str | None
    attempts: int
    changed_at: datetime


def troubles(connection: Connection, *, township: str | None, limit: int) -> list[Trouble]:
    """Return what did not arrive, or perhaps not: unknown, failed, nobody, no address.

    Newest first; of one township, or of all. A notice that another channel delivered is no trouble.
    """
    rows = connection.execute(_TROUBLES, {"township": township, "limit": limit})
    return [Trouble(**row) for row in rows.mappings()]


def calls_to_make(connection: Connection, *, township: str, limit: int) -> list[UUID]:
    """Return the sends that wait for a telephone call, oldest first."""
    return list(connection.execute(_CALLS, {"township": township, "limit": limit}).scalars().all())


def record_call(connection: Connection, send_id: UUID, *, reached: bool, now: datetime) -> None:
    """Write down that a person telephoned. Raises `NotWaiting`."""
    _answer(connection, _CALLED, send_id, now=now, reached=reached)


def settle_unknown(connection: Connection, send_id: UUID, *, arrived: bool, now: datetime) -> None:
    """Write down what a person found out: it arrived, or it is to be sent again.

    Raises `NotWaiting`.
    """
    _answer(connection, _FOUND_OUT, send_id, now=now, arrived=arrived)


def hold_back(connection: Connection, *, until: datetime, now: datetime) -> int:
    """After a restore, keep back all that is unsettled or will be made up to `until`.

    People may have been told already, by sends the backup does not know. Returns how many notices
    are held at once.
    """
    connection.execute(_PLACE_HOLD, {"id": uuid4(), "until": until, "now": now})
    held = connection.execute(_HOLD_NOTICES, {"until": until, "now": now}).scalars().all()
    connection.execute(_HOLD_SENDS, {"until": until, "now": now})
    return len(held)


def release(connection: Connection, *, now: datetime, drop: bool) -> int:
    """End every hold: send what was held, or with `drop` leave it unsent. Returns how many."""
    connection.execute(_END_HOLDS, {"now": now})
    if drop:
        connection.execute(_EXPLAIN_DROPS, {"now": now})
    sends = connection.execute(_DROP_SENDS if drop else _RELEASE_SENDS, {"now": now})
    notices = connection.execute(_DROP_NOTICES if drop else _RELEASE_NOTICES, {"now": now})
    ids = {*sends.scalars(), *notices.scalars()}
    settle(connection, sorted(ids), now=now)
    return len(ids)


def _answer(
    connection: Connection, statement: TextClause, send_id: UUID, *, now: datetime, **found: bool
) -> None:
    notice = connection.scalar(statement, {"id": send_id, "now": now, **found})
    if notice is None:
        raise NotWaiting(send_id=send_id)
    settle(connection, [notice], now=now)


_TROUBLES = text(
    "select s.id as send_id, s.notice_id, n.case_number, n.kind, n.urgent, n.addressee_kind,"
    " n.addressee, n.role, n.org, s.channel, s.state, s.reason, s.attempts, s.changed_at"
    " from notice_sends s join notices n on n.id = s.notice_id"
    " where (s.state in ('unknown', 'failed')"
    " or (s.state = 'skipped' and s.reason in ('role_held_by_nobody', 'no_address')))"
    " and (cast(:township as text) is null or n.township = :township)"
    " and not exists (select from notice_sends o"
    " where o.notice_id = s.notice_id and o.state = 'sent')"
    " order by s.changed_at desc, s.id limit :limit"
)
_CALLS = text(
    "select s.id from notice_sends s join notices n on n.id = s.notice_id"
    " where s.channel = 'call' and s.state = 'pending' and n.township = :township"
    " order by n.created_at, s.id limit :limit"
)
_CALLED = text(
    "update notice_sends set attempts = attempts + 1, changed_at = :now,"
    " state = case when :reached then 'sent' else 'failed' end,"
    " reason = case when :reached then null else 'not_reached' end,"
    " sent_at = case when :reached then cast(:now as timestamptz) end"
    " where id = :id and channel = 'call' and state = 'pending' returning notice_id"
)
_FOUND_OUT = text(
    "update notice_sends set changed_at = :now, reason = 'settled_by_person',"
    " state = case when :arrived then 'sent' else 'pending' end,"
    " sent_at = case when :arrived then cast(:now as timestamptz) end,"
    " next_attempt_at = case when :arrived then null else cast(:now as timestamptz) end"
    " where id = :id and state = 'unknown' returning notice_id"
)
_PLACE_HOLD = text("insert into notice_holds (id, until, placed_at) values (:id, :until, :now)")
_HOLD_NOTICES = text(
    "update notices set held_at = :now where settled_at is null and held_at is null"
    " and created_at <= :until returning id"
)
_HOLD_SENDS = text(
    "update notice_sends s set state = 'held', changed_at = :now from notices n"
    " where n.id = s.notice_id and n.created_at <= :until and s.state = 'pending'"
)
_END_HOLDS = text("update notice_holds set released_at = :now where released_at is null")
_RELEASE_SENDS = text(
    "update notice_sends set state = 'pending', changed_at = :now where state = 'held'"
    " returning notice_id"
)
_DROP_SENDS = text(
    "update notice_sends set state = 'skipped', reason = 'dropped_after_restore',"
    " changed_at = :now where state = 'held' returning notice_id"
)
_RELEASE_NOTICES = text("update notices set held_at = null where held_at is not null returning id")
_EXPLAIN_DROPS = text(
    "insert into notice_sends (id, notice_id, language, state, reason, attempts, changed_at)"
    " select gen_random_uuid(), id, 'zh', 'skipped', 'dropped_after_restore', 0, :now"
    " from notices where held_at is not null and spread_at is null"
)
_DROP_NOTICES = text(
    "update notices set spread_at = coalesce(spread_at, :now), held_at = null"
    " where held_at is not null returning id"
)
