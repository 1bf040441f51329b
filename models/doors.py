"""What the HTTP doors know: the apps' tokens, and which app brought which evidence."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, PrimaryKeyConstraint
from sqlmodel import Field

from models.columns import binary, json, moment
from models.table import Table


class AppTokens(Table, table=True):
    """Tokens of apps. The secret itself is nowhere: only its hash."""

    __tablename__ = "app_tokens"
    __table_args__ = (Index("ix_app_tokens_source", "source"),)
    #: stands in front of the secret, so that a token can be named without knowing it
    id: str = Field(primary_key=True)
    secret_hash: bytes = binary()
    #: CloudEvents source of the app
    source: str
    #: what it is for, in the operator's words
    name: str
    doors: Any = json("[]")
    event_types: Any = json("[]")
    territories: Any = json("[]")
    roles: Any = json("[]")
    restricted: bool = False
    issued_at: datetime = moment()
    expires_at: datetime = moment()
    revoked_at: datetime | None = moment(nullable=True)


class EvidenceFiles(Table, table=True):
    """Evidence that came through a door, by the app that brought it."""

    __tablename__ = "evidence_files"
    __table_args__ = (PrimaryKeyConstraint("digest", "source"),)
    digest: str
    source: str
    kind: str
    size: int
    kept_at: datetime = moment()
