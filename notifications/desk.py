"""What people do about sends: telephone, settle what is unknown. See `notifications.holding`."""

from datetime import datetime
from uuid import UUID

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
