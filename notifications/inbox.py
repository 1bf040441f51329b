"""The inbox: a person's notices and those of the organisations whose inbox that person reads."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Connection, text

from notifications.notice import Notice
from notifications.posted import notice_of


class Reader(Struct, frozen=True):
    """Who reads, and the organisations whose inbox comes with that person's roles."""

    person: str
    orgs: tuple[str, ...] = ()


class InboxNotice(Struct, frozen=True, kw_only=True):
    """One line of the inbox. `role` is the one it was addressed to, where it was.

    A `discreet` notice is rendered without its content. Whoever has checked that the reader still
    belongs to the case's circle may render a copy with `discreet=False`.
    """

    id: UUID
    notice: Notice
    role: str | None
    org: str | None
    created_at: datetime
    read_at: datetime | None


def inbox(
    connection: Connection,
    reader: Reader,
    *,
    limit: int,
    before: tuple[datetime, UUID] | None = None,
    unread_only: bool = False,
) -> list[InboxNotice]:
    """Return the newest notices first; `before` is (created_at, id) of the last line seen."""
    moment, last = before or (None, None)
    rows = connection.execute(
        _INBOX,
        {
            **_who(reader),
            "limit": limit,
            "moment": moment,
            "last": last,
            "unread_only": unread_only,
        },
    )
    return [
        InboxNotice(
            id=row["id"],
            notice=notice_of(row),
            role=row["role"],
            org=row["org"],
            created_at=row["created_at"],
            read_at=row["read_at"],
        )
        for row in rows.mappings()
    ]


def unread(connection: Connection, reader: Reader) -> int:
    """Count what the reader has not opened yet."""
    count: int = connection.execute(_UNREAD, _who(reader)).scalar_one()
    return count


def mark_read(
    connection: Connection, reader: Reader, notices: Iterable[UUID], *, now: datetime
) -> int:
    """Note that the reader opened them; return how many were new. Others' notices stay as is."""
    new = connection.execute(_READ, {**_who(reader), "ids": list(notices), "now": now})
    return len(new.scalars().all())


def _who(reader: Reader) -> dict[str, object]:
    return {"person": reader.person, "orgs": list(reader.orgs)}


_INBOX = text(
    "select n.*, r.read_at from notices n"
    " left join notice_reads r on r.notice_id = n.id and r.person_id = :person"
    " where ((n.addressee_kind = 'person' and n.addressee = :person)"
    " or (n.addressee_kind = 'org' and n.addressee = any(:orgs)))"
    " and n.repeat_of is null"
    " and (cast(:moment as timestamptz) is null or (n.created_at, n.id) < (:moment, :last))"
    " and not (:unread_only and r.read_at is not null)"
    " order by n.created_at desc, n.id desc limit :limit"
)
_UNREAD = text(
    "select count(*) from notices n"
    " where ((n.addressee_kind = 'person' and n.addressee = :person)"
    " or (n.addressee_kind = 'org' and n.addressee = any(:orgs)))"
    " and n.repeat_of is null and not exists (select from notice_reads r"
    " where r.notice_id = n.id and r.person_id = :person)"
)
_READ = text(
    "insert into notice_reads (notice_id, person_id, read_at)"
    " select n.id, cast(:person as text), :now from notices n where n.id = any(:ids)"
    " and ((n.addressee_kind = 'person' and n.addressee = :person)"
    " or (n.addressee_kind = 'org' and n.addressee = any(:orgs)))"
    " on conflict do nothing returning notice_id"
)
