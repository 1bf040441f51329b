"""Notices, what became of each on every channel, who read it, and where people are reached."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from models.table import Table, one_of


class AddresseeKind(StrEnum):
    """Who one row of `notices` is for."""

    #: a person, who has an inbox
    PERSON = "person"
    #: an organisation, whose inbox its role holders read
    ORG = "org"
    #: a villager known only to the vault
    REPORTER = "reporter"
    #: a role that nobody holds, up to the root and the duty owner
    NOBODY = "nobody"


class ChannelName(StrEnum):
    """How a notice leaves the system. The inbox is not among them: it is the notices themselves."""

    #: mail, mostly for offices
    MAIL = "mail"
    #: short message through the county's gateway
    SMS = "sms"
    #: WeCom, DingTalk, Feishu or a webhook
    CHAT = "chat"
    #: a person telephones and records it; the sender never touches it
    CALL = "call"


class SendState(StrEnum):
    """What became of one notice on one channel."""

    #: to be sent when `next_attempt_at` comes; for a call-back, when a person calls
    PENDING = "pending"
    #: handed to the channel; found so after a crash it becomes UNKNOWN
    SENDING = "sending"
    #: the channel took it
    SENT = "sent"
    #: refused for good, or tried often enough
    FAILED = "failed"
    #: never tried, `reason` says why
    SKIPPED = "skipped"
    #: perhaps delivered; never sent again by itself, shown to an operator
    UNKNOWN = "unknown"
    #: kept back after a restore until an operator releases or drops it
    HELD = "held"


class SkipReason(StrEnum):
    """Why a notice was not sent, or not yet (`reason` of a send that is SKIPPED or PENDING)."""

    #: it is night where the addressee lives; stays PENDING
    QUIET_HOURS = "quiet_hours"
    #: nothing but the inbox is known for the addressee
    NO_ADDRESS = "no_address"
    #: the same was said within the repeat window
    REPEAT = "repeat"
    #: the person asked for another channel
    PREFERS_OTHER = "prefers_other_channel"
    #: nobody holds the role
    NOBODY = "role_held_by_nobody"
    #: the vault holds no way to reach this reporter
    ANONYMOUS = "anonymous"
    #: no such channel runs in this installation
    NO_CHANNEL = "channel_not_configured"
    #: the address ended between spreading and sending
    ADDRESS_ENDED = "address_ended"
    #: older than the policy finds worth sending
    STALE = "stale"
    #: the reporter has no phone for messages: a person calls
    CALLED_INSTEAD = "called_instead"
    #: an operator dropped it after a restore
    DROPPED = "dropped_after_restore"


class Notices(Table, table=True):
    """One notice to one addressee. Written by the engine with the decision; also the inbox."""

    __tablename__ = "notices"
    __table_args__ = (
        one_of("addressee_kind", AddresseeKind),
        CheckConstraint("(addressee_kind = 'nobody') = (addressee is null)", name="somebody"),
        Index(None, "addressee_kind", "addressee", "created_at"),
        Index(None, "dedup_key", "addressee", "created_at"),
        Index(
            "ix_notices_unspread",
            "created_at",
            postgresql_where=text("spread_at is null and held_at is null"),
        ),
    )

    id: UUID = Field(primary_key=True)
    shard: int
    township: str
    kind: str
    urgent: bool
    discreet: bool
    case_id: UUID | None = Field(default=None, index=True)
    case_number: str | None = None
    addressee_kind: str
    addressee: str | None = None
    # The role and organisation it was addressed to, where it was addressed to a role.
    role: str | None = None
    org: str | None = None
    params: dict[str, Any] = Field(sa_type=JSONB)
    dedup_key: str
    created_at: datetime
    # When its sends were made; until then no channel knows of it.
    spread_at: datetime | None = None
    # When the last of its sends came to an end.
    settled_at: datetime | None = None
    held_at: datetime | None = None
    repeat_of: UUID | None = None


class NoticeSends(Table, table=True):
    """One notice on one channel. `channel` is null where a skip concerns all of them."""

    __tablename__ = "notice_sends"
    __table_args__ = (
        one_of("channel", ChannelName),
        one_of("state", SendState),
        CheckConstraint("state <> 'skipped' or reason is not null", name="skip_has_reason"),
        CheckConstraint("state <> 'sent' or sent_at is not null", name="sent_has_time"),
        Index("ix_notice_sends_due", "next_attempt_at", postgresql_where=text("state = 'pending'")),
        Index("ix_notice_sends_under_way", "id", postgresql_where=text("state = 'sending'")),
    )

    id: UUID = Field(primary_key=True)
    notice_id: UUID = Field(foreign_key="notices.id", index=True)
    channel: str | None = None
    # Null for a reporter: the vault is asked at the moment of sending.
    address_id: UUID | None = None
    language: str
    state: str
    reason: str | None = None
    attempts: int = 0
    next_attempt_at: datetime | None = None
    sent_at: datetime | None = None
    provider_ref: str | None = None
    changed_at: datetime


class NoticeHolds(Table, table=True):
    """After a restore: notices up to an instant may have been sent before, so they wait."""

    __tablename__ = "notice_holds"

    id: UUID = Field(primary_key=True)
    until: datetime
    placed_at: datetime
    released_at: datetime | None = None


class NoticeReads(Table, table=True):
    """Somebody opened a notice in the inbox."""

    __tablename__ = "notice_reads"

    notice_id: UUID = Field(primary_key=True, foreign_key="notices.id")
    person_id: str = Field(primary_key=True)
    read_at: datetime


class ChannelAddresses(Table, table=True):
    """Where an official, a member or an office is reached. Villagers are in the vault only."""

    __tablename__ = "channel_addresses"
    __table_args__ = (
        one_of("owner_kind", (AddresseeKind.PERSON, AddresseeKind.ORG)),
        one_of("channel", (ChannelName.MAIL, ChannelName.SMS, ChannelName.CHAT)),
        Index(
            "uq_channel_addresses_current",
            "owner_kind",
            "owner",
            "channel",
            unique=True,
            postgresql_where=text("ended_at is null"),
        ),
    )

    id: UUID = Field(primary_key=True)
    owner_kind: str
    owner: str
    channel: str
    # Encrypted with the installation's address key, so that no dump or log shows a number.
    sealed: bytes
    language: str = "zh"
    preferred: bool = False
    added_at: datetime
    ended_at: datetime | None = None
