"""From a notice to its sends: which channels it takes, and why it takes none."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Connection, RowMapping, text

from models.notices import AddresseeKind, ChannelName, SendState, SkipReason
from models.policy.reach import NoticeRules
from models.values import derived_id
from notifications.addresses import Address, Owner, addresses_of
from notifications.rules import next_channel, repeat_window, route
from notifications.wording import Language

Addresses = Mapping[ChannelName, Address]


class Reach(Struct, frozen=True, kw_only=True):
    """What the policy wants, and which channels this installation has."""

    rules: NoticeRules
    channels: frozenset[ChannelName]


def spread(connection: Connection, reach: Reach, *, now: datetime, limit: int) -> int:
    """Make the sends of the oldest notices that have none yet; return how many notices.

    Runs in the caller's transaction. Notices up to the instant of an open hold are held instead.
    """
    hold_new(connection, now=now)
    notices = connection.execute(_UNSPREAD, {"limit": limit}).mappings().all()
    book = addresses_of(connection, _owners(notices))
    for notice in notices:
        repeated = _repeated(connection, notice, reach.rules)
        sends = [_skipped(SkipReason.REPEAT)] if repeated else _plan(notice, book, reach, now)
        _insert(connection, notice["id"], sends, now=now)
        connection.execute(_SPREAD, {"id": notice["id"], "now": now, "repeat_of": repeated})
    settle(connection, [notice["id"] for notice in notices], now=now)
    return len(notices)


def hold_new(connection: Connection, *, now: datetime) -> None:
    """Hold what was made since, up to the instant of an open hold."""
    connection.execute(_HOLD, {"now": now})


def go_on(
    connection: Connection,
    notice: RowMapping,
    reach: Reach,
    *,
    to: ChannelName | None,
    now: datetime,
) -> None:
    """Try the next channel after one has come to nothing; `to` names it, None: as policy orders.

    Says nothing where the notice already went everywhere at once.
    """
    tried = [row.channel for row in connection.execute(_TRIED, {"notice_id": notice["notice_id"]})]
    if to is None:
        owner = Owner(AddresseeKind(notice["addressee_kind"]), notice["addressee"])
        addresses = addresses_of(connection, [owner]).get(owner, {})
        to = next_channel(
            reach.rules, _reachable(addresses, reach.channels), role=notice["role"], tried=tried
        )
    if to is not None and to not in tried:
        _insert(connection, notice["notice_id"], [_pending(to, now)], now=now)


def settle(connection: Connection, notices: Iterable[UUID], *, now: datetime) -> None:
    """Mark the notices of which no send is under way any more."""
    connection.execute(_SETTLE, {"ids": list(notices), "now": now})


def _owners(notices: Sequence[RowMapping]) -> list[Owner]:
    reached = (AddresseeKind.PERSON, AddresseeKind.ORG)
    return [
        Owner(AddresseeKind(notice["addressee_kind"]), notice["addressee"])
        for notice in notices
        if notice["addressee_kind"] in reached
    ]


def _repeated(connection: Connection, notice: RowMapping, rules: NoticeRules) -> UUID | None:
    """Return the earlier notice that said the same to the same addressee, within the window.

    A repeat does not count as said: what goes on and on is said once in every window.
    """
    since = notice["created_at"] - repeat_window(rules, notice["kind"])
    found: UUID | None = connection.scalar(_SAID, {**notice, "since": since})
    return found


def _plan(
    notice: RowMapping, book: Mapping[Owner, Addresses], reach: Reach, now: datetime
) -> list[dict[str, object]]:
    kind = AddresseeKind(notice["addressee_kind"])
    if kind is AddresseeKind.NOBODY:
        return [_skipped(SkipReason.NOBODY)]
    if kind is AddresseeKind.REPORTER:
        sms = ChannelName.SMS
        return [_pending(sms if sms in reach.channels else ChannelName.CALL, now)]
    addresses = book.get(Owner(kind, notice["addressee"]), {})
    if not addresses:
        return [_skipped(SkipReason.NO_ADDRESS)]
    chosen = route(
        reach.rules,
        _reachable(addresses, reach.channels),
        role=notice["role"],
        urgent=notice["urgent"],
    )
    if not chosen.now:
        return [_skipped(SkipReason.NO_CHANNEL)]
    return [
        *(_pending(channel, now, addresses[channel]) for channel in chosen.now),
        *(_skipped(SkipReason.PREFERS_OTHER, channel) for channel in chosen.passed),
    ]


def _reachable(
    addresses: Addresses, channels: Collection[ChannelName]
) -> Mapping[ChannelName, bool]:
    return {
        channel: address.preferred for channel, address in addresses.items() if channel in channels
    }


def _pending(
    channel: ChannelName, now: datetime, address: Address | None = None
) -> dict[str, object]:
    """Make a send; a call-back has no next attempt: a person makes it."""
    return {
        "channel": channel,
        "language": address.language if address else Language.ZH,
        "state": SendState.PENDING,
        "reason": None,
        "next_attempt_at": None if channel is ChannelName.CALL else now,
    }


def _skipped(reason: SkipReason, channel: ChannelName | None = None) -> dict[str, object]:
    return {
        "channel": channel,
        "language": Language.ZH,
        "state": SendState.SKIPPED,
        "reason": reason,
        "next_attempt_at": None,
    }


def _insert(
    connection: Connection, notice: UUID, sends: Sequence[dict[str, object]], *, now: datetime
) -> None:
    """Write the sends; one that was only passed over becomes pending when its turn comes."""
    rows = [
        {
            **send,
            "id": derived_id("send", str(notice), str(send["channel"] or "")),
            "notice_id": notice,
            "now": now,
        }
        for send in sends
    ]
    connection.execute(_INSERT, rows)


_HOLD = text(
    "update notices set held_at = :now where spread_at is null and held_at is null and created_at"
    " <= (select max(until) from notice_holds where released_at is null)"
)
_UNSPREAD = text(
    "select id, kind, urgent, addressee_kind, addressee, role, dedup_key, created_at from notices"
    " where spread_at is null and held_at is null"
    " order by created_at, id limit :limit for update skip locked"
)
_SAID = text(
    "select id from notices where dedup_key = :dedup_key and addressee = :addressee"
    " and addressee_kind = :addressee_kind and repeat_of is null"
    " and created_at > :since and (created_at, id) < (:created_at, :id)"
    " order by created_at desc, id desc limit 1"
)
_SPREAD = text("update notices set spread_at = :now, repeat_of = :repeat_of where id = :id")
_TRIED = text(
    "select channel from notice_sends where notice_id = :notice_id and channel is not null"
    " and not (state = 'skipped' and reason = 'prefers_other_channel')"
)
_INSERT = text(
    "insert into notice_sends"
    " (id, notice_id, channel, language, state, reason, attempts, next_attempt_at, changed_at)"
    " values (:id, :notice_id, :channel, :language, :state, :reason, 0, :next_attempt_at, :now)"
    " on conflict (id) do update set state = excluded.state, reason = excluded.reason,"
    " next_attempt_at = excluded.next_attempt_at, changed_at = excluded.changed_at"
    " where notice_sends.state = 'skipped' and excluded.state = 'pending'"
)
_SETTLE = text(
    "update notices n set settled_at = :now where n.id = any(:ids) and n.settled_at is null"
    " and not exists (select from notice_sends s where s.notice_id = n.id"
    " and s.state in ('pending', 'sending', 'held'))"
)
