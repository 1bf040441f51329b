"""The sends in the database: claiming what is due, and recording what became of it."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlalchemy import Connection, RowMapping, text

from models.notices import AddresseeKind, ChannelName, SendState, SkipReason
from models.policy.reach import NoticeRules
from notifications.channels import Failed, Outcome, Sent
from notifications.notice import NoticeKind
from notifications.rules import next_attempt, quiet_until
from notifications.spreading import Reach, go_on, settle


class Skipped(Struct, frozen=True):
    """Not tried; another channel may be."""

    reason: SkipReason


class Parcel(Struct, frozen=True):
    """What is handed to a channel in one go: a send, or several to one address as a bundle."""

    sends: tuple[RowMapping, ...]

    @property
    def channel(self) -> ChannelName:
        """The channel all its sends share."""
        return ChannelName(self.sends[0]["channel"])


class Claim(Struct, frozen=True, kw_only=True):
    """What one look at the due sends found."""

    parcels: tuple[Parcel, ...]
    skipped: int
    postponed: int

    @property
    def idle(self) -> bool:
        """Whether nothing was due."""
        return not (self.parcels or self.skipped or self.postponed)


def interrupted(connection: Connection, *, now: datetime) -> int:
    """Call UNKNOWN what a sender before us was handing over when it died; return how many."""
    ids = list(connection.execute(_INTERRUPT, {"now": now}).scalars())
    settle(connection, ids, now=now)
    return len(ids)


def claim(
    connection: Connection,
    reach: Reach,
    *,
    zone: ZoneInfo,
    now: datetime,
    look: int,
    take: int,
) -> Claim:
    """Mark at most `take` parcels SENDING, urgent first; postpone or skip what may not go now.

    Runs in the caller's transaction, which must be committed before anything is handed over.
    """
    rows = connection.execute(_DUE, {"now": now, "look": look}).mappings().all()
    skips = {row["id"]: reason for row in rows if (reason := _why_not(row, reach, now=now))}
    for row in rows:
        if row["id"] in skips:
            record(connection, row, Skipped(skips[row["id"]]), reach, now=now)
    open_rows = [row for row in rows if row["id"] not in skips]
    quiet_end = quiet_until(reach.rules, now, zone)
    waiting = [row["id"] for row in open_rows if quiet_end and not row["urgent"]]
    if waiting:
        connection.execute(_POSTPONE, {"ids": waiting, "until": quiet_end, "now": now})
    ready = [row for row in open_rows if row["id"] not in set(waiting)]
    parcels = tuple(_parcels(ready, reach.rules))[:take]
    taken = [
        {"id": send["id"], "address_id": send["address_id"], "now": now}
        for parcel in parcels
        for send in parcel.sends
    ]
    if taken:
        connection.execute(_TAKE, taken)
    return Claim(parcels=parcels, skipped=len(skips), postponed=len(waiting))


def record(
    connection: Connection,
    send: RowMapping,
    outcome: Outcome | Skipped,
    reach: Reach,
    *,
    now: datetime,
) -> SendState:
    """Write down what became of a send, and go on to the next channel where it came to nothing.

    Writes nothing where the send is no longer the one that was claimed.
    """
    again = None
    if isinstance(outcome, Failed) and outcome.retry:
        again = next_attempt(reach.rules, send["attempts"] + 1, now)
    state = _state(outcome, again)
    written = connection.execute(
        _RECORD,
        {
            "id": send["id"],
            "attempts": send["attempts"],
            "state": state,
            "reason": None if isinstance(outcome, Sent) else outcome.reason,
            "next_attempt_at": again,
            "sent_at": now if state is SendState.SENT else None,
            "provider_ref": outcome.provider_ref if isinstance(outcome, Sent) else None,
            "now": now,
        },
    )
    if written.rowcount and state in (SendState.FAILED, SendState.SKIPPED):
        _elsewhere(connection, send, outcome, reach, now=now)
    settle(connection, [send["notice_id"]], now=now)
    return state


def _why_not(row: RowMapping, reach: Reach, *, now: datetime) -> SkipReason | None:
    if row["created_at"] + reach.rules.stale_after < now:
        return SkipReason.STALE
    if row["channel"] not in reach.channels:
        return SkipReason.NO_CHANNEL
    if row["address_id"] is None and row["addressee_kind"] != AddresseeKind.REPORTER:
        return SkipReason.ADDRESS_ENDED
    return None


def _parcels(rows: Sequence[RowMapping], rules: NoticeRules) -> Iterator[Parcel]:
    """Bundle what lies due for one address within the policy's window; keep all else apart.

    A villager cannot sign in to read a bundle, an emergency must not hide in one, and a digest is
    one already.
    """

    def place(row: RowMapping) -> tuple[Any, ...]:
        alone = row["urgent"] or row["address_id"] is None or row["kind"] == NoticeKind.DIGEST_DAILY
        return (not row["urgent"], str(row["id"]) if alone else str(row["address_id"]))

    for _, group in groupby(sorted(rows, key=place), key=place):
        yield from _bundled(sorted(group, key=lambda row: row["next_attempt_at"]), rules)


def _bundled(rows: Sequence[RowMapping], rules: NoticeRules) -> Iterator[Parcel]:
    rest = list(rows)
    while rest:
        until = rest[0]["next_attempt_at"] + rules.bundle_window
        near = [row for row in rest if row["next_attempt_at"] <= until]
        if len(near) >= rules.bundle_from:
            yield Parcel(tuple(near))
        else:
            yield from (Parcel((row,)) for row in near)
        rest = rest[len(near) :]


def _state(outcome: Outcome | Skipped, again: datetime | None) -> SendState:
    match outcome:
        case Sent():
            return SendState.SENT
        case Skipped():
            return SendState.SKIPPED
        case Failed():
            return SendState.PENDING if again else SendState.FAILED
        case _:
            return SendState.UNKNOWN


def _elsewhere(
    connection: Connection,
    send: RowMapping,
    outcome: Outcome | Skipped,
    reach: Reach,
    *,
    now: datetime,
) -> None:
    if isinstance(outcome, Skipped) and outcome.reason in (SkipReason.STALE, SkipReason.ANONYMOUS):
        return
    reporter = send["addressee_kind"] == AddresseeKind.REPORTER
    to = ChannelName.CALL if reporter else None
    go_on(connection, send, reach, to=to, now=now)


def ids(parcel: Parcel) -> list[UUID]:
    """Return the ids of the parcel's sends, sorted: the same bundle has the same list."""
    return sorted(send["id"] for send in parcel.sends)


