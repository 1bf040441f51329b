"""What was erased, when and at whose word: counts only, so that the record holds nothing itself."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from models.columns import json, moment, uuid_key
from models.table import Table, one_of


class ErasureKind(StrEnum):
    """What was erased."""

    #: the words of one case or village task
    WORDS = "words"
    #: who stands behind one pseudonym
    IDENTITY = "identity"
    #: what was older than the policy keeps it
    RETENTION = "retention"


class Erasures(Table, table=True):
    """One erasure. Append-only, like the audit; it is no act on a case and so stands beside it."""

    __tablename__ = "erasures"
    __table_args__ = (one_of("kind", ErasureKind),)
    id: str = uuid_key()
    kind: str
    #: case, task or pseudonym; empty where the policy's retention erased
    subject: str = ""
    #: the operator who answers for it, or `system:retention`
    erased_by: str
    #: the pack whose retention it was; empty where a person asked
    policy_version: str = ""
    at: datetime = moment()
    #: table → rows
    counts: Any = json("{}")
