"""How people are reached, how long things are kept, how large they may be."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from pydantic import Field

from models.policy.people import OrgKind, Role
from models.policy.span import DayTime, Duration, Name, Part, Share


class QuietHours(Part):
    """No notice goes out then, except where lives are in danger."""

    start: DayTime
    end: DayTime


class NoticeRules(Part):
    """Notices (notices.yaml; domain.md section 12)."""

    quiet: QuietHours
    #: kinds that break the quiet hours
    urgent_kinds: frozenset[str]
    #: the same notice to the same person about the same case is not repeated within this
    repeat_after: Duration
    #: by kind, where it differs
    repeat_after_by_kind: Mapping[str, Duration] = Field(default_factory=dict)
    #: from so many notices within `bundle_window` they are sent as one
    bundle_from: int = Field(ge=2)
    bundle_window: Duration
    #: tried in order until one delivers
    channels: tuple[str, ...] = Field(min_length=1)
    channels_by_role: Mapping[Role, tuple[str, ...]] = Field(default_factory=dict)
    #: tries on one channel, and the first pause, doubled each time
    attempts: int = Field(ge=1)
    backoff: Duration
    #: a notice older than this is not worth sending any more
    stale_after: Duration
    #: variant of the text by kind of notice; the kind's plain text where it is not named
    variants: Mapping[str, str] = Field(default_factory=dict)


class DigestRule(Part):
    """One periodic digest: when, to whom."""

    name: Name
    every: Literal["day", "week", "month", "quarter"]
    #: local times of the day
    at: tuple[DayTime, ...] = Field(min_length=1)
    #: 1 Monday to 7 Sunday; for weeks
    weekday: int | None = Field(default=None, ge=1, le=7)
    #: day of the month; for months and quarters
    day: int | None = Field(default=None, ge=1, le=28)
    level: OrgKind
    to: tuple[Role, ...] = Field(min_length=1)


class DigestRules(Part):
    """日报, 周报, 月报, 季报 (digests.yaml)."""

    items: Mapping[str, DigestRule]


class Retention(Part):
    """How long what is kept (retention.yaml; domain.md section 10).

    `partygrid.operations.house_keeping` erases by it once a day. Audit and journal hold no words
    and are never erased; logs, impact assessments and Prefect's runs are for others to put away.
    """

    audit: Duration
    security_log: Duration
    reporter_identity: Duration
    free_text: Duration
    evidence: Duration
    notice_text: Duration
    dead_letter: Duration
    journal: Duration
    impact_assessment: Duration
    prefect_runs: Duration
    #: after publication, for rows whose event was decided: they hold its words as they came through
    #: a door; not given: they are kept
    outbox: Duration | None = None


class EvidenceKind(StrEnum):
    """Kinds of evidence that can be taken at all; the value is the media type."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"
    PDF = "application/pdf"
    TEXT = "text/plain"


#: Kinds that are drawn anew before they are kept.
PICTURES = frozenset({EvidenceKind.JPEG, EvidenceKind.PNG, EvidenceKind.WEBP})


class EvidenceLimits(Part):
    """What may be brought as evidence."""

    kinds: frozenset[EvidenceKind] = Field(min_length=1)
    #: bytes of a picture as it is sent
    picture_bytes: int = Field(ge=1)
    #: bytes of a document or a text
    document_bytes: int = Field(ge=1)
    #: width times height of a picture as it is sent; of a larger one than this the decoder itself
    #: believes that it was made to fill the memory
    picture_pixels: int = Field(ge=1, le=89_478_485)
    #: longest side of a picture as it is kept; a larger one is made smaller
    picture_side: int = Field(ge=1)


class EventLimits(Part):
    """What a door takes (limits.yaml)."""

    #: bytes of one event
    event_bytes: int = Field(ge=1)
    #: events of one batch
    batch_items: int = Field(ge=1)
    #: evidence hashes of one event
    evidence_items: int = Field(ge=0)
    #: tries on one record before it is decided alone and dead-lettered
    crash_attempts: int = Field(ge=1)
    #: events a source may post within a minute, by door process as the next ones
    posts_a_minute: int = Field(ge=1)
    #: files of evidence a source may bring
    evidence_a_minute: int = Field(ge=1)
    #: identities a source may hand to the vault
    identities_a_minute: int = Field(ge=1)
    #: outcomes and files a source may fetch
    reads_a_minute: int = Field(ge=1)
    #: requests and events from one address that prove nothing, before it is not heard for a while
    failures_a_minute: int = Field(ge=1)
    #: parked events of one source for one case; what comes then is dead-lettered
    parked_per_case: int = Field(ge=1)
    #: share of dead letters in an hour that alarms the operators
    dead_letter_alarm: Share
    evidence: EvidenceLimits