_DUE = text(
    "select s.id, s.notice_id, s.channel, s.attempts, s.next_attempt_at,"
    " a.id as address_id, a.sealed, coalesce(a.language, s.language) as language,"
    " n.kind, n.urgent, n.discreet, n.case_id, n.case_number, n.addressee_kind, n.addressee,"
    " n.role, n.params, n.dedup_key, n.created_at"
    " from notice_sends s join notices n on n.id = s.notice_id"
    " left join channel_addresses a on a.owner_kind = n.addressee_kind and a.owner = n.addressee"
    " and a.channel = s.channel and a.ended_at is null"
    " where s.state = 'pending' and s.next_attempt_at <= :now"
    " order by n.urgent desc, s.next_attempt_at, s.id limit :look for update of s skip locked"
)
_TAKE = text(
    "update notice_sends set state = 'sending', attempts = attempts + 1, reason = null,"
    " address_id = :address_id, changed_at = :now where id = :id"
)
_POSTPONE = text(
    "update notice_sends set next_attempt_at = :until, reason = 'quiet_hours', changed_at = :now"
    " where id = any(:ids)"
)
# A send is either being skipped as it was read, or was claimed and so counts one attempt more. One
# that another sender took for interrupted may still be told the truth.
_RECORD = text(
    "update notice_sends set state = :state, reason = :reason, changed_at = :now,"
    " next_attempt_at = :next_attempt_at, sent_at = :sent_at, provider_ref = :provider_ref"
    " where id = :id and ((state = 'pending' and attempts = :attempts)"
    " or (attempts = :attempts + 1"
    " and (state = 'sending' or (state = 'unknown' and reason = 'interrupted'))))"
)
_INTERRUPT = text(
    "update notice_sends set state = 'unknown', reason = 'interrupted', changed_at = :now"
    " where state = 'sending' returning notice_id"
)
