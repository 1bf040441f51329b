"""Digests that are due and digests that were sent: one row an issue, which is why none is lost."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, PrimaryKeyConstraint, text

from models.columns import json, moment
from models.table import Table


class Digests(Table, table=True):
    """One issue of a periodic digest for one place."""

    __tablename__ = "digests"
    __table_args__ = (
        PrimaryKeyConstraint("kind", "scope", "period"),
        Index("ix_digests_unsent", "due_at", postgresql_where=text("sent_at is null")),
    )
    #: key of the policy's digests: daily, weekly, ...
    kind: str
    #: code of the place it is about
    scope: str
    #: local time of issue, as people write it
    period: str
    #: what happened from here to `due_at`, half open, is told in it
    from_at: datetime = moment()
    due_at: datetime = moment()
    sent_at: datetime | None = moment(nullable=True)
    #: what was told (`notifications.daily.DailyDigest`), and to how many
    digest: Any = json()
    addressees: int = 0
    policy_version: str = ""
    #: number of the seal in its foot; 0 before the first seal
    seal: int = 0
