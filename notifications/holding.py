"""After a restore: keeping back what people may have been told already, and letting it go.

A backup does not know what was sent after it was made. What was unsettled in it, and what is
decided again from the log, waits until an operator releases or drops it.
"""

from datetime import datetime
from uuid import UUID, uuid4

from msgspec import Struct
from sqlalchemy import Connection, text

from notifications.spreading import hold_new, settle


class Which(Struct, frozen=True, kw_only=True):
    """Some of the held notices; a field that is not set leaves none out."""

    made_before: datetime | None = None
    kind: str | None = None
    case_number: str | None = None


class Held(Struct, frozen=True, kw_only=True):
    """One notice that is kept back. Shows no address and no text."""

    notice_id: UUID
    case_number: str | None
    kind: str
    urgent: bool
    #: about a marked case
    discreet: bool
    addressee_kind: str
    addressee: str | None
    role: str | None
    org: str | None
    created_at: datetime


def hold_back(connection: Connection, *, until: datetime, now: datetime) -> int:
    """After a restore, keep back all that is unsettled or will be made up to `until`.

    People may have been told already, by sends the backup does not know. Returns how many notices
    are held at once.
    """
    connection.execute(_PLACE_HOLD, {"id": uuid4(), "until": until, "now": now})
    held = connection.execute(_HOLD_NOTICES, {"until": until, "now": now}).scalars().all()
    connection.execute(_HOLD_SENDS, {"until": until, "now": now})
    return len(held)


def end_open(connection: Connection, *, open_end: datetime, now: datetime) -> None:
    """Let an open hold end now: what was made before stays held, later notices go out at once."""
    connection.execute(_END_OPEN, {"open_end": open_end, "now": now})
    hold_new(connection, now=now)


def list_held(connection: Connection, which: Which, *, limit: int) -> list[Held]:
    """Return what is held, urgent first, then in the order it was made."""
    rows = connection.execute(_LIST, {**_chosen(which), "limit": limit})
    return [Held(**row) for row in rows.mappings()]


def count_held(connection: Connection, which: Which) -> int:
    """Return how many notices are held."""
    return int(connection.scalar(_COUNT, _chosen(which)) or 0)


def release(
    connection: Connection, *, now: datetime, drop: bool, which: Which | None = None
) -> int:
    """Send what was held, or with `drop` leave it unsent. Returns how many notices.

    Holds end with it: what is made from now on goes out at once. What is not chosen stays held.
    """
    hold_new(connection, now=now)
    connection.execute(_END_HOLDS, {"now": now})
    chosen = connection.execute(_CHOOSE, _chosen(which or Which())).scalars().all()
    values = {"now": now, "ids": list(chosen)}
    if drop:
        connection.execute(_EXPLAIN_DROPS, values)
    connection.execute(_DROP_SENDS if drop else _RELEASE_SENDS, values)
    connection.execute(_DROP_NOTICES if drop else _RELEASE_NOTICES, values)
    settle(connection, sorted(chosen), now=now)
    return len(chosen)


def _chosen(which: Which) -> dict[str, object]:
    return {
        "made_before": which.made_before,
        "kind": which.kind,
        "case_number": which.case_number,
    }


_WHICH = (
    " held_at is not null"
    " and (cast(:made_before as timestamptz) is null or created_at < :made_before)"
    " and (cast(:kind as text) is null or kind = :kind)"
    " and (cast(:case_number as text) is null or case_number = :case_number)"
)
_LIST = text(
    "select id as notice_id, case_number, kind, urgent, discreet, addressee_kind, addressee, role,"  # noqa: S608 - our own clause
    f" org, created_at from notices where {_WHICH}"
    " order by urgent desc, created_at, id limit :limit"
)
_COUNT = text(f"select count(*) from notices where {_WHICH}")  # noqa: S608 - our own clause
_CHOOSE = text(f"select id from notices where {_WHICH} for update")  # noqa: S608 - our own clause
_PLACE_HOLD = text("insert into notice_holds (id, until, placed_at) values (:id, :until, :now)")
_HOLD_NOTICES = text(
    "update notices set held_at = :now where settled_at is null and held_at is null"
    " and created_at <= :until returning id"
)
_HOLD_SENDS = text(
    "update notice_sends s set state = 'held', changed_at = :now from notices n"
    " where n.id = s.notice_id and n.created_at <= :until and s.state = 'pending'"
)
_END_OPEN = text(
    "update notice_holds set until = :now where released_at is null and until = :open_end"
)
_END_HOLDS = text("update notice_holds set released_at = :now where released_at is null")
_RELEASE_SENDS = text(
    "update notice_sends set state = 'pending', changed_at = :now"
    " where state = 'held' and notice_id = any(:ids)"
)
_DROP_SENDS = text(
    "update notice_sends set state = 'skipped', reason = 'dropped_after_restore',"
    " changed_at = :now where state = 'held' and notice_id = any(:ids)"
)
_RELEASE_NOTICES = text("update notices set held_at = null where id = any(:ids)")
_EXPLAIN_DROPS = text(
    "insert into notice_sends (id, notice_id, language, state, reason, attempts, changed_at)"
    " select gen_random_uuid(), id, 'zh', 'skipped', 'dropped_after_restore', 0, :now"
    " from notices where id = any(:ids) and spread_at is null"
)
_DROP_NOTICES = text(
    "update notices set spread_at = coalesce(spread_at, :now), held_at = null where id = any(:ids)"
)
