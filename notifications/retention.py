"""Forgetting notices whose time is over."""

from datetime import datetime

from sqlalchemy import Connection, text


def forget(connection: Connection, *, before: datetime, limit: int) -> int:
    """Delete at most `limit` settled notices made before an instant, with all about them.

    The audit keeps that a decision told somebody; what was said need not be kept longer than the
    policy's `retention.notice_text`. Returns how many went; fewer than `limit` means that is all.
    """
    ids = list(connection.execute(_OLD, {"before": before, "limit": limit}).scalars())
    for statement in (_FORGET_READS, _FORGET_SENDS, _FORGET_NOTICES):
        connection.execute(statement, {"ids": ids})
    return len(ids)


_OLD = text(
    "select id from notices where settled_at is not null and created_at < :before"
    " order by created_at limit :limit for update skip locked"
)
_FORGET_READS = text("delete from notice_reads where notice_id = any(:ids)")
_FORGET_SENDS = text("delete from notice_sends where notice_id = any(:ids)")
_FORGET_NOTICES = text("delete from notices where id = any(:ids)")
