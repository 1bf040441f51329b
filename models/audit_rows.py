"""Audit records and seals as rows. Triggers forbid UPDATE, DELETE and TRUNCATE on both."""

from datetime import datetime

from sqlalchemy import Index, PrimaryKeyConstraint
from sqlmodel import Field

from models.columns import big, binary, moment, words
from models.table import Table


class AuditRows(Table, table=True):
    """Who did what, when, in which role and why; chained per shard and per case."""

    __tablename__ = "audit"
    __table_args__ = (
        PrimaryKeyConstraint("shard", "seq"),
        Index("ix_audit_case", "case_id", "case_seq"),
    )
    shard: int
    seq: int = big()
    #: case or village task; empty where it belongs to none
    case_id: str = ""
    case_seq: int = big(default=0)
    algorithm: str
    #: canonical JSON of what was done
    act: str = words()
    #: canonical JSON of how it came to be recorded
    circumstance: str = words()
    prev_hash: bytes = binary()
    case_prev_hash: bytes = binary()
    hash: bytes = binary()


class SealRows(Table, table=True):
    """Signed Merkle roots over ranges of audit records."""

    __tablename__ = "seals"
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    made_at: datetime = moment()
    #: the whole seal as canonical JSON
    seal: str = words()
